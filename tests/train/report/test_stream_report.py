"""The report on watched streams, on streams made by hand."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.recognition.tracker import Rules
from monitor.records import Prediction
from testkit.models import metadata
from train.evaluate.event_match import EventMetrics
from train.evaluate.playback import WatchedStream
from train.evaluate.stream_results import StreamResult, match_stream
from train.evaluate.streams import PlanSegment, StreamPlan
from train.evaluate.tuning import threshold_sweep
from train.report.stream_chart import WIDTH, stream_chart, worst_streams
from train.report.stream_page import stream_page
from train.report.stream_report import Accuracy, StreamReport, describe
from train.report.write import write_stream_report

ABOUT = metadata(labels=("fight", "fall", "calm"), background=("calm",),
                 thresholds={"fight": 0.6, "fall": 0.6})  # fmt: skip
RULES = Rules({"fight": 0.6, "fall": 0.6}, 0.15, 0.0, 0.0, hold_s=2, cooldown_s=5)


def stream_result(
    name: str = "street", fights: str = "fight", noise_s: float = 50.0
) -> StreamResult:
    """A minute and a half: a clip of `fights` at 20 s, one of `calm` at 70 s, noise at a time."""
    segments = [
        PlanSegment(Path("yard.mp4"), "yard.mp4", None, 30.0, 0.0, 20.0),
        PlanSegment(Path("clip.mp4"), "<clip>.mp4", fights, 0.0, 20.0, 24.0),
        PlanSegment(Path("hall.mp4"), "hall.mp4", None, 5.0, 24.0, 70.0),
        PlanSegment(Path("calm.mp4"), "calm.mp4", "calm", 0.0, 70.0, 74.0),
        PlanSegment(Path("yard.mp4"), "yard.mp4", None, 0.0, 74.0, 90.0),
    ]
    windows = []
    for half in range(4, 180):
        end_s = half / 2
        high = 21 <= end_s <= 25 or noise_s <= end_s <= noise_s + 1
        fight = 0.9 if high else 0.1
        windows.append(
            Prediction("a", end_s - 2, end_s, {"fight": fight, "fall": 0.0, "calm": 1 - fight}, 0)
        )
    watched = WatchedStream(StreamPlan(name, None, tuple(segments)), tuple(windows), ())
    return match_stream(watched, RULES, span_s=2.0)


def report(*streams: StreamResult, title: str = "a report") -> StreamReport:
    return StreamReport(
        title=title,
        how="by hand",
        warning=None,
        metadata=ABOUT,
        results=streams,
        accuracy=Accuracy(4, 3, 2),
        sweep=threshold_sweep([one.watched for one in streams], RULES, 2.0),
        settings={"seed": 1},
        notes=["a note"],
    )


def test_a_false_alarm_names_what_its_window_showed(tmp_path: Path) -> None:
    (alarm,) = report(stream_result()).false_alarms

    assert (alarm.stream, alarm.alert.label, alarm.alert.decided_s) == ("street", "fight", 50.0)
    assert alarm.shown.name == "hall.mp4"
    assert alarm.shown_s == pytest.approx(5 + 49 - 24)


def test_metrics_are_given_for_all_streams_and_for_each_label() -> None:
    found = report(stream_result("a"), stream_result("b", "fall"))

    assert (found.total.events, found.total.found, found.total.false_alarms) == (2, 1, 3)
    assert found.by_label["fight"].recall == 1
    assert found.by_label["fall"].recall == 0
    assert found.total.hours == pytest.approx(0.05)


def test_false_alarms_are_counted_by_what_was_shown() -> None:
    def moved(one: StreamResult, folder: str) -> StreamResult:
        plan = one.watched.plan
        segments = tuple(
            replace(segment, name=f"{folder}/{segment.name}") for segment in plan.segments
        )
        return replace(one, watched=replace(one.watched, plan=replace(plan, segments=segments)))

    found = report(
        moved(stream_result("a"), "cars"), moved(stream_result("b", noise_s=72.5), "street")
    ).by_footage

    assert list(found) == ["cars", "clips of calm", "street"]
    assert {kind: of.false_alarms for kind, of in found.items()} == {
        "cars": 1,
        "clips of calm": 1,
        "street": 0,
    }
    assert found["cars"].hours == pytest.approx((20 + 46 + 16) / 3600)
    assert found["clips of calm"].hours == pytest.approx(8 / 3600)
    assert found["street"].false_per_hour_high == pytest.approx(
        2.9957 / found["street"].hours, 1e-3
    )


def test_both_files_are_written_and_the_numbers_are_json(tmp_path: Path) -> None:
    write_stream_report(tmp_path / "new" / "out", report(stream_result()))

    written = json.loads((tmp_path / "new" / "out" / "metrics.json").read_text())
    assert written["grace_s"] == 3.0
    assert written["events"]["f1"] == pytest.approx(2 / 3)
    assert written["per_label"]["fall"]["recall"] is None
    assert written["clips"] == {"clips": 4, "alone": 3, "in_stream": 2}
    assert written["streams"][0]["rules"]["thresholds"] == {"fight": 0.6, "fall": 0.6}
    assert written["streams"][0]["alerts"] == [["fight", 21.0, 0.9, 20.0]]
    assert written["false_alarms"][0]["shown_s"] == 30.0
    assert (tmp_path / "new" / "out" / "report.html").stat().st_size > 10_000


def test_names_of_files_cannot_break_the_page() -> None:
    text = stream_page(report(stream_result("<script>alert(1)</script>"), title="a <b> & c"))

    assert "<script>alert" not in text
    assert "a &lt;b&gt; &amp; c" in text
    assert "&lt;clip&gt;.mp4" in text


def test_the_page_holds_every_metric_and_stream() -> None:
    text = re.sub(r"\s+", " ", stream_page(report(stream_result("a"), stream_result("b", "fall"))))

    for said in (
        "a note", "3 in 0.05 hours", "1 of 2; 1.000 alerts for each",
        "75.0 % of the 4 clips are answered rightly, in the stream 50.0 %", "costs 25.0 points",
        "90 s; 1 of 1 events found, 1 false alarms", "footage: hall.mp4 at 30.0 s",
    ):  # fmt: skip
        assert said in text, said


def test_a_page_without_events_shows_false_alarms_by_threshold() -> None:
    quiet = stream_result(noise_s=500)
    footage = PlanSegment(Path("y.mp4"), "y.mp4", None, 0.0, 0.0, 90.0)
    watched = replace(quiet.watched, plan=StreamPlan("y.mp4", None, (footage,)))
    alone = replace(report(match_stream(watched, RULES, 2.0)), accuracy=None)

    text = stream_page(alone)

    assert "False alarms by threshold" in text
    assert "Recall by false alarms" not in text
    assert "in the stream" not in text


def test_a_report_of_streams_without_any_alert_can_be_drawn() -> None:
    silent = stream_result(noise_s=500)
    windows = [replace(w, scores={"fight": 0.0, "fall": 0.0, "calm": 1.0})
               for w in silent.watched.windows if isinstance(w, Prediction)]  # fmt: skip
    watched = replace(silent.watched, windows=tuple(windows))

    text = stream_page(report(match_stream(watched, RULES, 2.0)))

    assert "None." in text


def test_a_stream_chart_has_clips_and_alerts_at_their_times() -> None:
    line = stream_chart(stream_result())

    assert [span.style for span in line.spans] == ["event", "distractor"]
    assert [mark.style for mark in line.marks] == ["right", "wrong"]
    event, alert = line.spans[0], line.marks[0]
    assert event.x < alert.x < event.x + event.width
    assert {curve.label for curve in line.curves} == {"fight", "fall"}
    assert [tick.text for tick in line.ticks][:3] == ["0:00", "0:10", "0:20"]
    assert line.caption == "90 s; 1 of 1 events found, 1 false alarms"


def test_a_long_stream_chart_keeps_its_peaks_and_has_few_points() -> None:
    quiet = stream_result()
    hour = PlanSegment(Path("y.mp4"), "y.mp4", None, 0.0, 0.0, 7200.0)
    windows = tuple(
        Prediction("a", at - 2, at, {"fight": float(at == 3601), "fall": 0.0, "calm": 0.0}, 0)
        for at in range(2, 7200)
    )
    watched = WatchedStream(StreamPlan("y.mp4", None, (hour,)), windows, ())

    line = stream_chart(StreamResult(watched, RULES, quiet.matches))

    fight = next(curve for curve in line.curves if curve.label == "fight")
    points = [tuple(map(float, point.split(","))) for point in fight.points.split()]
    assert len(points) <= 501
    assert max(x for x, _ in points) <= WIDTH
    assert min(y for _, y in points) == 14, "the one window at 1.0 is drawn"
    assert line.ticks[-1].text == "2:00:00"


def test_the_worst_streams_come_first() -> None:
    good, bad = stream_result("good", noise_s=500), stream_result("bad", "fall")

    assert [one.watched.plan.name for one in worst_streams([good, bad], 8)] == ["bad", "good"]
    assert len(worst_streams([good, bad], 1)) == 1


def test_metrics_are_described_in_a_line() -> None:
    assert describe(EventMetrics(4, 3, 2, 0.5, (1.0, 2.0, 3.0), 3)) == (
        "event F1 0.667, 3 of 4 events found, half of them within 2.0 s; "
        "2 false alarms in 0.50 h: 4 an hour, below 12.6 with 95 % certainty"
    )
    assert describe(EventMetrics(0, 0, 0, 3.0, (), 0)) == (
        "0 false alarms in 3.00 h: 0 an hour, below 0.999 with 95 % certainty"
    )
