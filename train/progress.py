"""How far a long job is: a bar with the time left in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bar:
    """Progress through `total` steps; the text beside it says what the last step brought."""

    def __init__(self, console: Console, title: str, total: int, done: int = 0) -> None:
        self._console = console
        self._title = title
        self._total = total
        self._done = self._start = done
        self._began_s = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[text]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task(title, total=total, completed=done, text="")

    def __enter__(self) -> Self:
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
        """One step further; `line` says whether it is worth a line where there is no terminal."""
        self._done += 1
        self._progress.update(self._task, completed=self._done, text=text)
        if line and not self._console.is_terminal:
            each_s = (time.monotonic() - self._began_s) / (self._done - self._start)
            left_s = each_s * (self._total - self._done)
            self._console.print(
                f"{self._title} {self._done}/{self._total}: {text} ({left_s:.0f} s left)",
                soft_wrap=True,
                highlight=False,
            )
