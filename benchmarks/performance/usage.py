"""CPU and memory that a process and its children have used, from Linux's /proc."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Positions in /proc/PID/stat, counted from 0 after the process's name. The times are user, system,
# and both of children that were waited for.
_PARENT, _FIRST_TIME, _LAST_TIME = 1, 11, 14


@dataclass(frozen=True)
class Memory:
    """Memory of one process in RAM, bytes."""

    private: int
    shared: int  # with other processes, mostly libraries


def cpu_s(root: int, proc: Path = PROC) -> float:
    """CPU seconds that a process and all of its descendants have used so far.

    The time of a child that has ended counts in the process that waited for it.
    """
    ticks = 0
    for pid in tree(root, proc):
        if (fields := _stat(pid, proc)) is not None:
            ticks += sum(int(field) for field in fields[_FIRST_TIME : _LAST_TIME + 1])
    return ticks / _TICKS_PER_S


def own_cpu_s(root: int, proc: Path = PROC) -> dict[int, float]:
    """CPU seconds of a process and of each of its descendants, without children that have ended."""
    found = {}
    for pid in tree(root, proc):
        if (fields := _stat(pid, proc)) is not None:
            user, system = fields[_FIRST_TIME : _FIRST_TIME + 2]
            found[pid] = (int(user) + int(system)) / _TICKS_PER_S
    return found


def memory_mib(root: int, proc: Path = PROC) -> float:
    """Memory of a process and all of its descendants; what they may share is counted once."""
    found = [memory for pid in tree(root, proc) if (memory := _memory(pid, proc)) is not None]
    shared = max((memory.shared for memory in found), default=0)
    return (sum(memory.private for memory in found) + shared) / 2**20


def tree(root: int, proc: Path = PROC) -> list[int]:
    """A process and all of its present descendants."""
    children: dict[int, list[int]] = {}
    for pid in _pids(proc):
        if (fields := _stat(pid, proc)) is not None:
            children.setdefault(int(fields[_PARENT]), []).append(pid)
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def machine_s(proc: Path = PROC) -> tuple[float, float]:
    """CPU seconds of all cores so far: in use by anybody, and taken by the host."""
    words = (proc / "stat").read_text().split("\n", 1)[0].split()
    user, nice, system, _, _, irq, softirq, steal = (int(word) for word in words[1:9])
    return (user + nice + system + irq + softirq) / _TICKS_PER_S, steal / _TICKS_PER_S


def _pids(proc: Path) -> Iterator[int]:
    return (int(path.name) for path in proc.iterdir() if path.name.isdecimal())


def _stat(pid: int, proc: Path) -> list[str] | None:
    """The fields after the name, which may hold blanks and brackets; None if it has ended."""
    try:
        return (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _memory(pid: int, proc: Path) -> Memory | None:
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return None
    kib = {name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    return Memory(private * 1024, (kib["Rss"] - private) * 1024)
