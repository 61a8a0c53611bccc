"""95 % intervals of an accuracy, and bounds of a rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtri
from scipy.stats import binomtest

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A 95 % interval."""

    low: float
    high: float


def wilson(right: int, total: int) -> Interval:
    """Wilson's score interval of right / total.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
    JASA 1927.
    """
    found = binomtest(right, total).proportion_ci(0.95, method="wilson")
    return Interval(float(found.low), float(found.high))


def poisson_mean(count: int, probability: float) -> float:
    """The mean at which `count` or fewer events have this probability.

    It is an upper bound of a rate that `count` events were found for. Source: F. Garwood, "Fiducial
    limits for the Poisson distribution", Biometrika 1936.
    """
    return float(pdtri(count, probability))


def group_bootstrap(
    right: NDArray[np.bool_], groups: Sequence[str], seed: int, resamples: int = RESAMPLES
) -> Interval | None:
    """Percentile interval of accuracy from a bootstrap over whole groups.

    Clips of one scene tend to be right or wrong together, so that an interval over clips is too
    narrow. With few groups, or if all clips are right, this one is too narrow as well: it is
    widened to Wilson's interval over the clips. None for fewer than two groups.
    """
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(place)
    if len(sizes) < 2:
        return None
    hits = np.bincount(place, weights=right)
    drawn = np.random.default_rng(seed).integers(len(sizes), size=(resamples, len(sizes)))
    shares = hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(shares, (0.025, 0.975))
    over_clips = wilson(int(right.sum()), len(right))
    return Interval(min(float(low), over_clips.low), max(float(high), over_clips.high))
