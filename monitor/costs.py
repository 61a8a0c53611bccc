"""What something costs that is to be placed where there is least to do."""

from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

K = TypeVar("K")


def cost_of(measured: Mapping[K, float]) -> Callable[[K], float]:
    """The cost of anything; one that was not measured counts as the median of the others.

    Each counts for something, so that those that cost nothing now are spread, too.
    """
    usual = median(measured.values()) if measured else 1.0
    return lambda one: max(measured.get(one, usual), usual / 10, 1e-6)
