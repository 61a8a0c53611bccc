"""What tests and benchmarks share: real servers, processes, films and faults."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"  # two short clips of real cameras
SHARED_DATA = ROOT.parent / "shared" / "data"  # the data sets beside the project
