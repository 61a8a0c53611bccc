"""Two models on the same reviewed events."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.store.event import Event, Origin, Review
from train.data.reviewed import ReviewedClip
from train.evaluate.comparison import Comparison, Raised, compare


def clip(label: str | None, day: int = 1) -> ReviewedClip:
    event = Event(
        id="a", camera="door", region=None, origin=Origin.ALERT, label="fight", model="f",
        model_name="fights", at=datetime(2026, 5, day, tzinfo=UTC), start_time=None, end_time=None,
        start_s=1.0, end_s=2.0, reason=None, window_s=2.0, score=0.9, peak_score=0.9, peak_s=None,
        threshold=None, box=None, trace=(), latency_ms=None, review=Review.CONFIRMED,
        review_label=None, note="", reviewer=None, reviewed_at=None, marked=False,
    )  # fmt: skip
    return ReviewedClip(event, Path("a.mp4"), 0.0, 1.0, label)


def compared(label: str | None, old: list[str], new: list[str]) -> Raised:
    (one,) = compare([clip(label)], [old], [new], {"nofight"}).clips
    return one.raised


@pytest.mark.parametrize("label", [None, "nofight"])
def test_any_alarm_of_nothing_is_false(label: str | None) -> None:
    assert compared(label, ["fight"], []) == Raised.OLD
    assert compared(label, ["fight"], ["wave"]) == Raised.BOTH
    assert compared(label, [], ["wave"]) == Raised.NEW
    assert compared(label, [], []) == Raised.NEITHER


def test_only_an_alarm_of_its_label_finds_an_act() -> None:
    assert compared("fight", ["fight", "wave"], ["fight"]) == Raised.BOTH
    assert compared("fight", ["fight"], ["wave"]) == Raised.OLD
    assert compared("wave", ["fight"], ["wave"]) == Raised.NEW


def many(outcomes: list[tuple[str | None, bool, bool]], days: int) -> Comparison:
    clips = [clip(label, 1 + index % days) for index, (label, _, _) in enumerate(outcomes)]
    old, new = ([["fight"] if one[place] else [] for one in outcomes] for place in (1, 2))
    return compare(clips, old, new, {"nofight"})


def test_what_is_gone_and_what_is_kept_is_a_share_of_what_the_old_one_raised() -> None:
    outcomes = [(None, True, False)] * 6 + [(None, True, True)] * 2 + [(None, False, True)]
    outcomes += [("fight", True, True)] * 4 + [("fight", True, False), ("fight", False, True)]
    found = many(outcomes, days=4)

    assert (found.gone.count, found.gone.total, found.new_false) == (6, 8, 1)
    assert (found.kept.count, found.kept.total, found.new_found) == (4, 5, 1)
    assert found.gone.interval is not None
    assert found.gone.interval.low < 6 / 8 < found.gone.interval.high
    assert found.summary.startswith("false alarms gone: 6 of 8 (95 %: ")


def test_one_day_of_one_camera_gives_no_interval() -> None:
    found = many([(None, True, False)] * 9, days=1)
    assert found.gone.interval is None
    assert found.gone.text == "9 of 9"


def test_nothing_that_the_old_one_raised_is_no_share_and_no_error() -> None:
    found = many([(None, False, False), ("fight", False, True)], days=2)
    assert found.gone.text == found.kept.text == "0 of 0"
