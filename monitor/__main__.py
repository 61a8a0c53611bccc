"""The commands har-monitor, also as python -m monitor, and har-events."""

import os
import sys
import threading

from monitor.cli.interrupt import start_command


def run() -> None:
    """Run the command; the process ends at once where a camera is still being read.

    PyAV takes Python's lock within such a read, and crashes where Python is already torn down.
    """
    start_command()
    if sys.argv[1:2] == ["passwd"]:
        from monitor.cli.passwd import app as passwd

        passwd(sys.argv[2:], prog_name="har-monitor passwd")
    if sys.argv[1:2] == ["notify"]:
        from monitor.cli.notify import app as notify

        notify(sys.argv[2:], prog_name="har-monitor notify")
    from monitor.cli.app import app

    try:
        app(prog_name="har-monitor")
    except SystemExit as end:
        # Nothing is left to be flushed: alerts and lines of the log are written as they come.
        if isinstance(end.code, int) and any(thread.daemon for thread in threading.enumerate()):
            os._exit(end.code)
        raise


def run_events() -> None:
    """Run har-events."""
    start_command()
    from monitor.cli.events import app

    app(prog_name="har-events")


if __name__ == "__main__":
    run()
