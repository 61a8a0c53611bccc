"""python -m benchmarks.verification: what a person detector would drop, and what it would lose."""

import logging
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.options import RUNS, DataFolder
from benchmarks.page import publish
from benchmarks.results import keep, read
from benchmarks.verification.detector import PACKAGE, PersonDetector, make_detector
from benchmarks.verification.films import film_sets
from benchmarks.verification.measure import KEPT, measure
from benchmarks.verification.page import page
from export.backend import training_tools
from monitor.cli.command import exit_codes, start_logging
from monitor.recognition.classifier import OnnxClassifier
from train.cli.evaluate import fewer_lines

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
DETECTOR = RUNS / "verification" / "persons.onnx"

log = logging.getLogger(__name__)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    data: DataFolder = None,
    package: Annotated[
        Path, typer.Option(help=f"Folder into which pip has installed {PACKAGE}.")
    ] = Path("runs/persons"),
) -> None:
    """Measure each set of films that has no result yet, or whose model is another.

    Without --data only the page is written anew.
    """
    console = Console(stderr=True)
    with exit_codes(console), training_tools():
        start_logging(console, verbose=False)
        if data is not None:
            if not DETECTOR.exists():
                make_detector(package, DETECTOR)
            detector = PersonDetector(DETECTOR)
            models = {name: OnnxClassifier(name) for name in ("fight", "fall")}
            for one in film_sets(data):
                classifier = models[one.model]
                known = read(RESULTS, KEPT).get(f"{one.model}, {one.name}")
                if known is None or known.model_sha256 != classifier.sha256:
                    log.info("%s: %s", one.model, one.name)
                    with fewer_lines(verbose=False):
                        keep(RESULTS, KEPT, measure(one, classifier, detector))
        publish(RESULTS, KEPT, (), page)


if __name__ == "__main__":
    app()
