"""make soak: random faults for as long as you like, drops, kills, and the page about them."""

import logging
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from benchmarks.machine import machine
from benchmarks.page import write
from benchmarks.reliability.page import page
from benchmarks.reliability.results import KEPT, Dropped, Kept, broken
from benchmarks.reliability.soak import STREAM, Soak, soak
from benchmarks.results import keep, now, read
from benchmarks.streams import encoded, served
from monitor import __version__
from monitor.cli.command import exit_codes, start_logging
from monitor.recognition.shipped import SHIPPED
from testkit import DATA
from testkit.drops import drop
from testkit.films import lively
from testkit.kills import Killed, kill_again
from testkit.models import metadata, motion_model
from testkit.servers.proxy import proxy

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results.jsonl", HERE / "README.md"
STREAMS = HERE.parents[1] / "runs" / "benchmark" / "streams"
CLIP = DATA / "fight.mp4"
DROPS, KILLS = 200, 100

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = Path("../shared/data"),
    minutes: Annotated[float, typer.Option(help="Minutes of random faults; 0: none.")] = 60,
    drops: Annotated[
        int, typer.Option(help="Connections of one stream that are cut; 0: none.")
    ] = DROPS,
    kills: Annotated[int, typer.Option(help="Times that the monitor is killed; 0: none.")] = KILLS,
    seed: Annotated[int, typer.Option(help="Another seed draws other faults.")] = 1,
) -> None:
    """Run the faults, drops and kills, keep the results, and write the page of all results.

    The exit code is 1 if a promise was not kept.
    """
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        if drops:
            log.info("%d drops of one stream", drops)
            film = encoded(STREAM, data, STREAMS)
            with served(film, "h264") as server, proxy(server.port) as camera:
                before, *_, after = drop(camera, SHIPPED["fight"], drops)
            _keep("drops", Dropped(drops, before, after))
        if kills:
            log.info("%d kills", kills)
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                model = motion_model(place / "m.onnx", metadata(frames=5))
                film = lively(place / "f.mp4", CLIP)
                _keep("kills", kill_again(kills, film, model, place))
        if minutes:
            log.info("%g minutes of faults", minutes)
            _keep("soak", soak(minutes, data, STREAMS, seed))
        results = read(RESULTS, KEPT)
        text = page(results)
        write(PAGE, text)
        typer.echo(text, nl=False)
        faults = list(broken(results.values()))
        for fault in faults:
            log.error("%s", fault)
        if faults:
            raise typer.Exit(1)


def _keep(what: Literal["soak", "drops", "kills"], found: Soak | Dropped | Killed) -> None:
    kept = Kept(what=what, date=now(), version=__version__, machine=machine(), found=found)
    keep(RESULTS, KEPT, kept)


if __name__ == "__main__":
    app()
