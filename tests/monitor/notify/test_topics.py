"""Topics: names in them, and what is retained."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.notification import CameraState
from monitor.notify.topics import MOST_MINUTES, Topics, level

TOPICS = Topics("har", "home")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
TEXTS = st.text(max_size=6) | st.text(alphabet="a%+#/25BF", max_size=6)


@given(TEXTS, TEXTS)
def test_a_name_is_one_level_and_no_two_names_are_the_same(one: str, other: str) -> None:
    assert not set("+#/") & set(level(one))
    assert (level(one) == level(other)) == (one == other)


def test_most_names_stay_as_they_are() -> None:
    assert TOPICS.of("Front door", "event") == "har/home/Front door/event"
    assert TOPICS.open("a/b", "50% + #1") == "har/home/a%2Fb/open/50%25 %2B %231"


@pytest.mark.parametrize(
    ("left", "minutes"),
    [
        (None, "0"),
        (timedelta(seconds=-1), "0"),
        (timedelta(seconds=1), "1"),
        (timedelta(minutes=30), "30"),
        (timedelta(minutes=30, seconds=1), "31"),
        (timedelta(days=365), str(MOST_MINUTES)),
    ],
)
def test_a_snooze_is_told_in_minutes_that_are_left(left: timedelta | None, minutes: str) -> None:
    until = NOW + left if left is not None else None
    state = CameraState("live", "", frozenset(), True, until, 0)
    assert TOPICS.retained({"door": state}, (), NOW)["har/home/door/snooze"] == minutes


def test_a_camera_named_as_a_part_of_topics_is_a_camera() -> None:
    names = ("state", "status", "open")
    cameras = dict.fromkeys(names, CameraState("live", "", frozenset({"state"}), True, None, 0))
    told = TOPICS.retained(cameras, [(name, "state") for name in names], NOW)
    states = [topic for topic in told if TOPICS.is_state(topic)]
    assert states == [f"har/home/{name}/state" for name in names]
    assert TOPICS.status not in told
