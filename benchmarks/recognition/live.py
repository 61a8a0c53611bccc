"""What one row's networks do as the monitor would have them: in streams and in regions."""

from rich.console import Console

from benchmarks.recognition.networks import Networks
from benchmarks.recognition.places import Places
from benchmarks.recognition.regions import measure_regions
from benchmarks.recognition.series import Declared
from benchmarks.recognition.watching import watch_events
from train.cli.evaluate import fewer_lines


def watch_live(declared: Declared, places: Places, console: Console) -> None:
    """Measure what has no evidence yet; every fit of the row must be done. Nothing if no row is."""
    if declared.watch is None:
        return
    networks = Networks(declared.watch.series, places, console)
    with fewer_lines(verbose=False):
        watch_events(declared.watch, networks, places, console)
        measure_regions(declared.watch, networks, places, console)
