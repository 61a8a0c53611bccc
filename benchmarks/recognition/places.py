"""Where the benchmark reads and writes."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """The folders of the benchmark."""

    data: Path  # folder of data sets
    results: Path  # the evidence
    runs: Path  # models and unfinished fits
    cache: Path  # decoded clips

    def run(self, file: Path) -> Path:
        """The folder of the fit whose evidence is `file`, relative to the results."""
        return self.runs / file.with_suffix("")
