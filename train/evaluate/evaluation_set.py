"""The clips that a model is tested on, and its scores of them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from monitor.errors import ConfigError
from monitor.recognition.metadata import ModelMetadata
from monitor.sources.file import read_frames
from train.data.clips import Clip, Dataset, only_labels
from train.data.decoding import DecodedClips, decode_clips
from train.data.layouts import find_clips
from train.data.split import folds_of
from train.evaluate.overlap import Overlap, find_overlap
from train.evaluate.scores import Scored
from train.evaluate.scoring import check_labels, score_clips
from train.evaluate.streams import ClipInsert
from train.fit.trainer import Predict
from train.recipe.options import Recipe

log = logging.getLogger(__name__)

STRIDE = Recipe().stride  # a model file does not hold the stride of its recipe


@dataclass(frozen=True)
class EvaluationSet:
    """Usable clips of a dataset: one fold, or all."""

    dataset: Dataset
    decoded_clips: DecodedClips
    clips: Sequence[Clip]
    fold: int | None  # None: all clips
    notes: Sequence[str] = ()  # for the report

    @property
    def name(self) -> str:
        """Their name in a report."""
        whole = self.dataset.name
        return whole if self.fold is None else f"fold {self.fold} of {whole}"

    @property
    def clip_inserts(self) -> list[ClipInsert]:
        """The clips as they are inserted into streams."""
        return [self._clip_insert(clip) for clip in self.clips]

    def overlap(self, metadata: ModelMetadata) -> Overlap:
        """How they overlap with the clips that the model was fitted on."""
        return find_overlap(metadata, self.dataset.name, self.decoded_clips, self.clips)

    def score(self, predict: Predict, metadata: ModelMetadata, stride: int = STRIDE) -> Scored:
        """The model's scores of the clips, from windows `stride` frames apart."""
        return score_clips(
            predict,
            self.decoded_clips,
            self.clips,
            metadata.labels,
            metadata.clip,
            sampling="time",
            stride=stride,
        )

    def _clip_insert(self, clip: Clip) -> ClipInsert:
        path = self.dataset.file(clip)
        times_s = self.decoded_clips.load(clip).times_s
        _, picture = next(read_frames(path))
        size = picture.width, picture.height
        duration_s = float(times_s[-1] + np.diff(times_s).mean())
        return ClipInsert(path, clip.path, clip.label, clip.group, size, duration_s, clip.start_s)


def load_evaluation_set(
    metadata: ModelMetadata, data: Path, fold: int | None, cache: Path, console: Console
) -> EvaluationSet:
    """The clips of `data` with labels of the model; those of one fold if `fold` is given.

    DataError if no clip is left, ConfigError for a fold that does not exist.
    """
    everything = find_clips(data, span_s=metadata.clip.span_s)
    shared = [label for label in everything.labels if label in metadata.labels]
    if len(shared) < 2:
        check_labels(everything.clips, metadata.labels)
    dataset = only_labels(everything, shared)
    notes = []
    if left := len(everything.clips) - len(dataset.clips):
        unknown = ", ".join(sorted(set(everything.labels) - set(shared)))
        notes.append(f"{left} clips of labels that the model does not know: {unknown}.")
        log.warning("clips left out, the model does not know %s", unknown)
    decoded_clips = decode_clips(dataset, metadata.clip, "time", cache, console)
    notes += [f"{note}." for note in decoded_clips.notes]
    clips: Sequence[Clip] = decoded_clips.clips
    if fold is not None:
        folds = folds_of(clips, Recipe())
        if fold not in folds:
            raise ConfigError(f"fold {fold}: folds here: {', '.join(map(str, folds))}")
        clips = folds[fold]
    return EvaluationSet(dataset, decoded_clips, clips, fold, notes)
