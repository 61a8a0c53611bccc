"""The same footage through every kind of source gives the same activities."""

import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertEvent
from monitor.mailbox import Mailbox
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.sources.address import Address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from monitor.sources.webcam import WebcamSource
from testkit.fakes import PacedDevice, RecordingSink
from testkit.models import metadata, motion_model
from testkit.servers.rtsp import rtsp_server


@pytest.fixture(scope="module")
def footage(fight_clip: Path, nofight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3.4 s without a fight, 4.8 s of a fight, 3.4 s without: two real cameras, joined."""
    path = tmp_path_factory.mktemp("footage") / "joined.mp4"
    clips = [nofight_clip, fight_clip, nofight_clip]
    inputs = [argument for clip in clips for argument in ("-i", str(clip))]
    joined = "".join(f"[{n}:v]fps=25,setsar=1[v{n}];" for n in range(3))
    joined += "[v0][v1][v2]concat=n=3"
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-g", "50", "-bf", "0"]
    command = ["ffmpeg", "-v", "error", *inputs, "-filter_complex", joined, *encoder, str(path)]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    path = tmp_path_factory.mktemp("model") / "motion.onnx"
    return OnnxClassifier(motion_model(path, metadata()))


SOURCES = ("realtime file", "rtsp", "webcam")


def activities(
    source: str, footage: Path, classifier: OnnxClassifier
) -> tuple[AlertEvent, AlertEvent]:
    """The first activity of the source: its start and its end."""
    sink = RecordingSink()

    def make(address: Address, settings: SourceSettings) -> Source:
        if address.kind == "webcam":
            device = PacedDevice(footage, 25)
            return WebcamSource(address, lambda target: device, device.clock)
        return make_source(address, settings)

    with ExitStack() as stack:
        target = {
            "rtsp": lambda: stack.enter_context(rtsp_server(footage)).url,
            "webcam": lambda: "0",
        }.get(source, lambda: str(footage))()
        options = MonitorOptions.model_validate(
            {"cameras": [{"name": "a", "source": target}], "realtime": source == "realtime file"}
        )
        monitor = Monitor(options, classifier, [sink], make=make)
        thread = threading.Thread(target=monitor.run)
        thread.start()
        try:
            sink.wait_for(2)
        finally:
            monitor.stop()
            thread.join()
    start, end = sink.alerts[:2]
    return start, end


@pytest.fixture(scope="module")
def expected(footage: Path, classifier: OnnxClassifier) -> tuple[AlertEvent, AlertEvent]:
    return activities("file", footage, classifier)


def put_all(box: Mailbox[object], key: str, item: object) -> None:
    """In place of `put_latest`: a busy machine would drop windows."""
    box.put(key, item)


@pytest.fixture(scope="module")
def found(footage: Path, classifier: OnnxClassifier) -> dict[str, tuple[AlertEvent, AlertEvent]]:
    """Of every source that takes its time; all at once, since they wait most of it."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor() as watching:
        patch.setattr(Mailbox, "put_latest", put_all)
        results = watching.map(lambda source: activities(source, footage, classifier), SOURCES)
        return dict(zip(SOURCES, results, strict=True))


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_act_is_found_at_the_same_time(
    source: str,
    found: dict[str, tuple[AlertEvent, AlertEvent]],
    expected: tuple[AlertEvent, AlertEvent],
) -> None:
    start, end = found[source]
    assert (start.label, start.end_s) == ("moving", None)
    assert end.id == start.id
    assert start.start_s == pytest.approx(expected[0].start_s, abs=0.15)
    assert end.end_s == pytest.approx(expected[1].end_s, abs=0.15)
    assert start.score == pytest.approx(expected[0].score, abs=0.1)


def test_the_act_is_where_it_was_laid(expected: tuple[AlertEvent, AlertEvent]) -> None:
    start, end = expected
    assert 1.0 < start.start_s < 3.4, "a window that reaches into the act, which begins at 3.4 s"
    assert end.end_s is not None
    assert 8.2 <= end.end_s < 10.2, "it is over at 8.2 s"
