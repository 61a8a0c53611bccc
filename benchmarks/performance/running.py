"""Programs as they run: started, read and always ended."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.performance.plan import ProgramName
from benchmarks.performance.programs import TITLES, Line, Task, commands, environment
from benchmarks.performance.usage import cpu_s, memory_mib
from monitor.errors import MonitorError

_END_LIMIT_S = 20.0


class Running:
    """One program: one process, or one process for each camera."""

    def __init__(self, program: ProgramName, task: Task) -> None:
        self.program = program
        self.lines: list[Line] = []
        self.ended_s = 0.0  # when it was told to end
        self.started_s = time.monotonic()
        self._processes = [_process(command, task.folder) for command in commands(program, task)]
        self._readers = [
            threading.Thread(target=self._read, args=(process,), name=f"lines-{program}")
            for process in self._processes
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """Of its first process."""
        return self._processes[0].pid

    @property
    def cpu_s(self) -> float:
        """CPU seconds used so far."""
        return sum(cpu_s(process.pid) for process in self._processes)

    @property
    def memory_mib(self) -> float:
        """Memory now; what the processes of one tree share is counted once."""
        return sum(memory_mib(process.pid) for process in self._processes)

    def wait_for(self, ready: Callable[[Sequence[Line]], bool], limit_s: float) -> bool:
        """Wait until its lines say so; False after the limit, MonitorError if it ends."""
        end_s = time.monotonic() + limit_s
        while not ready(self.lines):
            if time.monotonic() > end_s:
                return False
            self.check()
            time.sleep(0.02)
        return True

    def check(self) -> None:
        """MonitorError if one of its processes has ended."""
        if any(process.poll() is not None for process in self._processes):
            raise self._failure("ended by itself")

    def end(self) -> None:
        """Tell it to end, and wait for it; may be called twice."""
        self.ended_s = self.ended_s or time.monotonic()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(_END_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for reader in self._readers:
            reader.join()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.lines.append((time.monotonic(), line.rstrip()))

    def _failure(self, what: str) -> MonitorError:
        said = "; ".join(text for _, text in self.lines[-3:]) or "it said nothing"
        return MonitorError(f"{TITLES[self.program]}: {what}: {said}")


@contextmanager
def running(program: ProgramName, task: Task) -> Iterator[Running]:
    """A program that ends with the block."""
    task.folder.mkdir(parents=True, exist_ok=True)
    one = Running(program, task)
    try:
        yield one
    finally:
        one.end()


def _process(command: list[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment(),
    )
