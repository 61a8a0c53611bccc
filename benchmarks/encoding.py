"""python -m benchmarks.encoding: what it costs to encode an MJPEG camera for evidence.

An HTTP camera sends a street, 15 pictures a second, to a har-monitor with the shipped model. The
processor time of har-monitor is taken for some seconds with the evidence sink and without, in turn.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.performance.usage import cpu_s
from monitor.cli.command import exit_codes, start_logging
from monitor.recognition.shipped import DEFAULT, SHIPPED
from testkit.films import looped
from testkit.process import har_monitor
from testkit.servers.mjpeg import http_camera, jpegs

FILM = "surveillance/vtest.avi"
SIZES = ((640, 480), (1280, 720))
FPS = 15
PAIRS = 2
WARM_S = 5.0  # until all is loaded, and the ring has begun
PLAIN, KEPT = ({"type": "log"},), ({"type": "log"}, {"type": "evidence", "folder": "kept"})

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")],
    seconds: Annotated[float, typer.Option(help="For how long each run is measured.")] = 30.0,
) -> None:
    """Measure the processor time that encoding takes, and print a table."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        typer.echo("| camera | without evidence | with it | more |\n|---|---|---|---|")
        for size in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                typer.echo(_row(Path(folder), data / FILM, size, seconds))


def _row(folder: Path, film: Path, size: tuple[int, int], seconds: float) -> str:
    wide, high = size
    scaled = looped(
        folder / "f.mp4", film, 1, f"fps={FPS},scale={wide}:{high}", "libx264", "-crf", "18"
    )
    pictures = jpegs(scaled)[: round(FPS * (seconds + 2 * WARM_S))]
    shares: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(PAIRS):
        for kept in shares:
            shares[kept].append(_share(pictures, kept, seconds))
    cells = [" / ".join(f"{100 * one:.1f} %" for one in found) for found in shares.values()]
    more = sum(shares[True]) / PAIRS - sum(shares[False]) / PAIRS
    return f"| {wide}x{high}, {FPS} a second | {cells[0]} | {cells[1]} | {100 * more:.1f} % |"


def _share(pictures: list[bytes], kept: bool, seconds: float) -> float:
    """The share of a core that har-monitor takes."""
    with (
        http_camera(pictures, FPS) as camera,
        har_monitor(
            {"street": camera.url()}, SHIPPED[DEFAULT], sinks=KEPT if kept else PLAIN
        ) as it,
    ):
        it.wait_for("it is watched", lambda: it.health.get("street", {}).get("frames", 0) > 0)
        time.sleep(WARM_S)
        before_s, began_s = cpu_s(it.popen.pid), time.monotonic()
        time.sleep(seconds)
        return (cpu_s(it.popen.pid) - before_s) / (time.monotonic() - began_s)


if __name__ == "__main__":
    app()
