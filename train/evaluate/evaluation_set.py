"""The clips that a model is tested on, and its answers to them one by one."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from monitor.errors import ConfigError
from monitor.recognition.metadata import Contract
from monitor.sources.file import pictures
from train.data.clips import Clip, Dataset, find_clips, only_labels
from train.data.preparation import Prepared, prepare_clips
from train.data.split import folds_of
from train.evaluate.overlap import Split, relation
from train.evaluate.scores import Scored
from train.evaluate.scoring import check_labels, score_clips
from train.evaluate.streams import ClipInsert
from train.fit.trainer import Predict
from train.recipe.options import TrainConfig

log = logging.getLogger(__name__)

STRIDE = TrainConfig().stride  # of a model file, which does not say its recipe's


@dataclass(frozen=True)
class HeldOut:
    """Some usable clips of a dataset."""

    dataset: Dataset
    prepared: Prepared
    clips: Sequence[Clip]
    fold: int | None  # that they are; None: all
    notes: Sequence[str] = ()  # what a report on them must say

    @property
    def name(self) -> str:
        """What they are called in a report."""
        whole = self.dataset.name
        return whole if self.fold is None else f"fold {self.fold} of {whole}"

    @property
    def inlays(self) -> list[ClipInsert]:
        """The clips as streams take them."""
        return [self._inlay(clip) for clip in self.clips]

    def relation(self, contract: Contract) -> Split:
        """How they relate to what the model was fitted on."""
        return relation(contract, self.dataset.name, self.prepared, self.clips)

    def score(self, predict: Predict, contract: Contract, stride: int = STRIDE) -> Scored:
        """The model's answers to the clips by themselves, from windows `stride` frames apart."""
        return score_clips(
            predict,
            self.prepared,
            self.clips,
            contract.labels,
            contract.clip,
            sampling="time",
            stride=stride,
        )

    def _inlay(self, clip: Clip) -> ClipInsert:
        path = self.dataset.file(clip)
        times_s = self.prepared.decoded(clip).times_s
        picture = next(pictures(path))
        size = picture.frame.width, picture.frame.height
        duration_s = float(times_s[-1] + np.diff(times_s).mean())
        return ClipInsert(path, clip.path, clip.label, clip.group, size, duration_s)


def held_out(
    contract: Contract, data: Path, fold: int | None, cache: Path, console: Console
) -> HeldOut:
    """The clips of `data` whose labels the model knows; those of one fold, where one is named.

    DataError if no clip is left, ConfigError for a fold that there is not.
    """
    everything = find_clips(data)
    known = [label for label in everything.labels if label in contract.labels]
    if len(known) < 2:
        check_labels(everything.clips, contract.labels)
    dataset = only_labels(everything, known)
    notes = []
    if left := len(everything.clips) - len(dataset.clips):
        strange = ", ".join(sorted(set(everything.labels) - set(known)))
        notes.append(f"{left} clips of labels that the model does not know: {strange}.")
        log.warning("clips left out, the model does not know %s", strange)
    prepared = prepare_clips(dataset, contract.clip, "time", cache, console)
    notes += [f"{note}." for note in prepared.notes]
    clips: Sequence[Clip] = prepared.clips
    if fold is not None:
        folds = folds_of(clips, TrainConfig())
        if fold not in folds:
            raise ConfigError(f"fold {fold}: folds here: {', '.join(map(str, folds))}")
        clips = folds[fold]
    return HeldOut(dataset, prepared, clips, fold, notes)
