"""Progress of a long job: a bar with the time left in a terminal, lines elsewhere."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class StepTimer:
    """Estimates the time left from the steps so far. Consecutive bars may share one.

    `ahead` is then the number of steps of the bars after the current one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.ahead = 0
        self._clock = clock
        self._began_s: float | None = None
        self._steps = 0

    def start(self) -> None:
        """Start the clock, on the first call only."""
        if self._began_s is None:
            self._began_s = self._clock()

    def step(self) -> None:
        """Count a finished step."""
        self._steps += 1

    def left_s(self, steps: int) -> float:
        """Seconds for `steps` and those ahead, at the average speed so far."""
        assert self._began_s is not None
        return (self._clock() - self._began_s) / self._steps * (steps + self.ahead)


class Bar:
    """A progress bar over `total` steps, with a text about the last step."""

    def __init__(
        self,
        console: Console,
        title: str,
        total: int,
        done: int = 0,
        timer: StepTimer | None = None,
    ) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._done = done
        self._timer = timer or StepTimer()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=total, completed=done, text="", left="")

    def __enter__(self) -> Self:
        self._timer.start()
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def advance(self, text: str = "", *, line: bool = True) -> None:
        """Advance by a step; `line` says whether to print a line if there is no terminal."""
        self._done += 1
        self._timer.step()
        left = f"{duration_text(self._timer.left_s(self._total - self._done))} left"
        self._progress.update(self._task, completed=self._done, text=text, left=left)
        if line and not self._console.is_terminal:
            self._console.print(
                f"{self._title} {self._done}/{self._total}: {text} ({left})",
                soft_wrap=True,
                highlight=False,
            )


def duration_text(seconds: float) -> str:
    """A duration such as 40 s, 12 min, 3 h 05 min."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
