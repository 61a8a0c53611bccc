"""What Prometheus reads of a whole site."""

import re

from prometheus_client.parser import text_string_to_metric_families

from monitor.health.histogram import WindowHistograms
from monitor.health.report import REPORT, Report, ShardView
from monitor.health.status import CameraSnapshot
from monitor.metrics.facts import Facts
from monitor.metrics.site import site_exposition
from monitor.records import CopyStatus, SinkStatus, WorkerStatus
from monitor.states import CameraState
from testkit import ROOT
from testkit.servers.prometheus import promtool


def report(name: str, windows: int) -> Report:
    histograms = WindowHistograms.of(["fight"])
    histograms.take(0.2, {"fight": 0.6})
    door = CameraSnapshot(
        name, "rtsp://x/", CameraState.LIVE, windows=windows, histograms=histograms
    )
    return Report(
        "1.2.3",
        (door,),
        (SinkStatus("event store", 1, 2, 3),),
        (WorkerStatus(4, 0.5),),
        (7, 70),
        CopyStatus(2, 8, 1),
        {"log": (10, 100)},
    )


SHARDS = (
    ShardView("1/3", "one", 11, 2, 1.0, report("door", 5)),
    ShardView("2/3", "two", 22, 1, 11.0, report("yard", 6)),
    ShardView("3/3"),
)


def read(*shards: ShardView) -> dict[str, dict[tuple[str, ...], float]]:
    """The samples of each name, by the values of their labels in the order of their names."""
    reviews = {("door", "fight", "dismissed"): 3, ("yard", "fight", "dismissed"): 4}
    text = site_exposition(lambda: shards, lambda: Facts(reviews))()
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for one in family.samples:
            key = tuple(one.labels[name] for name in sorted(one.labels))
            found.setdefault(one.name, {})[key] = one.value
    return found


def test_each_metric_says_of_which_shard_it_is() -> None:
    found = read(SHARDS[0], ShardView("2/3", "two", 22, 1, 0.0, report("yard", 6)))
    assert found["har_windows_classified_total"] == {("door", "1/3"): 5, ("yard", "2/3"): 6}
    assert found["har_sink_waiting_alerts"] == {
        ("1/3", "event store"): 1,
        ("2/3", "event store"): 1,
    }
    assert found["har_worker_waiting_windows"] == {("1/3", "0"): 4, ("2/3", "0"): 4}
    assert found["har_window_score_sum"] == {
        ("door", "fight", "1/3"): 0.6,
        ("yard", "fight", "2/3"): 0.6,
    }
    assert found["har_evidence_bytes"] == {("1/3",): 7, ("2/3",): 7}
    assert found["har_evidence_uncopied_files"] == {("1/3",): 2, ("2/3",): 2}
    assert found["har_disk_free_bytes"] == {("log", "1/3"): 10, ("log", "2/3"): 10}
    assert found["har_build_info"] == {("1/3", "1.2.3"): 1, ("2/3", "1.2.3"): 1}
    assert found["har_reviewed_events"] == {
        ("door", "fight", "dismissed", "1/3"): 3,
        ("yard", "fight", "dismissed", "2/3"): 4,
    }
    assert "process_cpu_seconds_total" in found, "of the page itself"


def test_of_a_shard_that_is_silent_nothing_is_said_but_that_it_is() -> None:
    found = read(*SHARDS)
    assert found["har_shard_heard"] == {("1/3",): 1, ("2/3",): 0, ("3/3",): 0}
    assert found["har_camera_watched"] == {("door", "1/3"): 1, ("yard", "2/3"): 0}
    assert found["har_windows_classified_total"] == {("door", "1/3"): 5}
    assert found["har_sink_waiting_alerts"] == {("1/3", "event store"): 1}


def test_the_document_names_what_a_site_has_more() -> None:
    text = site_exposition(lambda: SHARDS, Facts)().decode()
    (meaning,) = re.findall(r"^# HELP har_shard_heard (.*)$", text, re.MULTILINE)
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert f"| `har_shard_heard` | gauge | `shard` | {meaning} |" in page
    assert promtool("check", "metrics", given=text.encode()) == ""


def test_a_report_comes_through_the_store_as_it_was() -> None:
    told = report("door", 5)
    assert REPORT.validate_json(REPORT.dump_json(told)) == told
