"""How processes of shards are begun: as nobody's children, and at once if one stands ready."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from monitor.cluster.alive import Pid
from monitor.errors import MonitorError

log = logging.getLogger(__name__)

WATCH = "monitor"  # the module that watches, by its arguments
SPARE = "monitor.cli.spare"  # the module that waits for a folder and such arguments
AGAIN_S = 30.0  # from a spare that ended by itself, or could not be begun, to the next
_LAUNCH_S = 30.0
_LAUNCH = Path(__file__).with_name("launch.py")
# What Ray says to its own processes, such as its token, is not for those that watch.
_RAY = "RAY_"


def launched(
    folder: Path, module: str, arguments: Sequence[str] = (), stdin: int = subprocess.DEVNULL
) -> Pid:
    """A module of Python at work in a folder, which outlives this process.

    What it says goes to the file `output` there. MonitorError if it cannot be begun.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_RAY)}
    command = [sys.executable, "-m", module, *arguments]
    try:
        started = subprocess.run(
            [sys.executable, "-S", "-E", str(_LAUNCH), "output", *command],
            cwd=folder,
            env=environment,
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=_LAUNCH_S,
            check=True,
        )
        pid = Pid.of(int(started.stdout))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise MonitorError(f"{folder}: no process can be begun: {error}") from None
    if pid is None:
        raise MonitorError(last_line(folder / "output"))  # it has ended already
    return pid


class Launcher:
    """Begins processes of a node's shards. One more has all modules loaded, and waits for orders.

    A process that dies is watched for again so much sooner. The spare ends with this process.
    """

    def __init__(
        self,
        folder: Path,  # of the node
        spare: str = SPARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._module = spare
        self._clock = clock
        self._due_s = clock()  # when a spare may be begun
        self._spare: tuple[Pid, int] | None = None  # and the pipe to it

    def prepare(self) -> None:
        """Begin a spare process, if there is none."""
        if self._spare is not None and not self._spare[0].lives:
            log.warning("the spare process ended: %s", last_line(self._folder / "output"))
            self.close()
            self._due_s = self._clock() + AGAIN_S
        if self._spare is not None or self._clock() < self._due_s:
            return
        theirs, ours = os.pipe()
        try:
            self._spare = launched(self._folder, self._module, stdin=theirs), ours
        except MonitorError as error:
            os.close(ours)
            self._due_s = self._clock() + AGAIN_S
            log.warning("no spare process: %s", error)
        finally:
            os.close(theirs)

    def begin(self, folder: Path, arguments: Sequence[str]) -> Pid:
        """A har-monitor at work in a folder: the spare one, or else a new one.

        MonitorError if it cannot be begun.
        """
        if self._spare is not None:
            pid, pipe = self._spare
            try:
                if pid.lives:
                    os.write(pipe, json.dumps([str(folder), *arguments]).encode())
                    return pid
            except OSError as error:
                log.warning("the spare process takes no orders: %s", error)
            finally:
                self.close()
        return launched(folder, WATCH, arguments)

    def close(self) -> None:
        """End the spare process, unless it has its orders; twice is fine."""
        if self._spare is not None:
            os.close(self._spare[1])
            self._spare = None


def last_line(output: Path) -> str:
    """The last error of what a process said, or else the last line."""
    try:
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return "it said nothing"
    said = [line.strip() for line in lines if line.strip()]
    errors = [line.removeprefix("error: ") for line in said if line.startswith("error: ")]
    return (errors or said or ["it said nothing"])[-1]
