"""The notifier's process: python -m monitor.cli.notifier LINK, a descriptor that it inherits."""

import logging
import os
import signal
import socket
import sys
import threading
from functools import partial

from rich.console import Console

from monitor.cli.command import exit_codes, run_beside, start_logging
from monitor.cli.turn import NotifierInTurn
from monitor.errors import OvertakenError
from monitor.link import LinkClosed, receive
from monitor.notify.notifier import Notifier
from monitor.notify.settings import NotifySettings
from monitor.store.rebuild import KeptStore

log = logging.getLogger(__name__)

END_S = 1.5  # that what waits is tried, once the watching process is gone


def main() -> None:
    """Notify until the watching process is gone, or closes the link."""
    # They are for the watching process, which ends this one when there is no more to tell.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False, patient=False)
        silence_libraries()
        threading.excepthook = partial(_end, console)
        text = sys.stdin.buffer.read()
        if not text:  # the watching ended before it began
            return
        settings = NotifySettings.model_validate_json(text)
        link = socket.socket(fileno=int(sys.argv[1]))
        store = KeptStore(settings.store, settings.log)
        notifier = (Notifier if settings.holder is None else NotifierInTurn)(settings, store)
        try:
            _follow(link, notifier)
        finally:
            notifier.close(END_S)
            store.close()


def silence_libraries() -> None:
    """Log our own lines alone: those of libraries may quote addresses, which are secrets."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: record.name.partition(".")[0] in ("monitor", "__main__"))


def _follow(link: socket.socket, notifier: Notifier | NotifierInTurn) -> None:
    while True:
        try:
            head, body = receive(link)
        except LinkClosed:
            return
        match head["type"]:
            case "state":
                notifier.tell(head["states"])
            case "news":
                notifier.wake()
            case "settings":
                notifier.renew(NotifySettings.model_validate_json(body))


def _end(console: Console, failure: threading.ExceptHookArgs) -> None:
    """A thread that failed would never be missed: the process ends, and is started again."""
    with exit_codes(console):  # it writes what is logged
        if isinstance(failure.exc_value, OvertakenError):
            log.error("the notifier ends: %s", failure.exc_value)
        else:
            log.error("the notifier failed", exc_info=failure.exc_value)
    os._exit(1)


if __name__ == "__main__":
    run_beside(main)
