"""The data sets that a recipe names, as one."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace

from monitor.errors import ConfigError, DataError
from train.data.clips import JOINED, Clip, Dataset, only_labels
from train.data.layouts import find_clips
from train.recipe.options import DataOptions

log = logging.getLogger(__name__)

MOST_OWN = 0.5  # of the windows of a label
_Part = tuple[str, str, str]  # data set, label, label there


def load_data(sources: Sequence[DataOptions], labels: Sequence[str], span_s: float) -> Dataset:
    """The clips of all `sources`, or only those of some `labels`; windows last `span_s` seconds.

    Errors as in `read_data` and `join_data`.
    """
    return join_data(sources, read_data(sources, span_s, alone=len(sources) == 1), labels)


def read_data(sources: Sequence[DataOptions], span_s: float, *, alone: bool) -> tuple[Dataset, ...]:
    """The clips of each of `sources`; one that is `alone` needs two labels.

    ConfigError for labels that no clip has; DataError as in `find_clips`.
    """
    return tuple(_load(source, span_s, 2 if alone else 1) for source in sources)


def join_data(
    sources: Sequence[DataOptions], datasets: Sequence[Dataset], labels: Sequence[str]
) -> Dataset:
    """The clips that were read of all `sources` as one data set, or only those of some `labels`.

    Of several data sets, paths and groups begin with the name of the folder. ConfigError for two
    folders of one name, labels that no clip has, or a data set without clips of the `labels`.
    """
    if len(sources) == 1:
        return only_labels(datasets[0], labels)
    found: dict[str, Dataset] = {}
    for source, dataset in zip(sources, datasets, strict=True):
        if source.name in found:
            raise ConfigError(
                f"data: two folders called {source.name}, {found[source.name].where} and "
                f"{source.path}; groups and reports name their data set by its folder: rename one"
            )
        found[source.name] = dataset
    clips = [
        replace(clip, path=f"{name}/{clip.path}", group=f"{name}/{clip.group}", dataset=name)
        for name, dataset in found.items()
        for clip in dataset.clips
    ]
    shared = tuple(sorted({clip.label for clip in clips}))
    if len(shared) < 2:
        raise DataError(f"data: only one label in all data sets ({shared[0]}); two are needed")
    whole = Dataset(
        JOINED.join(found),
        {source.name: source.path for source in sources},
        tuple(sorted(clips, key=lambda clip: clip.path)),
        shared,
    )
    chosen = only_labels(whole, labels)
    for source in sources:
        _check_labels({clip.label for clip in chosen.clips if clip.dataset == source.name}, source)
    return chosen


def _check_labels(labels: Set[str], source: DataOptions) -> None:
    """ConfigError if a data set, beside others, has no clip left.

    A warning if it has one label, unless its clips are weighed within that label.
    """
    if not labels:
        raise ConfigError(f"data: {source.path} has no clip of the labels that the recipe names")
    if len(labels) == 1 and not source.own:
        log.warning(
            "%s: all its clips are %s: a network may learn to tell the data sets apart, not what "
            "is done in them",
            source.name, *labels,
        )  # fmt: skip


def _load(source: DataOptions, span_s: float, min_labels: int) -> Dataset:
    """The clips of a data set with the labels that the recipe gives them."""
    if not source.labels:
        return find_clips(source.path, min_labels, span_s, source.clips)
    dataset = find_clips(source.path, 1, span_s, source.clips)
    if unknown := sorted(set(source.labels) - set(dataset.labels)):
        raise ConfigError(
            f"data: labels {unknown[0]}: no such label in {source.path}; "
            f"labels there: {', '.join(dataset.labels)}"
        )
    clips = tuple(
        replace(clip, label=source.labels[clip.label], source_label=clip.label)
        for clip in dataset.clips
        if clip.label in source.labels
    )
    left = Counter(clip.label for clip in dataset.clips if clip.label not in source.labels)
    if left:
        told = ", ".join(f"{label} {count}" for label, count in left.items())
        log.warning("%s: clips whose label is not mapped are left out: %s", dataset.name, told)
    labels = tuple(sorted({clip.label for clip in clips}))
    if len(labels) < min_labels:
        raise DataError(f"{source.path}: all labels become {labels[0]}; at least two are needed")
    return replace(dataset, clips=clips, labels=labels)


def draw_shares(
    clips: Sequence[Clip], sources: Sequence[DataOptions]
) -> list[tuple[list[int], float]]:
    """Parts of `clips` by index, each with its share of the training windows.

    A data set has a share by its weight. Its labels have equal parts of it, and so have the labels
    that became one. Then clips of one's own take a part of the windows of their label. ConfigError
    if a part is too small for one window in an epoch.
    """
    weights = {source.name: source.weight for source in sources}
    own = {source.name for source in sources if source.own}
    parts: dict[_Part, list[int]] = {}
    for index, clip in enumerate(clips):
        parts.setdefault((clip.dataset, clip.label, clip.source_label), []).append(index)
    if all(name in own for name, _, _ in parts):
        own = set()  # there is no other data
    total = sum(weights[name] for name in {name for name, _, _ in parts} - own)
    labels = Counter({(name, label) for name, label, _ in parts})
    in_set = Counter(name for name, _ in labels)
    in_label = Counter((name, label) for name, label, _ in parts)
    shares = {
        (name, label, source): weights[name] / total / in_set[name] / in_label[name, label]
        for name, label, source in parts
        if name not in own
    }
    _give_own(shares, parts, {name: weights[name] for name in own})
    for (name, label, _), share in shares.items():
        if round(share * len(clips), 6) < 1:
            raise ConfigError(
                f"data: weight {weights[name]:g} of {name}: {share * len(clips):.2g} of the "
                f"{len(clips)} windows of an epoch for label {label}; at least one is needed"
            )
    return [(parts[part], share) for part, share in shares.items()]


def _give_own(
    shares: dict[_Part, float], parts: Mapping[_Part, Sequence[int]], weights: Mapping[str, float]
) -> None:
    """Let the clips of one's own have a part of the windows of their label.

    ConfigError for a label that no other data has.
    """
    for label in dict.fromkeys(label for name, label, _ in parts if name in weights):
        others = [part for part in shares if part[1] == label]
        if not others:
            raise ConfigError(f"data: own clips of label {label}, which no other data has")
        mine = {
            part: weights[part[0]] * len(members)
            for part, members in parts.items()
            if part[1] == label and part[0] in weights
        }
        counted = sum(mine.values())
        taken = min(MOST_OWN, counted / (counted + sum(len(parts[part]) for part in others)))
        whole = sum(shares[part] for part in others)
        for part in others:
            shares[part] *= 1 - taken
        for part, count in mine.items():
            shares[part] = whole * taken * count / counted
