"""How the figures of a camera's windows are spread: counted as they come, for the metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
INFERENCE_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
SCORES = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass
class Histogram:
    """Counts each value at the first bound that it does not exceed.

    One thread adds. Whoever copies it meanwhile may have a value counted that is not in the sum.
    """

    bounds: tuple[float, ...]  # ascending
    counts: list[int] = field(default_factory=list)  # one more than bounds: of what exceeds all
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def copy(self) -> Histogram:
        """It at this moment."""
        return Histogram(self.bounds, self.counts.copy(), self.sum)


def _latencies() -> Histogram:
    return Histogram(LATENCY_S)


@dataclass(frozen=True)
class WindowHistograms:
    """Those of a camera's windows."""

    latency_s: Histogram = field(default_factory=_latencies)  # of the newest frame, to its scores
    alert_latency_s: Histogram = field(default_factory=_latencies)  # of the deciding frame
    inference_s: Histogram = field(default_factory=lambda: Histogram(INFERENCE_S))
    scores: Mapping[str, Histogram] = field(default_factory=dict)  # smoothed, by label that alerts

    @classmethod
    def of(cls, labels: Iterable[str]) -> WindowHistograms:
        """Empty ones, for a model with these labels that alert."""
        return cls(scores={label: Histogram(SCORES) for label in labels})

    def take(self, latency_s: float, scores: Mapping[str, float]) -> None:
        """Count a window that was classified."""
        self.latency_s.add(latency_s)
        for label, histogram in self.scores.items():
            histogram.add(scores[label])

    def copy(self) -> WindowHistograms:
        """All of them at this moment."""
        return WindowHistograms(
            self.latency_s.copy(),
            self.alert_latency_s.copy(),
            self.inference_s.copy(),
            {label: histogram.copy() for label, histogram in self.scores.items()},
        )
