"""What Prometheus reads of a monitor."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from monitor.health.histogram import Histogram
from monitor.health.status import CameraSnapshot
from monitor.metrics.collector import exposition
from monitor.metrics.facts import Disk, Evidence, Facts
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import CopyStatus, Frame, SinkStatus, WorkerStatus
from monitor.states import CameraState, SkipReason
from testkit import ROOT
from testkit.fakes import FakeSource, RecordingSink, moving, picture, still
from testkit.models import motion_model
from testkit.servers.prometheus import promtool
from testkit.watching import Running, Sources, configured, watching

FACTS = Facts(
    reviews={
        ("camera-0", "moving", "confirmed"): 3,
        ("camera-0", "moving", "dismissed"): 1,
        ("gone", "moving", "dismissed"): 5,
    },
    disks={"log": Disk(10, 100), "evidence": Disk(20, 200)},
    evidence=Evidence(7, 70, CopyStatus(waiting=3, copied=20, failed=2)),
)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> OnnxClassifier:
    return OnnxClassifier(motion_model(tmp_path_factory.mktemp("model") / "motion.onnx"))


@dataclass
class Text:
    """What is read, by name."""

    families: dict[str, Metric]

    def of(self, name: str) -> dict[tuple[str, ...], float]:
        """The samples of a name, by the values of their labels."""
        return {
            tuple(one.labels.values()): one.value
            for family in self.families.values()
            for one in family.samples
            if one.name == name
        }


def read(text: bytes) -> Text:
    return Text({one.name: one for one in text_string_to_metric_families(text.decode())})


@dataclass
class Planned:
    """A monitor of which everything is said."""

    cameras: tuple[CameraSnapshot, ...] = ()
    sinks: tuple[SinkStatus, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()

    def read(self) -> Text:
        return read(exposition(self, Facts)())


@pytest.fixture(scope="module")
def watched(classifier: OnnxClassifier) -> Callable[[], bytes]:
    """Of a monitor that watched something moving, and then something still."""
    source = FakeSource(moving(10) + [replace(one, time_s=one.time_s + 10) for one in still(10)])
    monitor, _ = watching(classifier, {"a.mp4": iter([source])})
    monitor.run()
    return exposition(monitor, lambda: FACTS)


def test_it_is_counted_what_was_watched(watched: Callable[[], bytes]) -> None:
    text = read(watched())
    camera = ("camera-0",)
    assert text.of("har_frames_decoded_total") == {camera: 200}
    assert text.of("har_frames_passed_over_total") == {camera: 0}
    assert text.of("har_alerts_total") == {("camera-0", "moving"): 1}
    assert text.of("har_camera_watched") == {camera: 1}
    assert [key for key, value in text.of("har_camera_state").items() if value] == [
        ("camera-0", "ended")
    ]
    classified = text.of("har_windows_classified_total")[camera]
    skipped = {key[1]: n for key, n in text.of("har_windows_skipped_total").items() if n}
    assert classified > 10
    assert classified + sum(skipped.values()) == (200 - 20) // 5 + 1
    assert set(skipped) <= {SkipReason.STILL, SkipReason.FROZEN}
    for name in ("har_window_latency_seconds", "har_inference_duration_seconds"):
        assert text.of(f"{name}_count") == {camera: classified}
        assert text.of(f"{name}_sum")[camera] > 0
    assert text.of("har_alert_latency_seconds_count") == {camera: 1}
    assert text.of("har_capture_cpu_seconds_total")[camera] > 0
    scores = text.of("har_window_score_bucket")
    assert scores["camera-0", "moving", "+Inf"] == classified
    assert 0 < scores["camera-0", "moving", "0.5"] < classified, "some moved, some did not"


def test_buckets_hold_what_is_in_the_ones_before() -> None:
    latency = Histogram((1.0, 2.5), [3, 0, 4], 21.0)
    camera = CameraSnapshot("door", "s")
    camera = replace(camera, histograms=replace(camera.histograms, latency_s=latency))
    text = Planned(cameras=(camera,)).read()
    assert text.of("har_window_latency_seconds_bucket") == {
        ("door", "1.0"): 3,
        ("door", "2.5"): 3,
        ("door", "+Inf"): 7,
    }
    assert text.of("har_window_latency_seconds_sum") == {("door",): 21.0}


def test_how_slow_facts_are_told(watched: Callable[[], bytes]) -> None:
    text = read(watched())
    assert text.of("har_reviewed_events") == {
        ("camera-0", "moving", "confirmed"): 3,
        ("camera-0", "moving", "dismissed"): 1,
    }, "of cameras that are watched"
    assert text.of("har_disk_free_bytes") == {("log",): 10, ("evidence",): 20}
    assert text.of("har_disk_size_bytes") == {("log",): 100, ("evidence",): 200}
    assert (text.of("har_evidence_bytes"), text.of("har_evidence_limit_bytes")) == (
        {(): 7},
        {(): 70},
    )
    assert text.of("har_evidence_uncopied_files") == {(): 3}
    assert text.of("har_evidence_copied_files_total") == {(): 20}
    assert text.of("har_evidence_copy_failures_total") == {(): 2}


def test_what_is_not_known_is_left_out() -> None:
    text = Planned(cameras=(CameraSnapshot("door", "s"),)).read()
    for name in (
        "har_camera_frames_per_second",
        "har_evidence_bytes",
        "har_evidence_uncopied_files",
        "har_disk_free_bytes",
    ):
        assert text.of(name) == {}
    assert text.of("har_camera_watched") == {("door",): 0}


def test_sinks_of_one_name_are_one_series() -> None:
    sinks = (SinkStatus("a", 1, 2, 3), SinkStatus("b", 0, 0, 0), SinkStatus("a", 10, 20, 30))
    text = Planned(sinks=sinks, workers=(WorkerStatus(4, 1.5), WorkerStatus(0, 0.0))).read()
    assert text.of("har_sink_waiting_alerts") == {("a",): 11, ("b",): 0}
    assert text.of("har_sink_retries_total") == {("a",): 22, ("b",): 0}
    assert text.of("har_sink_lost_alerts_total") == {("a",): 33, ("b",): 0}
    assert text.of("har_worker_waiting_windows") == {("0",): 4, ("1",): 0}
    assert text.of("har_worker_busy_seconds") == {("0",): 1.5, ("1",): 0}


@pytest.mark.parametrize("state", CameraState)
def test_a_camera_is_in_one_state(state: CameraState) -> None:
    found = Planned(cameras=(CameraSnapshot("door", "s", state=state),)).read()
    states = found.of("har_camera_state")
    assert len(states) == len(CameraState)
    assert [key for key, value in states.items() if value] == [("door", state)]


def test_no_name_breaks_the_text_and_no_address_is_in_it() -> None:
    name = 'the "door"\\ }\n# TYPE x'
    camera = CameraSnapshot(name, "rtsp://192.0.2.7/secret", alerts_by_label={name: 2})
    planned = Planned(cameras=(camera,), sinks=(SinkStatus(name, 0, 0, 0),))
    assert planned.read().of("har_alerts_total") == {(name, name): 2}
    assert (r"\udcff.jsonl",) in Planned(sinks=(SinkStatus("\udcff.jsonl", 0, 0, 0),)).read().of(
        "har_sink_waiting_alerts"
    )
    assert b"192.0.2.7" not in exposition(planned, Facts)()


def test_the_series_of_a_camera_that_left_are_gone(classifier: OnnxClassifier) -> None:
    def hold() -> Frame | None:
        return picture(4.0)

    sources: Sources = {
        url: iter([FakeSource(moving(4), hold)]) for url in ("rtsp://a/", "rtsp://b/")
    }
    sink = RecordingSink()
    monitor, _ = watching(classifier, sources, sink)
    text = exposition(monitor, lambda: FACTS)
    with Running(monitor):
        sink.wait_for(2)
        assert {key[0] for key in series(text())} == {"camera-0", "camera-1"}
        monitor.reload(configured(["rtsp://a/"]))
        assert {key[0] for key in series(text())} == {"camera-0"}


def series(text: bytes) -> Iterator[tuple[str, ...]]:
    """The label `camera`, wherever it is."""
    for match in re.finditer(r'[{,]camera="([^"]*)"', text.decode()):
        yield (match[1],)


def test_promtool_finds_nothing_to_say_of_the_names(watched: Callable[[], bytes]) -> None:
    assert promtool("check", "metrics", given=watched()) == ""


def test_the_document_has_every_metric_as_it_is(watched: Callable[[], bytes]) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    table = page.split("| metric | type | labels | meaning |\n|---|---|---|---|\n")[1]
    documented = [
        tuple(cell.strip() for cell in row.strip("|").split("|"))
        for row in table.partition("\n\n")[0].splitlines()
    ]
    assert documented == list(rows(watched().decode()))


def rows(text: str) -> Iterator[tuple[str, ...]]:
    """Name, type, labels and meaning of each metric."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for name, meaning in re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE):
        suffix = "_bucket" if kinds[name] == "histogram" else ""
        found = re.search(rf"^{name}{suffix}(?:{{(.*)}})? ", text, re.MULTILINE)
        assert found is not None, f"{name} has no series"
        labels = re.findall(r'(\w+)="', found[1] or "")
        shown = ", ".join(f"`{label}`" for label in labels if label != "le")
        yield f"`{name}`", kinds[name], shown, meaning
