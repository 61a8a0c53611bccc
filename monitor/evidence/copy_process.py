"""Makes a small copy of a clip: python -m monitor.evidence.copy_process CLIP COPY.

It is a process of its own, at low priority: decoding holds up no request, and a clip that brings
down the decoder brings down nothing else. It ends when its standard input does: with whoever
wanted the copy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from monitor.errors import MonitorError, SourceError

COMMAND = (sys.executable, "-m", "monitor.evidence.copy_process")
UNFIT = 2  # exit code: no copy of this clip can be made; 1: none can be written
LIMIT_S = 900  # for one copy, on a machine that is busy with other things
NICE = 10


def main() -> None:
    """Make a copy; why that failed is a line on standard output."""
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _give_up)
    signal.alarm(LIMIT_S)
    os.nice(NICE)
    threading.Thread(target=_end_with_input, daemon=True).start()
    clip, copy = map(Path, sys.argv[1:])
    try:
        # Not at the top: who runs this process needs no FFmpeg.
        from monitor.evidence.small_copy import make_copy

        make_copy(clip, copy)
    except MonitorError as error:
        print(error)
        sys.exit(UNFIT if isinstance(error, SourceError) else 1)


def _give_up(number: int, _frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGALRM):  # a second one would disturb the clearing up
        signal.signal(each, signal.SIG_IGN)
    late = number == signal.SIGALRM
    raise MonitorError(f"it took longer than {LIMIT_S} s" if late else "it was given up")


def _end_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing ever comes
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
