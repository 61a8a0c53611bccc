"""Troubles that come again and again."""

import logging

import pytest

from monitor.throttle import LogThrottle
from testkit.fakes import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock) -> LogThrottle:
    return LogThrottle(logging.getLogger("counted"), clock)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records]


def test_a_trouble_that_comes_every_second_is_told_less_and_less_often(
    counted: LogThrottle, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(24 * 3600):
        counted.log(logging.WARNING, "lost", "camera door: lost")
        clock.now_s += 1
    lines = said(caplog)
    assert lines[0] == "camera door: lost"
    assert lines[1] == "camera door: lost (59 more times in the last 60 s)"
    assert lines[2] == "camera door: lost (119 more times in the last 120 s)"
    assert len(lines) < 40


def test_kinds_are_counted_apart(
    counted: LogThrottle, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        counted.log(logging.WARNING, "lost", "lost")
        counted.log(logging.WARNING, "refused", "refused")
        clock.now_s += 1
    assert said(caplog) == ["lost", "refused"]


def test_after_a_rest_it_is_told_at_once_again(
    counted: LogThrottle, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        counted.log(logging.WARNING, "lost", "lost")
        clock.now_s += 3600
    assert said(caplog) == ["lost"] * 3
    counted.log(logging.WARNING, "lost", "lost")
    clock.now_s += 30
    counted.log(logging.WARNING, "lost", "lost")
    clock.now_s += 31
    counted.log(logging.WARNING, "lost", "lost")
    assert said(caplog)[4:] == ["lost (1 more times in the last 61 s)"]
