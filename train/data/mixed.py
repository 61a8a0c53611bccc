"""The data sets that a recipe names, as one."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from monitor.errors import ConfigError, DataError
from train.data.clips import Clip, Dataset, only_labels
from train.data.layouts import find_clips
from train.recipe.options import DataOptions

log = logging.getLogger(__name__)


def load_data(sources: Sequence[DataOptions], labels: Sequence[str], span_s: float) -> Dataset:
    """The clips of all `sources`, or only those of some `labels`; windows last `span_s` seconds.

    Of several data sets, paths and groups begin with the name of the folder. ConfigError for two
    folders of one name, or labels that no clip has; DataError as in `find_clips`.
    """
    if len(sources) == 1:
        return only_labels(_load(sources[0], span_s, 2), labels)
    found: dict[str, Dataset] = {}
    for source in sources:
        dataset = _load(source, span_s, 1)
        if dataset.name in found:
            raise ConfigError(
                f"data: two folders called {dataset.name}, {found[dataset.name].root} and "
                f"{dataset.root}; rename one, because groups and reports name their data set"
            )
        found[dataset.name] = dataset
    clips = tuple(
        replace(clip, path=f"{name}/{clip.path}", group=f"{name}/{clip.group}", dataset=name)
        for name, dataset in sorted(found.items())
        for clip in dataset.clips
    )
    shared = tuple(sorted({clip.label for clip in clips}))
    if len(shared) < 2:
        raise DataError(f"data: only one label in all data sets ({shared[0]}); two are needed")
    roots = {name: dataset.root for name, dataset in found.items()}
    whole = Dataset("+".join(found), sources[0].path.parent, clips, shared, roots)
    return only_labels(whole, labels)


def _load(source: DataOptions, span_s: float, min_labels: int) -> Dataset:
    """The clips of a data set with the labels that the recipe gives them."""
    if not source.labels:
        return find_clips(source.path, min_labels, span_s)
    dataset = find_clips(source.path, 1, span_s)
    if unknown := sorted(set(source.labels) - set(dataset.labels)):
        raise ConfigError(
            f"data: labels {unknown[0]}: no such label in {source.path}; "
            f"labels there: {', '.join(dataset.labels)}"
        )
    clips = tuple(
        replace(clip, label=source.labels[clip.label], act=clip.label)
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
    that became one.
    """
    weights = {source.path.resolve().name: source.weight for source in sources}
    parts: dict[tuple[str, str, str], list[int]] = {}
    for index, clip in enumerate(clips):
        parts.setdefault((clip.dataset, clip.label, clip.act), []).append(index)
    total = sum(weights[name] for name in {name for name, _, _ in parts})
    labels = Counter({(name, label) for name, label, _ in parts})
    in_set = Counter(name for name, _ in labels)
    in_label = Counter((name, label) for name, label, _ in parts)
    return [
        (members, weights[name] / total / in_set[name] / in_label[name, label])
        for (name, label, _), members in parts.items()
    ]
