"""The process of a shard on this machine: begun, found again, begun anew if it dies or hangs."""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from monitor.atomic import make_folder, write_private
from monitor.cluster.alive import Pid
from monitor.cluster.launching import last_line
from monitor.cluster.plan import ProcessState
from monitor.errors import MonitorError
from monitor.health.health_file import Health, read_health
from monitor.states import LeaseState

log = logging.getLogger(__name__)

# Pauses before it is begun again, from the second time on; from the third on, if it had the lease.
RETRY_MIN_S, RETRY_MAX_S = 1.0, 30.0
LASTED_S = 60.0  # a process that ran for so long was well
BEGIN_S = 90.0  # that it has to say for the first time how it does
HUNG_S = 5.0  # that its health file may then be stale
SLEPT_S = 3.0  # from one look to the next: too long for a machine at work
END_S = 20.0  # that it has to end
FAILURES = 3  # ends by itself in a row until it counts as failed
_LOG = "alerts.jsonl"
_OUTPUT_BYTES = 16 << 20  # a larger one is begun anew

# Begins a har-monitor in a folder, by its arguments; MonitorError if it cannot.
Begin = Callable[[Path, Sequence[str]], Pid]


@dataclass(frozen=True)
class Orders:
    """What a process is to do: kept in its folder, so that it is known again."""

    shard: str  # I/N
    config: str  # fingerprint of monitor.yaml beside it


