"""The split into training, validation and test clips."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from monitor.errors import DataError
from train.data.clips import TRAIN_ONLY, Clip
from train.recipe.options import Recipe

Clips = tuple[Clip, ...]


@dataclass(frozen=True)
class Split:
    """Three disjoint parts of the clips; in a grouped split they share no group either."""

    train: Clips
    validation: Clips  # stops the training
    test: Clips


def folds_of(clips: Sequence[Clip], recipe: Recipe) -> dict[int, Clips]:
    """The test clips of each fold: the data's own folds, else grouped folds drawn with the seed.

    Fold k of several data sets is fold k of each. DataError if no clip may be tested on.
    """
    found: dict[int, list[Clip]] = defaultdict(list)
    for clip in clips:
        if clip.fold is not None and clip.fold != TRAIN_ONLY:
            found[clip.fold].append(clip)
    # Those of all data sets without folds are drawn at once: they may share groups by copies.
    if without_fold := [clip for clip in clips if clip.fold is None]:
        for fold, part in enumerate(_grouped_parts(without_fold, recipe.test_share, recipe.seed)):
            found[fold] += part
    if not found:
        raise DataError(f"every clip is train only (fold {TRAIN_ONLY}): there is none to test on")
    return {fold: tuple(found[fold]) for fold in sorted(found)}


def fold_split(clips: Sequence[Clip], test: Sequence[Clip], recipe: Recipe) -> Split:
    """The split that tests on `test`, a fold of `clips`; no group crosses it."""
    test_clips = set(test)
    return _with_validation(
        tuple(clip for clip in clips if clip not in test_clips), tuple(test), recipe
    )


def final_split(clips: Sequence[Clip], recipe: Recipe) -> Split:
    """Every clip for training and validation, none for testing."""
    return _with_validation(tuple(clips), (), recipe)


def random_split(clips: Sequence[Clip], recipe: Recipe) -> Split:
    """The paper's split: clips drawn at random, so that scenes leak from training into the test.

    Test first, then validation from the rest, as the paper does.
    """
    order = [clips[i] for i in np.random.default_rng(recipe.seed).permutation(len(clips))]
    test_count = round(len(order) * recipe.test_share)
    test, rest = order[:test_count], order[test_count:]
    kept = len(rest) - round(len(rest) * recipe.validation_share)
    split = Split(
        _without_excluded(rest[:kept], recipe), _without_excluded(rest[kept:], recipe), tuple(test)
    )
    if not test or (recipe.validation_share and not split.validation):
        raise DataError(f"{len(clips)} clips are too few to hold some back; more are needed")
    _check_labels(split, clips)
    return split


def _with_validation(rest: Clips, test: Clips, recipe: Recipe) -> Split:
    rest = _without_excluded(rest, recipe)
    if not recipe.validation_share:
        split = Split(rest, (), test)
    else:
        validation = _grouped_parts(rest, recipe.validation_share, recipe.seed)[0]
        chosen = set(validation)
        split = Split(tuple(c for c in rest if c not in chosen), validation, test)
    _check_labels(split, (*rest, *test))
    _check_groups(split)
    return split


def _without_excluded(clips: Sequence[Clip], recipe: Recipe) -> Clips:
    return tuple(clip for clip in clips if clip.group not in recipe.exclude_groups)


def _grouped_parts(clips: Sequence[Clip], share: float, seed: int) -> list[Clips]:
    """The clips in parts of about `share`: groups stay whole, labels are spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    labels = [clip.label for clip in clips]
    groups = [clip.group for clip in clips]
    fewest = min((labels.count(label) for label in set(labels)), default=0)
    count = min(round(1 / share), len(set(groups)), fewest)
    if count < 2:
        raise DataError(
            f"{len(clips)} clips in {len(set(groups))} groups, {fewest} of the rarest label: too "
            "few to hold some back; more clips are needed, from at least two groups"
        )
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    parts = [tuple(clips[i] for i in part) for _, part in folds.split(clips, labels, groups)]
    # The part with the most labels, and among those the one nearest to an even share, comes first.
    even = len(clips) / count
    return sorted(
        filter(None, parts),
        key=lambda part: (-len({clip.label for clip in part}), abs(len(part) - even)),
    )


def _check_labels(split: Split, clips: Sequence[Clip]) -> None:
    missing = {clip.label for clip in clips} - {clip.label for clip in split.train}
    if missing:
        raise DataError(
            f"label {min(missing)}: no clip is left to train on once the test and validation clips "
            "are held back; more groups with this label are needed"
        )


def _check_groups(split: Split) -> None:
    parts = [{clip.group for clip in part} for part in (split.train, split.validation, split.test)]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        if crossing := parts[first] & parts[second]:
            raise DataError(f"group {min(crossing)} is on both sides of a split")
