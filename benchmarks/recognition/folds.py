"""Evidence that the networks of each fold left, beyond the scores of clips."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.recognition.evidence import Basis, Evidence, Facts, read_facts, same_recipe
from benchmarks.recognition.series import Series


class FoldFacts(Facts):
    """What was measured with the network of a fold, which did not see it in training."""

    basis: Basis
    name: str  # of the row
    data: str
    seed: int
    fold: int
    date: str  # UTC
    version: str  # of har-monitor


_Fold = TypeVar("_Fold", bound=FoldFacts)


def read_folds(
    kind: type[_Fold],
    file: Callable[[Series, int], Path],
    series: Series,
    grouped: Sequence[Evidence],
    results: Path,
) -> tuple[_Fold, ...]:
    """The evidence of every fold that the grouped fits of the first seed were tested on.

    `file` says where that of a fold lies under `results`. Empty while one is missing, or is not of
    the networks of these fits.
    """
    seed = series.seeds[0]
    config, hashes = series.config("grouped", seed), {one.data_sha256 for one in grouped}
    found = []
    for fold in (one.fold for one in grouped if one.seed == seed and one.fold is not None):
        facts = read_facts(results / file(series, fold), kind)
        if (
            facts is None
            or not same_recipe(facts.basis.recipe, config)
            or facts.basis.data_sha256 not in hashes
        ):
            return ()
        found.append(facts)
    return tuple(found)
