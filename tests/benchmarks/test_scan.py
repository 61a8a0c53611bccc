"""The benchmark of archives: its page."""

from benchmarks.machine import Machine
from benchmarks.scan.measure import By, Compared, Speed
from benchmarks.scan.page import page

MACHINE = Machine(cpu="A processor", cores=2, memory_gib=4, kernel="Linux 6", versions={})


def compared(stream: str, windows: int, cpu_s: float, by: By = "processes") -> Compared:
    return Compared(
        stream=stream,
        title=f"{stream}, 1080p25",
        by=by,
        processes=2,
        date="2026-01-01",
        machine=MACHINE,
        windows=windows,
        scan=Speed(video_s=200, cpu_s=cpu_s),
        decode=Speed(video_s=100, cpu_s=10),
        decode_fast=Speed(video_s=250, cpu_s=20),
    )


def test_speeds_are_compared_by_what_they_cost() -> None:
    text = page(
        [compared("busy", 400, 25), compared("busy", 400, 20, "ray"), compared("idle", 20, 4)]
    )
    assert "The machine: A processor, 2 threads." in text
    assert (
        "| busy, 1080p25 | 2 | 8.0 | 10.0 | -20% | 12.5 | 2.00 | 22 ms |\n"
        "| busy, 1080p25 | Ray, 2 CPUs | 10.0 | 10.0 | +0% | 12.5 | 2.00 | 10 ms |\n"
        "| idle, 1080p25 | 2 | 50.0 | 10.0 | +400% | 12.5 | 0.10 | – |\n"
    ) in text


def test_a_page_without_results_says_so() -> None:
    assert "The machine: –." in page([])
