"""Processes that are nobody's children: whether they live, what they cost, how they are ended."""

from __future__ import annotations

import os
import select
import signal
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Stat:
    state: str  # Z: it has ended, and nobody has asked how
    session: int
    cpu_s: float
    began: int  # ticks since the machine was started


@dataclass(frozen=True)
class Pid:
    """A process that was seen alive; its number may be another's by now."""

    number: int
    began: int  # ticks since the machine was started
    boot: str  # which start of the machine

    @classmethod
    def of(cls, number: int) -> Pid | None:
        """The process that has this number now; None if none does."""
        stat = _stat(number)
        return None if stat is None or stat.state == "Z" else cls(number, stat.began, boot_id())

    @property
    def lives(self) -> bool:
        """Whether it still runs, or is frozen."""
        return Pid.of(self.number) == self

    def signal(self, number: signal.Signals) -> None:
        """Signal it, if it lives, and nobody else."""
        with suppress(OSError):
            handle = os.pidfd_open(self.number)
            try:
                if self.lives:
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)


def wait_for_end(numbers: Iterable[int], limit_s: float) -> None:
    """Wait until one of these processes has ended, but no longer than this."""
    handles: list[int] = []
    try:
        handles.extend(os.pidfd_open(number) for number in numbers)
        ended = select.poll()
        for handle in handles:
            ended.register(handle, select.POLLIN)
        ended.poll(limit_s * 1000)
    except ProcessLookupError:
        pass
    finally:
        for handle in handles:
            os.close(handle)


def boot_id() -> str:
    """Which start of this machine it is."""
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def cpu_of_sessions() -> dict[int, float]:
    """Seconds of a core that the living processes of each session have used, by its leader."""
    used: dict[int, float] = defaultdict(float)
    for number in _numbers():
        if (stat := _stat(number)) is not None:
            used[stat.session] += stat.cpu_s
    return used


def _numbers() -> Iterator[int]:
    return (int(path.name) for path in _PROC.iterdir() if path.name.isdecimal())


def _stat(number: int) -> _Stat | None:
    """What Linux says of a process, see proc(5); None if there is none."""
    try:
        text = (_PROC / str(number) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # its name may hold anything
    user, system = int(fields[11]), int(fields[12])
    return _Stat(fields[0], int(fields[3]), (user + system) * _TICK_S, int(fields[19]))
