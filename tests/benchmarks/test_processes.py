"""The page on one process and several."""

from benchmarks.processes.measure import Run, Shared
from benchmarks.processes.page import page


def run(workers: int, latencies_ms: tuple[float, ...]) -> Run:
    return Run(
        workers=workers,
        seconds=60.0,
        windows_per_s=12.34,
        cpu_share=1.6,
        memory_mib=1600.0,
        switches_per_s=190_000.4,
        waiting_s=8.7,
        latencies_ms=latencies_ms,
        others_share=0.104,
    )


def test_every_run_is_a_row_with_its_figures() -> None:
    runs = (run(1, (1.0,)), run(2, (100.0, 300.0)))
    about = {"at": "2026-05-04", "machine": "2 cores, any"}
    text = page(
        [
            Shared(kind="overload", stream="fights", cameras=200, runs=runs, **about),
            Shared(kind="still", stream="idle", cameras=64, runs=(run(2, ()),), **about),
        ]
    )  # fmt: skip

    assert "on 2 cores, any." in text
    assert "| 200, fights | 1 | 12.3 | 1 | – | – | 9 s | 190,000 | 1.60 | 10 % |" in text
    assert "| 200, fights | 2 | 12.3 | 2 | 200 ms | 290 ms | 9 s | 190,000 | 1.60 | 10 % |" in text
    assert "| 64, idle | 2 | 25.0 | 25.0 MiB | 10 % |" in text
