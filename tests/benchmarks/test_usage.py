"""What the performance benchmark reads about processes in /proc."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.performance.usage import cpu_s, machine_s, memory_mib, own_cpu_s, tree
from testkit.fakes import wait_until


class Proc:
    """A /proc of three processes: 10 has the child 11, whose name is awkward; 12 is a stranger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process(10, "python", 1, times=(100, 20, 7, 3), rss=(30, 20))
        self._process(11, "a) b (c", 10, times=(50, 0, 0, 0), rss=(50, 30))
        self._process(12, "python", 1, times=(999, 999, 999, 999), rss=(999, 999))
        (folder / "stat").write_text("cpu  100 0 50 1000 9 0 10 40 0 0\ncpu0 1 1\n")
        (folder / "self").mkdir()

    def _process(
        self, pid: int, name: str, parent: int, times: tuple[int, ...], rss: tuple[int, int]
    ) -> None:
        own = self.folder / str(pid)
        own.mkdir()
        fields = ["S", str(parent), *["0"] * 9, *map(str, times), "20", "0"]
        (own / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
        private, shared = rss
        lines = (
            "0-1 ---p 0 00:00 0 [rollup]",
            f"Rss: {1024 * (private + shared)} kB",
            f"Private_Clean: {1024 * private - 8} kB",
            "Private_Dirty: 8 kB",
        )
        (own / "smaps_rollup").write_text("\n".join(lines) + "\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    return Proc(tmp_path).folder


def test_cpu_time_includes_children_and_ended_children(proc: Path) -> None:
    assert tree(10, proc) == [10, 11]
    assert cpu_s(10, proc) == pytest.approx(1.8)
    assert cpu_s(99, proc) == 0  # it is gone


def test_own_cpu_time_is_that_of_each_process_alone(proc: Path) -> None:
    assert own_cpu_s(10, proc) == {10: 1.2, 11: 0.5}


def test_memory_that_processes_share_is_counted_once(proc: Path) -> None:
    assert memory_mib(10, proc) == 30 + 50 + 30


def test_the_time_of_the_machine_is_split_into_used_and_taken_by_the_host(proc: Path) -> None:
    assert machine_s(proc) == (1.6, 0.4)


def test_the_cpu_time_of_a_child_stays_after_its_end() -> None:
    work = "import time\nwhile time.process_time() < 0.3: pass\n"
    both = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}]); input()"
    with subprocess.Popen([sys.executable, "-c", both], stdin=subprocess.PIPE) as process:
        wait_until(lambda: cpu_s(process.pid) >= 0.3 and len(tree(process.pid)) == 1)
        assert cpu_s(process.pid) < 2
        process.communicate(b"\n", 10)
