import io

import pytest
from rich.console import Console

from testkit.fakes import Clock
from train.progress import Bar, StepTimer, duration_text


def test_the_time_left_covers_later_bars_and_uses_all_finished_steps() -> None:
    clock, screen = Clock(), io.StringIO()
    console, timer = Console(file=screen), StepTimer(clock)
    timer.ahead = 10
    with Bar(console, "fold 0", 2, timer=timer) as bar:
        for took_s in (30, 10):
            clock.now_s += took_s
            bar.advance("fine")
    clock.now_s += 5  # tested and saved
    timer.ahead = 0
    with Bar(console, "all clips", 10, done=7, timer=timer) as bar:
        clock.now_s += 15
        bar.advance("better")

    assert screen.getvalue().splitlines() == [
        "fold 0 1/2: fine (6 min left)",  # 11 epochs of 30 s
        "fold 0 2/2: fine (3 min left)",  # 10 of 20 s
        "all clips 8/10: better (40 s left)",  # 2 of 20 s
    ]


def test_a_terminal_shows_the_time_left_in_the_bar() -> None:
    clock, screen = Clock(), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    with Bar(console, "fold 0", 3, timer=StepTimer(clock)) as bar:
        clock.now_s += 10
        bar.advance("fine")

    assert "20 s left" in screen.getvalue()


def test_a_step_that_is_not_worth_a_line_prints_none() -> None:
    screen = io.StringIO()
    with Bar(Console(file=screen), "clips", 1) as bar:
        bar.advance(line=False)

    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (99, "99 s"), (100, "2 min"), (3569, "59 min"), (3570, "1 h 00 min"),
     (11100, "3 h 05 min"), (180000, "50 h 00 min")],
)  # fmt: skip
def test_a_duration_has_a_suitable_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
