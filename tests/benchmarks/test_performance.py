"""The performance benchmark: its plan, its measurements and its page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import benchmarks.performance.run
from benchmarks.machine import Machine, machine
from benchmarks.performance.measure import Places
from benchmarks.performance.page import page, read_results, write_page
from benchmarks.performance.plan import (
    Declared,
    Inference,
    Job,
    Latency,
    Together,
    jobs_of,
    read_plan,
)
from benchmarks.performance.programs import Done, done, told, watching
from benchmarks.performance.results import (
    MEASURED,
    InferenceResult,
    JobResult,
    LatencyResult,
    Measured,
    Origin,
    StartResult,
    TogetherResult,
    Usage,
    WindowCost,
)
from benchmarks.performance.run import measure_all
from benchmarks.performance.targets import cpu_ratio, targets
from benchmarks.results import keep, read, write
from benchmarks.streams import Stream, encoded, recipe_key
from monitor.errors import ConfigError, DataError
from testkit import ROOT

PLAN = ROOT / "benchmarks" / "performance" / "plan.yaml"
STREAM = Stream("idle", "mostly idle", 1920, 1080, 25, "h264", "variable", 4000)
WHERE = Machine(cpu="a CPU", cores=2, memory_gib=4, kernel="Linux 6", versions={"av": "18"})
ORIGIN = Origin(key="k", machine=WHERE, date="2026-11-23T00:00:00+00:00", version="1")


def usage(program: Any, cpu_ms: float, **changes: Any) -> Usage:
    values: dict[str, Any] = {
        "program": program,
        "cameras": 1,
        "cpu_ms": cpu_ms,
        "memory_mib": 100,
        "windows": 80,
        "read": 1.0,
        "windows_per_s": 2.0,
        "dropped": {},
    }
    return Usage.model_validate(values | changes)


def together(*usages: Usage) -> TogetherResult:
    return TogetherResult(
        name="together",
        origin=ORIGIN,
        stream="busy, 1080p25 H.264, constant rate",
        network="shipped",
        seconds=40,
        usages=usages,
        server_ms=5,
        others_share=0.01,
        stolen_share=0,
    )


def latency(cameras: int, *latencies_ms: float) -> LatencyResult:
    return LatencyResult(
        name="latency",
        origin=ORIGIN,
        stream="fights",
        program="har-monitor",
        cameras=cameras,
        seconds=40,
        latencies_ms=latencies_ms,
        usage=usage("har-monitor", 50, cameras=cameras),
        server_ms=1,
        others_share=0,
        stolen_share=0,
    )


def test_the_shipped_plan_is_valid_and_uses_every_stream() -> None:
    declared = read_plan(PLAN)
    assert {job.stream for job in jobs_of(declared)} - {None} == {
        stream.name for stream in declared.streams
    }


def test_every_target_finds_its_result_in_the_shipped_plan(
    tmp_path: Path,
) -> None:
    declared = read_plan(PLAN)
    file = tmp_path / "results.jsonl"
    write(file, [named(job.name, made_up(job)) for job in jobs_of(declared)])
    found = targets(read_results(declared, file))
    assert [target.what for target in found if target.reached is None] == []


def named(name: str, result: JobResult) -> JobResult:
    return result.model_copy(update={"name": name})


def made_up(job: Job) -> Measured:
    if isinstance(job, Together):
        return together(
            *(
                usage(program, 10, cameras=job.cameras, memory_mib=90 + 10 * job.cameras)
                for program in job.programs
            )
        )
    if isinstance(job, Inference):
        cost = WindowCost(network="convlstm", tf2onnx_ms=18, fused_ms=6)
        return InferenceResult(name="inference", origin=ORIGIN, costs=(cost,))
    if isinstance(job, Latency):
        return latency(16, 50, 60)
    return START


START = StartResult(
    name="start", origin=ORIGIN, clip="bus.mp4", starts_s={"har-monitor": (0.5, 0.7)}
)
SMALL = """
streams:
  - {name: s, film: busy, width: 640, height: 360, fps: 15, codec: h264, rate: constant, kbps: 500}
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SMALL + "comparisons: [{name: a, stream: t, programs: [opencv], seconds: 1}]",
            "no stream t; streams here: s",
        ),
        (
            SMALL.replace("film: busy", "film: lazy"),
            "no film lazy; films here: busy, mostly idle, fights, rare fights",
        ),
        (
            SMALL
            + "scaling: [{name: a, stream: s, programs: [opencv], cameras: [4, 4], seconds: 1}]",
            "scaling-a-opencv-4 is measured twice",
        ),
        (
            SMALL + "start: [{name: a, programs: [opencv], runs: 1}]",
            "either file or stream is needed",
        ),
        (
            SMALL + "start: [{name: a, file: none.mp4, programs: [opencv], runs: 1}]",
            "start a: no file none.mp4",
        ),
    ],
    ids=["stream", "film", "twice", "neither file nor stream", "no such file"],
)
def test_an_error_names_the_fault_in_the_plan(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "benchmarks" / "performance.yaml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_plan(path)
    assert message in str(caught.value)


def test_a_changed_recipe_makes_another_file(tmp_path: Path) -> None:
    slower = Stream("idle", "mostly idle", 1920, 1080, 15, "h264", "variable", 4000)
    assert recipe_key(STREAM) == recipe_key(STREAM) != recipe_key(slower)

    kept = tmp_path / f"idle-{recipe_key(STREAM)}.mp4"
    kept.touch()
    for name in ("surveillance",):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one-by-one-person-detection.mp4").touch()
    assert encoded(STREAM, tmp_path, tmp_path) == kept


def test_an_error_names_missing_footage(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"person-detection.mp4: no such file; idle is made of it"):
        encoded(STREAM, tmp_path, tmp_path)


MONITOR_LINES = [
    (1.0, "2026-11-23 00:00:00,000 INFO camera c0: watching rtsp://127.0.0.1:1/cam"),
    (2.0, "2026-11-23 00:00:00,000 INFO camera c1: watching rtsp://127.0.0.1:1/cam"),
    (
        31.0,
        "2026-11-23 00:00:30,000 INFO camera c0: stopped: 750 frames, 57 windows, 1 alert; "
        "3 dropped: busy, 1 dropped: slow source",
    ),
    (31.0, "2026-11-23 00:00:30,000 INFO camera c1: stopped: 1 frame, 0 windows, 0 alerts"),
]
PEER_LINES = [
    (1.0, '{"event": "watching", "camera": 0}'),
    (1.1, "[h264 @ 0x1] error while decoding"),
    (3.0, '{"event": "end", "cameras": [{"frames": 75, "windows": 3, "seconds": 3.0}]}'),
]


def test_what_har_monitor_did_is_read_from_its_log() -> None:
    assert watching("har-monitor", MONITOR_LINES) == 2
    assert done("har-monitor", MONITOR_LINES, 31.0) == [
        Done(750, 57, 30.0, {"busy": 3, "slow source": 1}),
        Done(1, 0, 29.0, {}),
    ]


def test_what_a_peer_did_is_read_from_its_reports() -> None:
    assert watching("opencv", PEER_LINES) == 1
    assert len(told(PEER_LINES)) == 2
    assert done("opencv", PEER_LINES, 3.0) == [Done(75, 3, 3.0, {})]
    assert done("decode", [], 3.0) == []


@pytest.mark.parametrize(
    ("changes", "in_time"),
    [
        ({}, True),
        ({"read": 0.85}, False),
        ({"read": None}, True),
        ({"windows": 80, "dropped": {"busy": 5, "still": 900}}, True),
        ({"windows": 80, "dropped": {"busy": 10, "overload": 10}}, False),
    ],
    ids=["all", "frames late", "says nothing", "few busy", "many busy"],
)
def test_a_program_that_loses_few_frames_and_windows_keeps_up(
    changes: dict[str, Any], in_time: bool
) -> None:
    assert usage("har-monitor", 10, **changes).in_time == in_time


class Bench:
    """A benchmark that measures nothing: its programs need what the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.places = Places(folder, folder / "results.jsonl", folder, folder, folder)
        self.measured: list[str] = []
        self.read: Callable[[int], float] = lambda cameras: 1.0
        self.key = "first"
        names = benchmarks.performance.run
        monkeypatch.setattr(names, "run_together", self._together)
        monkeypatch.setattr(names, "machine", lambda: WHERE)
        monkeypatch.setattr(names, "origin", lambda *_: ORIGIN.model_copy(update={"key": self.key}))

    def run(self, text: str, only: str = "") -> list[str]:
        """Measure what `text` declares; return the jobs that were measured."""
        path = self.places.data / "performance.yaml"
        path.write_text(SMALL + text)
        self.measured.clear()
        measure_all(read_plan(path), self.places, Console(quiet=True), only=only)
        return list(self.measured)

    def _together(
        self, job: Together, stream: Stream, places: Places, origin: Origin
    ) -> TogetherResult:
        self.measured.append(job.name)
        needed = [
            usage(program, 10, cameras=job.cameras, read=self.read(job.cameras))
            for program in job.programs
        ]
        return together(*needed).model_copy(update={"name": job.name, "origin": origin})


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


COMPARISONS = """
comparisons:
  - {name: a, stream: s, programs: [opencv], seconds: 1}
  - {name: b, stream: s, programs: [opencv], seconds: 1}
"""
SCALING = "scaling: [{name: a, stream: s, programs: [opencv], cameras: [1, 4, 16], seconds: 1}]"


def test_a_result_that_still_holds_is_not_measured_again(bench: Bench) -> None:
    assert bench.run(COMPARISONS, only="-b") == ["together-b"]
    assert bench.run(COMPARISONS) == ["together-a"]
    assert bench.run(COMPARISONS) == []
    bench.key = "other code"
    assert bench.run(COMPARISONS) == ["together-a", "together-b"]


def test_a_program_that_cannot_keep_up_gets_no_more_cameras(bench: Bench) -> None:
    assert bench.run(SCALING) == [f"scaling-a-opencv-{n}" for n in (1, 4, 16)]
    bench.key, bench.read = "other code", lambda cameras: 1.0 if cameras == 1 else 0.5
    assert bench.run(SCALING) == ["scaling-a-opencv-1", "scaling-a-opencv-4"]
    assert list(read(bench.places.results, MEASURED)) == [
        "scaling-a-opencv-1",
        "scaling-a-opencv-4",
    ]


def declared_here(*parts: str) -> Declared:
    import yaml

    return Declared.model_validate(yaml.safe_load(SMALL + "\n".join(parts)))


def test_the_page_shows_targets_and_ratios_first(tmp_path: Path) -> None:
    declared = declared_here(
        "comparisons: [{name: busy-1080p25, stream: s, seconds: 40,"
        " programs: [har-monitor, opencv, tutorial]}]",
        "scaling: [{name: s, stream: s, programs: [har-monitor], cameras: [1, 4], seconds: 9}]",
        "latency: [{name: f, stream: s, program: har-monitor, cameras: [1, 2], seconds: 9}]",
        "start: [{name: bus, stream: s, programs: [har-monitor], runs: 2}]",
    )
    file = tmp_path / "results.jsonl"
    for name, result in {
        "together-busy-1080p25": together(
            usage("har-monitor", 60, dropped={"still": 2}),
            usage("opencv", 120, memory_mib=150),
            usage("tutorial", 1000, read=0.2),
        ),
        "scaling-s-har-monitor-1": together(usage("har-monitor", 20)),
        "scaling-s-har-monitor-4": together(usage("har-monitor", 10, cameras=4)),
        "latency-f-har-monitor-1": latency(1, 50, 60, 70),
        "latency-f-har-monitor-2": latency(2, 90),
        "start-bus": START,
    }.items():
        keep(file, MEASURED, named(name, result))

    text = write_page(declared, file, tmp_path)

    assert text == (tmp_path / "README.md").read_text()
    assert (
        text.index("| target |")
        < text.index("## CPU of har-monitor divided by")
        < text.index("## Side")
    )
    assert ", against OpenCV and tf2onnx | at most 0.6x | 0.50x | reached |" in text
    assert "inference included, against decoding alone | at most 1x | not measured |" in text
    watched = "| busy, 1080p25 H.264, constant rate | shipped |"
    assert f"{watched} 0.50 | – | – | – | – | 0.06 (late) |" in text
    assert "| har-monitor | 60.0 | 16.7 | 100 | 100 % | 2.00 | 2 still |" in text
    assert "| OpenCV, Keras for every frame | 1000.0 | – | 100 | 20 % | 2.00 | – |" in text
    assert "| har-monitor | 4 | 10.0 | 100.0 | 25 | 100 % | 2.00 | – |" in text
    assert "| fights | har-monitor | 1 | 3 | 60 | 69 | 50.0 | 100 % | – |" in text
    assert "| fights | har-monitor | 2 | 1 | – | – | 50.0 | 100 % | – |" in text
    assert "| bus.mp4 | har-monitor | 0.60 | 0.50 | 0.70 |" in text
    assert "- a CPU, 2 cores, 4 GiB, Linux 6; av 18" in text
    assert "![s](s.svg)" in text
    assert (tmp_path / "s.svg").read_text().startswith("<svg")


def test_a_ratio_counts_only_if_har_monitor_did_all_of_its_work() -> None:
    name = "together-busy-1080p25"
    slow, fast = usage("opencv", 120, read=0.5), usage("har-monitor", 60)
    assert cpu_ratio({name: together(fast, slow)}, name, "opencv") == 0.5
    late = usage("har-monitor", 60, dropped={"overload": 50})
    assert cpu_ratio({name: together(late, slow)}, name, "opencv") is None


def test_a_page_without_results_says_not_measured() -> None:
    text = page(read_plan(PLAN), {})
    assert text.count("not measured") == 10


def test_this_machine_can_be_described() -> None:
    here = machine()
    assert here.cores >= 1
    assert {"ffmpeg", "onnxruntime"} <= set(here.versions)
