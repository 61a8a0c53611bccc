"""Which of the windows that were not classified the timeline shows, and what it says of them."""

from datetime import UTC, datetime, timedelta

import pytest

from monitor.states import SkipReason
from monitor.store.skips import SkippedMinute, WindowCounts
from monitor.store.states import StateSpan
from monitor.web.lapses import missed, quiet

BEGAN = datetime(2026, 5, 4, 8, tzinfo=UTC)


def minute(number: int, classified: int = 0, **skipped: int) -> SkippedMinute:
    counts = WindowCounts(classified, {why.replace("_", " "): n for why, n in skipped.items()})
    return SkippedMinute("door", BEGAN + timedelta(minutes=number), counts)


def state(word: str, start_s: float, end_s: float, cause: str = "") -> StateSpan:
    times = (BEGAN + timedelta(seconds=seconds) for seconds in (start_s, end_s))
    return StateSpan("door", *times, word, cause)


def minutes_of(times: list[tuple[datetime, datetime]]) -> list[tuple[float, float]]:
    one = timedelta(minutes=1)
    return [((start - BEGAN) / one, (end - BEGAN) / one) for start, end in times]


def test_what_was_not_classified_says_how_much_and_why() -> None:
    (lapse,) = missed([minute(0, 20, gaps=30, busy=4), minute(1, 6, gaps=20)], [])
    assert minutes_of([(lapse.start, lapse.end)]) == [(0, 2)]
    assert lapse.text == (
        "54 of 80 windows were not classified: some of its frames are missing (50); "
        "a newer window of the camera came before it was its turn (4)"
    )


@pytest.mark.parametrize("reason", [*SkipReason, "of a newer har-monitor"])
def test_every_reason_has_its_words(reason: str) -> None:
    shown = missed([minute(0, **{reason: 9})], [])
    if reason in (SkipReason.QUIET, SkipReason.STILL):
        assert shown == []
    else:
        meaning = reason.meaning if isinstance(reason, SkipReason) else reason
        assert [one.text for one in shown] == [f"9 of 9 windows were not classified: {meaning} (9)"]


def test_a_few_missed_windows_and_still_scenes_are_no_lapse() -> None:
    assert missed([minute(0, 55, busy=5, quiet=500)], []) == []
    assert len(missed([minute(0, 54, busy=6, quiet=500)], [])) == 1


def test_lapses_that_are_near_are_one() -> None:
    shown = missed([minute(n, black=60) for n in (0, 1, 4, 9)], [])
    assert minutes_of([(one.start, one.end) for one in shown]) == [(0, 5), (9, 10)]
    assert "180 of 180" in shown[0].text


def test_a_camera_without_windows_is_a_lapse_that_cannot_be_counted() -> None:
    spans = [state("live", 0, 90, "no windows"), state("retrying", 90, 99, "refused")]
    (lapse,) = missed([], spans)
    assert (lapse.end - lapse.start).seconds == 90
    assert lapse.text == ("not classified: no window could be cut from its frames for some time")


def test_nothing_moved_for_minutes() -> None:
    idle = [state("idle", 0, 130), state("live", 130, 135), state("idle", 135, 150)]
    idle += [state("live", 150, 300), state("idle", 300, 350)]
    still = [minute(10, 1, quiet=50, still=9), minute(11, quiet=60), minute(12, 30, quiet=30)]
    assert minutes_of(quiet([*still, minute(20, quiet=60)], idle)) == [(0, 2.5), (10, 12)]
