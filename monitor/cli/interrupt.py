"""Ctrl-C: a command ends by it without a traceback, whenever it comes."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = 130
_AGAIN_S = 2.0  # until a KeyboardInterrupt that was lost is raised again


def start_command() -> None:
    """From now on Ctrl-C ends the process there and then; nothing is open that must be closed.

    To be called before anything heavy is imported. While modules are imported, an exception would
    not do: some make another one of it, and Python prints it where none can be raised. Nor would
    the system's own way: it spares the first process of a container.
    """
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as a shell starts what is not to end
        signal.signal(signal.SIGINT, _end)


@contextmanager
def interruptible(show_cursor: Callable[[], object]) -> Iterator[None]:
    """Within the block Ctrl-C is a KeyboardInterrupt, so that what is open is closed.

    A second one, and one while a module is imported, ends the process there and then;
    `show_cursor` undoes what a progress display does to the terminal. An error that comes after it
    is a KeyboardInterrupt, too: libraries in C make others of one, such as a SystemError. Others
    lose it: it is raised again if the block goes on, and does not handle one just then.
    """
    pressed = False

    def again(signum: int, frame: FrameType | None) -> None:
        if sys.exc_info()[1] is None and not _importing(frame):
            raise KeyboardInterrupt

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, _end)
        if _importing(frame):
            show_cursor()
            _end(signum, frame)
        signal.signal(signal.SIGALRM, again)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    alarm_before = signal.getsignal(signal.SIGALRM)
    if before != signal.SIG_IGN:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception:
        if pressed:
            raise KeyboardInterrupt from None
        raise
    finally:
        if pressed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm_before)
        signal.signal(signal.SIGINT, before)


def _end(signum: int, frame: FrameType | None) -> None:
    os._exit(EXIT_INTERRUPTED)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
