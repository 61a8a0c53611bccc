"""What the three commands share: how they log, and how errors become messages and exit codes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.text import Text

from monitor.errors import ConfigError, MonitorError
from monitor.source.address import redact

EXIT_FAILED, EXIT_USAGE = 1, 2


class _Redacted(logging.Filter):
    """Takes credentials out of every line, wherever it comes from."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        return True


def start_logging(console: Console, *, verbose: bool) -> None:
    """Log to the console: with colours in a terminal, else plain lines with time and level."""
    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(
            console=console, show_path=False, rich_tracebacks=False, log_time_format="%H:%M:%S"
        )
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler(console.file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(_Redacted())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


@contextmanager
def exit_codes(console: Console) -> Iterator[None]:
    """Print a MonitorError as one line and exit 1, or 2 where the configuration is wrong."""
    try:
        yield
    except MonitorError as error:
        line = Text("error: ", style="bold red")
        line.append(redact(str(error)), style="not bold default")
        console.print(line, soft_wrap=True)
        code = EXIT_USAGE if isinstance(error, ConfigError) else EXIT_FAILED
        raise typer.Exit(code) from None
