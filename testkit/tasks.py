"""Jobs for a Ray of this machine, each of whose nodes sees a folder of its own."""

import os
import signal
from pathlib import Path

from monitor.errors import MonitorError

NODE = "HAR_TEST_NODE"  # of the environment of a node: its name


def read_on_node(name: str, folder: Path) -> tuple[str, str]:
    """The node on which this runs, and what a file holds in its folder; MonitorError if none."""
    node = os.environ[NODE]
    path = folder / node / name
    try:
        return node, path.read_text()
    except OSError:
        raise MonitorError(f"{path}: cannot be read") from None


def die_on_node(job: object, folder: Path) -> None:
    """End the process, as if it had been killed."""
    os.kill(os.getpid(), signal.SIGKILL)
