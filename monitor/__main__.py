"""The commands har-monitor, also as python -m monitor, har-events and har-scan."""

import os
import sys
import threading
from importlib import import_module

from monitor.cli.interrupt import start_command

# Of har-monitor, beside watching: the module of each in monitor.cli.
OTHER_COMMANDS = {
    "cluster": "cluster",
    "init": "init",
    "notify": "notify",
    "page": "site_page",
    "passwd": "passwd",
    "probe": "probe",
}


def run() -> None:
    """Run the command; the process ends at once where a camera is still being read.

    PyAV takes Python's lock within such a read, and crashes where Python is already torn down.
    """
    start_command()
    name = next(iter(sys.argv[1:2]), "")
    try:
        if name in OTHER_COMMANDS:
            module = import_module(f"monitor.cli.{OTHER_COMMANDS[name]}")
            module.app(sys.argv[2:], prog_name=f"har-monitor {name}")
        from monitor.cli.app import app

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


def run_scan() -> None:
    """Run har-scan."""
    start_command()
    from monitor.cli.scan import app

    app(prog_name="har-scan")


if __name__ == "__main__":
    run()
