"""Questions in a terminal, with answers by default."""

from collections.abc import Callable
from getpass import getpass
from typing import TypeVar

from rich.console import Console
from rich.prompt import Confirm, Prompt
from rich.rule import Rule
from rich.text import Text

from monitor.errors import MonitorError
from monitor.names import printable

Answer = TypeVar("Answer")


class Dialogue:
    """Asks, or with `yes` takes what is the answer by default."""

    def __init__(self, console: Console, yes: bool = False) -> None:
        self.console = console
        self.yes = yes

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line, whatever it quotes."""
        self.console.print(Text(printable(text), style=style))

    def step(self, title: str) -> None:
        """Begin a part of the questions."""
        self.console.print()
        self.console.print(Rule(Text(printable(title), style="bold"), align="left", style="dim"))

    def ask(
        self, question: str, default: str, fault: Callable[[str], str | None] = lambda answer: None
    ) -> str:
        """A text; asked again while `fault` says what is wrong with it."""
        while not self.yes:
            answer = self._asked(
                lambda: Prompt.ask(
                    _question(question),
                    console=self.console,
                    default=default,
                    show_default=bool(default),
                )
            ).strip()
            if (words := fault(answer)) is None:
                return answer
            self.say(words, "yellow")
        return default

    def secret(self, question: str) -> str:
        """A text that is not shown as it is typed; there is none by default."""
        return self._asked(lambda: getpass(f"{question}: "))

    def confirm(self, question: str, default: bool) -> bool:
        """Yes or no."""
        if self.yes:
            return default
        return bool(
            self._asked(
                lambda: Confirm.ask(_question(question), console=self.console, default=default)
            )
        )

    def _asked(self, asking: Callable[[], Answer]) -> Answer:
        try:
            return asking()
        except EOFError:
            self.console.print()
            raise MonitorError("no answer: nothing was written") from None
        except KeyboardInterrupt:
            self.console.print()  # the shell goes on in a line of its own
            raise


def _question(text: str) -> Text:
    return Text(printable(text))
