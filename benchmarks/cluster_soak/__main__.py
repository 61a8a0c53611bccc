"""make cluster-soak: something fails in a cluster again and again; is an alert lost, or doubled?"""

import logging
import signal
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.cluster_soak.page import page
from benchmarks.cluster_soak.results import KEPT, broken
from benchmarks.cluster_soak.run import soak
from benchmarks.options import RUNS
from benchmarks.page import publish
from monitor.cli.command import exit_codes, start_logging
from monitor.errors import MonitorError

log = logging.getLogger(__name__)

RESULTS = Path(__file__).with_name("results.jsonl")
OVER_S = 600  # beyond its minutes, to begin and to end
END_S = 300  # to end once it was broken off

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    minutes: Annotated[float, typer.Option(help="Minutes of faults.")] = 30,
    seed: Annotated[int, typer.Option(help="Another seed draws other faults.")] = 1,
    out: Annotated[Path, typer.Option(help="File of results; the page is beside it.")] = RESULTS,
) -> None:
    """Have a cluster fail at random, keep what was found, and write the page.

    The exit code is 1 if a promise was not kept.
    """
    with exit_codes(Console(stderr=True)):
        start_logging(Console(stderr=True), verbose=False)
        for number in (signal.SIGALRM, signal.SIGTERM):
            signal.signal(number, _end)
        signal.alarm(round(minutes * 60) + OVER_S)
        found = soak(minutes, seed, RUNS / "cluster-soak" / "said.txt")
        signal.alarm(0)
        publish(out, KEPT, [found], page)
        faults = list(broken(found))
        for fault in faults:
            log.error("%s", fault)
        if faults:
            raise typer.Exit(1)


def _end(number: int, _: FrameType | None) -> None:
    """Break off, and end in order what was begun; that takes its time, too."""
    signal.alarm(END_S)
    raise MonitorError(f"{signal.Signals(number).name}: it ended before it was done")


if __name__ == "__main__":
    app()
