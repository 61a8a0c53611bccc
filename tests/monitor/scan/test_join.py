"""How segments are put together."""

from dataclasses import replace

import pytest

from monitor.recognition.tracker import ActivityTracker, Rules
from monitor.scan.job import SeenWindow, Segment, SegmentResult, Start
from monitor.scan.join import activities, fit, joined
from monitor.sources.file import KeyFrame
from monitor.states import EndReason, SkipReason
from monitor.windows.buffer import GridPlace

BORDER_S = 10.0
FIRST = Segment(None, BORDER_S)
SECOND = Segment(
    Start(KeyFrame(100, 0.0, BORDER_S - 0.1), GridPlace(0.0, BORDER_S - 0.1, 99, 100), BORDER_S)
)


def seen(start_s: float, score: float = 0.9, **more: object) -> SeenWindow:
    window = SeenWindow("", start_s, start_s + 2, None, (score, 1 - score))
    return replace(window, **more)  # type: ignore[arg-type]


def result(*windows: SeenWindow, following: tuple[SeenWindow, ...] = ()) -> SegmentResult:
    return SegmentResult(windows, following, 20.0, ())


def skipped(start_s: float, reason: SkipReason) -> SeenWindow:
    return SeenWindow("", start_s, start_s + 2, reason)


@pytest.mark.parametrize(
    ("start_s", "end_s", "first"),
    [
        (9.5, 11.5, True),
        (10.0, 12.0, False),
        (10.0, 10.0, True),  # a gap whose end is the border: only the first has seen it begin
        (10.1, 10.1, False),
    ],
)
def test_a_window_belongs_to_the_segment_in_which_it_begins(
    start_s: float, end_s: float, first: bool
) -> None:
    assert FIRST.owns(start_s, end_s) is first
    assert SECOND.owns(start_s, end_s) is not first


OWN = seen(10.0, 0.7)
MEETINGS = {
    "the same": (OWN, OWN, True),
    "another score": (OWN, seen(10.0, 0.7001), False),
    "another place": (seen(10.1, 0.7), OWN, False),
    "skipped by one": (skipped(10.0, SkipReason.QUIET), OWN, False),
    "idle in one": (skipped(10.0, SkipReason.IDLE), OWN, True),
    "of a segment that comes later": (seen(20.0), OWN, True),
}


@pytest.mark.parametrize(("before", "after", "fits"), MEETINGS.values(), ids=MEETINGS)
def test_segments_fit_if_both_saw_the_same_at_their_border(
    before: SeenWindow, after: SeenWindow, fits: bool
) -> None:
    second = replace(SECOND, until_s=20.0)
    found = [(FIRST, result(following=(before,))), (second, result(after))]
    assert fit(found) is fits


def test_a_window_that_an_idle_segment_does_not_have_is_no_fault() -> None:
    found = [
        (FIRST, result(following=(seen(11.0),))),
        (SECOND, result(skipped(10.0, SkipReason.IDLE))),
    ]
    assert fit(found)
    found[1] = SECOND, result(skipped(10.0, SkipReason.QUIET))
    assert not fit(found)


def test_what_is_missing_is_not_compared_and_is_a_gap() -> None:
    middle = replace(SECOND, until_s=15.0)
    last = replace(SECOND, start=replace(SECOND.start, time_s=15.0))  # type: ignore[type-var]
    found = [
        (FIRST, result(seen(8.0), following=(seen(10.0),))),
        (middle, None),
        (last, result(seen(15.0))),
    ]
    assert fit(found)
    assert joined(found) == [seen(8.0), SeenWindow("", 15.0, 15.0, SkipReason.GAPS), seen(15.0)]


def test_a_picture_is_frozen_after_a_minute_until_it_changes() -> None:
    still = [skipped(float(at), SkipReason.STILL) for at in range(0, 62, 2)]
    idle = skipped(62.0, SkipReason.IDLE)
    after = [skipped(64.0, SkipReason.STILL), skipped(66.0, SkipReason.QUIET)]
    again = skipped(68.0, SkipReason.STILL)
    found = joined([(FIRST, result(*still, idle)), (SECOND, result(*after, again))])
    frozen = [one.start_s for one in found if one.skipped == SkipReason.FROZEN]
    assert frozen == [58.0, 60.0, 64.0]


def test_no_activity_is_cut_at_a_border() -> None:
    windows = joined(
        [
            (FIRST, result(*(seen(at / 2) for at in range(12, 20)))),
            (
                SECOND,
                result(*(seen(at / 2) for at in range(20, 30)), seen(15.0, 0.1), seen(16.0, 0.1)),
            ),
        ]
    )
    rules = Rules({"fight": 0.5}, 0.1, 0.0, 0.0, 1.0, 0.0)
    tracker = ActivityTracker("a", rules)
    found = list(activities(windows, {"": tracker}, ("fight", "nofight")))
    assert [(one.start_s, one.end_s, one.reason) for one in found] == [
        (6.0, None, None),
        (6.0, 16.5, EndReason.SCORE_FELL),
    ]


def test_what_goes_on_at_the_end_ends_with_the_file() -> None:
    tracker = ActivityTracker("a", Rules({"fight": 0.5}, 0.1, 0.0, 0.0, 1.0, 0.0))
    found = list(activities([seen(6.0)], {"": tracker}, ("fight", "nofight")))
    assert [one.reason for one in found] == [None, EndReason.FILE_ENDED]
