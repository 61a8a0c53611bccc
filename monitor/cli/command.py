"""What the commands share: how they log, what they hide, how errors become messages and codes."""

import faulthandler
import itertools
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from io import TextIOWrapper, UnsupportedOperation
from typing import Any, ClassVar, NoReturn

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text
from typer.core import TyperCommand

from monitor.cli.backlog import Backlog, unblocked
from monitor.cli.interrupt import EXIT_INTERRUPTED
from monitor.errors import ConfigError, MonitorError, OvertakenError
from monitor.names import printable
from monitor.paths import placed
from monitor.sources.address import redact, redact_argument

EXIT_FAILED, EXIT_USAGE, EXIT_OVERTAKEN = 1, 2, 3


class _Safe(logging.Formatter):
    """Lets nothing out that is secret, and nothing that a terminal or a reader would take for more.

    A message is one line, whatever it quotes; only the traceback of an error has several.
    """

    def format(self, record: logging.LogRecord) -> str:
        record.msg, record.args = printable(record.getMessage()), None
        return redact(super().format(record))


def hide_arguments(arguments: Sequence[str] | None = None) -> None:
    """Take passwords out of the command line that other users see in the list of processes."""
    given = sys.argv[1:] if arguments is None else arguments
    shown = [redact_argument(argument) for argument in given]
    if shown != list(given):
        from setproctitle import setproctitle

        setproctitle(printable(" ".join(("har-monitor", *shown))))


class Command(TyperCommand):
    """Expands each ~ that the shell left, and names wrong arguments without their passwords."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command does."""
        with exit_codes(Console(stderr=True)):
            args = [_expanded(argument) for argument in args]
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # Typer's usage errors have no public class of their own
            if words := getattr(error, "message", None):
                shown = " ".join(map(redact_argument, str(words).split(" ")))
                error.message = shown  # type: ignore[attr-defined]
            raise


class ClusterCommand(Command):
    """Lets --cluster stand alone."""

    usual: ClassVar[dict[str, str]] = {"--cluster": "auto"}  # addresses, where none is given

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As every command does."""
        return super().parse_args(ctx, list(self._with_addresses(args)))

    def _with_addresses(self, args: Sequence[str]) -> Iterator[str]:
        """The arguments; behind an option without its address comes the usual one."""
        for argument, following in itertools.zip_longest(args, args[1:]):
            yield argument
            if argument in self.usual and (following is None or following.startswith("-")):
                yield self.usual[argument]


def _expanded(argument: str) -> str:
    """A path alone, or behind its option: most shells take the ~ of --log=~/alerts for a letter."""
    option, equals, value = argument.partition("=")
    if equals and option.startswith("--"):
        return f"{option}={placed(value)}"
    return placed(argument)


class _Lines(logging.Handler):
    """Shows records by another handler, whose lines have most of a backlog's room."""

    def __init__(self, shown: logging.Handler, backlog: Backlog) -> None:
        super().__init__()
        self._shown = shown
        self._backlog = backlog

    def emit(self, record: logging.LogRecord) -> None:
        """Show it."""
        with self._backlog.line():
            self._shown.handle(record)


def start_logging(console: Console, *, verbose: bool, patient: bool = True) -> None:
    """Log to the console: with colours in a terminal, else plain lines with time and level.

    One that is not `patient` never waits for who reads it: `exit_codes` writes what is left.
    """
    if not patient:
        with suppress(UnsupportedOperation, AttributeError):  # it may be no file
            encoding = getattr(console.file, "encoding", None) or "utf-8"
            console.file = unblocked(console.file.fileno(), encoding)
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(
            console=console, show_path=False, rich_tracebacks=False, log_time_format="%H:%M:%S"
        )
        handler.setFormatter(_Safe("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        handler.setFormatter(_Safe("%(asctime)s %(levelname)s %(message)s"))
    if backlog := _backlog(console):
        handler = _Lines(handler, backlog)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


@contextmanager
def quieter(level: int, *loggers: str) -> Iterator[None]:
    """Inside the block these loggers drop what is below a level."""
    before = {logging.getLogger(name): logging.getLogger(name).level for name in loggers}
    for logger in before:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, own in before.items():
            logger.setLevel(own)


def run_beside(main: Callable[[], object]) -> NoReturn:
    """Run a process beside the watching to its end, which no thread that hangs keeps it from."""
    try:
        main()
    except typer.Exit as end:  # it was told why
        sys.stderr.flush()
        os._exit(end.exit_code)
    os._exit(0)


def _backlog(console: Console) -> Backlog | None:
    buffer = getattr(console.file, "buffer", None)
    return buffer if isinstance(buffer, Backlog) else None


def local_time(option: str, moment: datetime | None) -> datetime | None:
    """A time of the command line, which is of this machine's zone; ConfigError for no such time."""
    try:
        return None if moment is None else moment.astimezone()
    except (OverflowError, ValueError):
        raise ConfigError(f"{option}: a year from 2 to 9998 is needed, found {moment}") from None


def told(console: Console, error: MonitorError) -> typer.Exit:
    """Print an error as one line; the exit that goes with it."""
    line = Text("error: ", style="bold red")
    line.append(redact(printable(str(error))), style="not bold default")
    console.print(line, soft_wrap=True)
    if isinstance(error, OvertakenError):
        return typer.Exit(EXIT_OVERTAKEN)
    return typer.Exit(EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED)


@contextmanager
def exit_codes(console: Console) -> Iterator[None]:
    """Print a MonitorError as one line and exit 1, or with the code of the error's class.

    Any other error is a fault of the program: its traceback is printed, and it exits 1 too. Ctrl-C
    exits 130.
    """
    with suppress(UnsupportedOperation, AttributeError):  # standard error may be no file
        faulthandler.enable()  # a crash of a library, too, says where
    if isinstance(sys.stdout, TextIOWrapper):  # names are in any writing, and a locale may lack it
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except MonitorError as error:
        raise told(console, error) from None
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except Exception:
        console.print(redact(traceback.format_exc()), markup=False, highlight=False, end="")
        raise typer.Exit(EXIT_FAILED) from None
    finally:
        if backlog := _backlog(console):
            backlog.finish()
