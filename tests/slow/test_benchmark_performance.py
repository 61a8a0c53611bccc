"""The performance benchmark end to end, on a tiny stream from a real RTSP server."""

from pathlib import Path

import pytest

from benchmarks.machine import Machine
from benchmarks.performance.latency import run_latency
from benchmarks.performance.measure import Places, run_together
from benchmarks.performance.models import Models
from benchmarks.performance.plan import Latency, Network, Start, Together
from benchmarks.performance.results import Origin
from benchmarks.performance.start import run_starts
from benchmarks.streams import Stream
from testkit.media import make_video
from testkit.models import motion_model
from testkit.servers.rtsp import require_rtsp_server

STREAM = Stream("tiny", "busy", 320, 192, 25, "h264", "variable", 500)
WHERE = Machine(cpu="a CPU", cores=2, memory_gib=4, kernel="Linux", versions={})
ORIGIN = Origin(key="k", machine=WHERE, date="2026-11-23T00:00:00+00:00", version="1")


class TinyPlaces(Places):
    """A stream of numbered frames, and the network of the tests for every program."""

    def clip(self, stream: Stream) -> Path:
        path = self.streams / "tiny.mp4"
        if not path.exists():
            make_video(path, fps=25, duration_s=40, size=(320, 192), gop=50)
        return path

    def network(self, network: Network) -> Models:
        path = motion_model(self.models / "motion.onnx")
        return Models(path, path, path)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return TinyPlaces(tmp_path, tmp_path, tmp_path, tmp_path, tmp_path / "work")


def test_programs_that_watch_the_same_stream_are_measured_together(places: Places) -> None:
    require_rtsp_server()
    job = Together(
        name="together-tiny",
        stream="tiny",
        network="shipped",
        programs=("har-monitor", "opencv", "opencv-grab", "ffmpeg-pipes", "decode"),
        cameras=2,
        seconds=3,
        warm_s=2.5,
    )
    result = run_together(job, STREAM, places, ORIGIN)

    assert [usage.program for usage in result.usages] == list(job.programs)
    for usage in result.usages:
        assert usage.cpu_ms > 0, usage
        assert 10 < usage.memory_mib < 500, usage
    for usage in result.usages[:-1]:
        assert usage.read, usage
        assert usage.windows, usage
    assert result.usages[-1].read is None
    assert result.server_ms > 0


@pytest.mark.parametrize("program", ["har-monitor", "opencv"])
def test_latency_runs_from_the_socket_to_the_line(places: Places, program: str) -> None:
    job = Latency(
        name="latency-tiny",
        stream="tiny",
        program=program,  # type: ignore[arg-type]
        cameras=2,
        seconds=6,
        warm_s=0.1,
    )
    result = run_latency(job, STREAM, places, ORIGIN)

    assert len(result.latencies_ms) >= 2
    assert all(latency > 0 for latency in result.latencies_ms)
    assert result.usage.cameras == 2


def test_a_start_ends_with_the_first_classified_window(places: Places) -> None:
    job = Start("start-tiny", None, "tiny", ("har-monitor", "opencv"), runs=1)
    result = run_starts(job, STREAM, places, ORIGIN)
    assert {name: len(starts) for name, starts in result.starts_s.items()} == {
        "har-monitor": 1,
        "opencv": 1,
    }
    assert all(start > 0.1 for starts in result.starts_s.values() for start in starts)