class ShardProcess:
    """A har-monitor of one shard, in a folder of its own. It is nobody's child.

    It goes on if this process ends, and is taken over by the next one that is given its folder.
    """

    def __init__(
        self,
        folder: Path,
        orders: Orders,
        begin: Begin,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._begin = begin
        self.folder = folder
        self.orders = orders
        self._clock = clock
        self._pid: Pid | None = None
        self._looked_s = self._began_s = self._heard_s = clock()
        self._due_s = clock()  # when it is to be begun, if it does not run
        self._well = False  # it has said how it does since it was begun
        self._failures = 0  # in a row
        self._stopping_s: float | None = None  # since when
        self._error = ""
        self.health: Health | None = None  # what it said last

    @classmethod
    def begun(cls, folder: Path, orders: Orders, config: str, begin: Begin) -> ShardProcess:
        """One that begins with the next look, by the text of its configuration.

        MonitorError if nothing can be written there.
        """
        make_folder(folder)
        write_private(folder / "monitor.yaml", config)
        return cls(folder, orders, begin)

    @classmethod
    def found(
        cls, folder: Path, begin: Begin, clock: Callable[[], float] = time.monotonic
    ) -> ShardProcess | None:
        """The one that is to run in a folder, whether it lives or not; None if none is."""
        if (kept := _kept(folder)) is None:
            return None
        orders, pid = kept
        process = cls(folder, orders, begin, clock)
        if pid.lives:
            process._pid = pid
        else:  # its machine may have been switched off: that is no failure of its own
            log.warning("%s: it ended while nobody looked after it; it is begun again", folder)
        return process

    @property
    def pid(self) -> int | None:
        """Its number, which is that of its session, too."""
        return None if self._pid is None else self._pid.number

    @property
    def settled(self) -> bool:
        """Whether it has run for so long that it costs what it will."""
        return self._well and self._clock() - self._began_s >= LASTED_S

    @property
    def ended(self) -> bool:
        """Whether it was told to end, and has."""
        return self._stopping_s is not None and (self._pid is None or not self._pid.lives)

    @property
    def state(self) -> ProcessState:
        """How it does."""
        if self._stopping_s is not None:
            return ProcessState.STOPPING
        lease = None if self.health is None else self.health.lease
        if lease is not None and lease.state is LeaseState.STANDBY:
            return ProcessState.STANDBY
        if lease is not None and lease.epoch is not None:
            return ProcessState.HELD  # or it was, and the store does not answer just now
        return ProcessState.FAILED if self._failures >= FAILURES else ProcessState.STARTING

    @property
    def error(self) -> str:
        """Why it ended by itself, in its own words; empty if it did not, or is well again."""
        return self._error

    def stop(self) -> None:
        """Tell it to end; twice is fine."""
        if self._stopping_s is None:
            self._stopping_s = self._clock()
            if self._pid is not None:
                self._pid.signal(signal.SIGTERM)

    def look(self) -> None:
        """See how it does, and do what is due; to be called every second."""
        now_s = self._clock()
        if now_s - self._looked_s > SLEPT_S:  # the machine stood still: so did the process
            self._heard_s = now_s
        self._looked_s = now_s
        lives = self._pid is not None and self._pid.lives
        if self._stopping_s is not None:
            if not lives:
                (self.folder / "process.json").unlink(missing_ok=True)
            elif now_s - self._stopping_s > END_S:
                self._kill()
            return
        if lives:
            self._listen(now_s)
            return
        if self._pid is not None:
            self._fail(now_s, last_line(self.folder / "output"))
        if now_s >= self._due_s:
            try:
                self._launch()
            except MonitorError as error:
                self._fail(now_s, str(error))

    def _listen(self, now_s: float) -> None:
        with suppress(MonitorError):  # it has said nothing yet, or for long
            self.health = read_health(self.folder / "health.json")
            self._heard_s, self._well = now_s, True
        if self.settled:
            self._failures, self._error = 0, ""
        if now_s - self._heard_s > (HUNG_S if self._well else BEGIN_S):
            log.error("%s: nothing heard of process %s: it is killed", self.folder, self.pid)
            self._kill()
        output = self.folder / "output"
        with suppress(OSError):
            if output.stat().st_size > _OUTPUT_BYTES:
                (self.folder / "output.1").write_bytes(output.read_bytes())
                os.truncate(output, 0)  # who writes to it goes on at its new end

    def _fail(self, now_s: float, why: str) -> None:
        had_lease = self.state is ProcessState.HELD  # then whatever ended it, it can watch
        self._pid, self.health, self._well = None, None, False
        self._failures += 1
        self._error = why
        pause_s = min(RETRY_MIN_S * 2 ** (self._failures - 2), RETRY_MAX_S)
        if self._failures == 1 or (had_lease and self._failures < FAILURES):
            pause_s = 0.0
        self._due_s = now_s + pause_s
        log.warning("%s: it ended: %s; it is begun again in %g s", self.folder, why, pause_s)

    def _launch(self) -> None:
        (self.folder / "health.json").unlink(missing_ok=True)
        arguments = [
            "--config", "monitor.yaml", "--headless", "--shard", self.orders.shard,
            "--log", _LOG, "--health", "health.json",
            "--no-page", "--node", str(self.folder.parents[1]),
        ]  # fmt: skip
        self._pid = self._begin(self.folder, arguments)
        self._began_s = self._heard_s = self._clock()
        kept = {"orders": asdict(self.orders), "pid": asdict(self._pid)}
        write_private(self.folder / "process.json", json.dumps(kept))

    def _kill(self) -> None:
        if self._pid is not None:
            self._pid.signal(signal.SIGKILL)


def left_logs(node: Path) -> list[Path]:
    """The alert logs in the folders of a node in which no process lives."""
    logs = (folder / _LOG for folder in sorted(node.glob("shard-*/*")) if not _is_live(folder))
    return [path for path in logs if path.is_file()]


def _is_live(folder: Path) -> bool:
    kept = _kept(folder)
    return kept is not None and kept[1].lives


def _kept(folder: Path) -> tuple[Orders, Pid] | None:
    """What is to run in a folder, and the process that was begun last; None if nothing is."""
    try:
        kept = json.loads((folder / "process.json").read_text())
        return Orders(**kept["orders"]), Pid(**kept["pid"])
    except (OSError, ValueError, LookupError, TypeError):
        return None
