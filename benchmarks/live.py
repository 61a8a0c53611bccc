"""What one row's networks do as the monitor would have them: in streams and in regions."""

from rich.console import Console

from benchmarks.networks import Networks
from benchmarks.places import Places
from benchmarks.regions import measure_regions
from benchmarks.series import Declared
from benchmarks.watching import watch_events
from train.evaluate_cli import fewer_lines


def watch_live(declared: Declared, places: Places, console: Console) -> None:
    """Measure what has no evidence yet; every fit of the row must be done. Nothing if no row is."""
    if declared.watch is None:
        return
    networks = Networks(declared.watch.series, places, console)
    with fewer_lines(verbose=False):
        watch_events(declared.watch, networks, places, console)
        measure_regions(declared.watch, networks, places, console)
