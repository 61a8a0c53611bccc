"""One fit of a run: from a split of the clips to a model and what it says of its test clips."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.recognition.metadata import Motion
from train.data.background import BackgroundClips, footage_label
from train.data.cache import DecodedClip
from train.data.clips import Clip, Dataset
from train.data.preparation import Prepared
from train.data.split import Split
from train.data.windows import cut
from train.evaluate.calibration import fit_motion
from train.evaluate.novelty import classify_with, window_novelty, with_novelty
from train.evaluate.scores import Scored, clip_scores
from train.evaluate.scoring import score_clips
from train.experiment.results import Result, load_result, save_result
from train.fit.batches import TrainingBatches, draw
from train.fit.trainer import Fit, Predict, explained, predictor
from train.networks.architectures import build
from train.networks.baselines import baseline_features, fit_baseline
from train.progress import Bar, Pace
from train.recipe.options import BASELINES, TrainConfig

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

RESULT, CHECKPOINT = "result.npz", "checkpoint"
_LEAST = 1e-7  # a score of 0 would make the loss infinite


@dataclass(frozen=True)
class Run:
    """The clips, the recipe and the screen of one run."""

    dataset: Dataset
    prepared: Prepared
    config: TrainConfig
    console: Console
    pace: Pace = field(default_factory=Pace)  # in epochs, of all its fits
    ordinary: BackgroundClips = field(
        default_factory=BackgroundClips
    )  # footage that every fit is trained on

    def __post_init__(self) -> None:
        if self.config.footage and not self.ordinary.slices:
            raise ValueError("the recipe names footage: its slices are needed")
        if self.ordinary.slices:
            footage_label(self.config, self.dataset.labels)  # or its error, before anything is done

    def finished(self, split: Split, folder: Path, title: str) -> Result | None:
        """The result of this very fit where it was finished before."""
        result = load_result(folder / RESULT, self.fingerprint(split))
        if result is None or not (self.is_baseline or (folder / MODEL_NAME).is_file()):
            return None
        log.info("%s: finished before, in %s", title, folder)
        return result

    def fit(self, split: Split, folder: Path, title: str) -> tuple[keras.Model, Result]:
        """Fit the network on a split; an unfinished fit is kept under `folder`/checkpoint."""
        import keras

        keras.backend.clear_session()
        keras.utils.set_random_seed(self.config.seed)
        model = build(self.config.arch, self.config.spec, len(self.dataset.labels))
        slices = self.ordinary.slices
        truth = self._truth(split.train)
        if slices:
            quiet = self.dataset.labels.index(footage_label(self.config, self.dataset.labels))
            truth = np.append(truth, [quiet] * len(slices))
        batches = TrainingBatches(
            [*map(self.prepared.decoded, split.train), *slices],
            np.eye(len(self.dataset.labels), dtype=np.float32)[truth],
            self.config,
            len(slices),
        )

        def validate(predict: Predict) -> tuple[float, float]:
            truth = self._truth(split.validation)
            scores = clip_scores(predict, map(self._windows, split.validation))
            losses = -np.log(np.maximum(scores[np.arange(len(truth)), truth], _LEAST))
            return float(losses.mean()), float((scores.argmax(axis=1) == truth).mean())

        fingerprint = self.fingerprint(split)
        fitted = Fit(
            model,
            batches,
            validate if split.validation else None,
            self.config,
            folder / CHECKPOINT / "state.npz",
            fingerprint,
        ).run(self.console, title, self.pace)
        with explained(self.config, "in the test"):
            scored = self._score(predictor(model), split.test) if split.test else None
        return model, Result(fingerprint, fitted.history, fitted.best_epoch, scored)

    def fit_baseline(self, split: Split, title: str) -> Result:
        """Fit the classical classifier on every window of the clips that are not for testing.

        Only their features are held, one clip's windows at a time: those of all clips together
        may be more than the memory.
        """
        arch = self.config.arch
        clips = (*split.train, *split.validation)
        features = []
        with Bar(self.console, f"{title}: features", len(clips)) as bar:
            for clip in clips:
                features.append(baseline_features(arch, self._windows(clip)))
                bar.advance(line=False)
        counts = [len(found) for found in features]
        predict = fit_baseline(
            arch,
            np.concatenate(features),
            np.repeat(self._truth(clips), counts),
            np.repeat([clip.group for clip in clips], counts).tolist(),
            len(self.dataset.labels),
            self.config.seed,
        )
        return Result(self.fingerprint(split), {}, 0, self._score(predict, split.test))

    def with_novelty(
        self, model: keras.Model, split: Split
    ) -> tuple[keras.Model, NDArray[np.float32] | None]:
        """A fitted network that gives novelty too, and that of the windows of its test clips."""
        with explained(self.config, "in the test"):
            clips = (*split.train, *split.validation)
            fitted_on = [self.prepared.decoded(clip) for clip in clips]
            if slices := self.ordinary.slices:
                drawn = draw(len(slices), len(clips), self.config.seed, epoch=0)
                fitted_on += [slices[index] for index in drawn]
            wider = with_novelty(model, map(self._cut, fitted_on))
            return wider, window_novelty(classify_with(wider), map(self._windows, split.test))

    def min_motion(self, split: Split) -> Motion | None:
        """How little a window may move, by the clips trained on."""
        return fit_motion(
            window
            for clip in (*split.train, *split.validation)
            if clip.label not in self.config.background
            for window in self._windows(clip)
        )

    def unfinish(self, folder: Path) -> None:
        """Forget an older result, which says nothing about the model that is about to be saved."""
        (folder / RESULT).unlink(missing_ok=True)

    def finish(self, folder: Path, result: Result) -> None:
        """Note that a fit is done and its model saved; its unfinished state is no longer needed."""
        folder.mkdir(parents=True, exist_ok=True)
        save_result(folder / RESULT, result)
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)

    @property
    def is_baseline(self) -> bool:
        """Whether the recipe names a classical classifier, which leaves no model file."""
        return self.config.arch in BASELINES

    def fingerprint(self, split: Split) -> str:
        """sha256 of everything that decides what a fit becomes."""
        parts = (split.train, split.validation, split.test)
        facts = {
            "config": self.config.model_dump(mode="json", exclude={"footage"}),
            "data": [self.prepared.sha256(part) for part in parts],
            "groups": [[clip.group for clip in part] for part in parts],
        }
        if self.ordinary.films:
            facts["footage"] = self.ordinary.sha256
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _score(self, predict: Predict, clips: Sequence[Clip]) -> Scored:
        return score_clips(
            predict,
            self.prepared,
            clips,
            self.dataset.labels,
            self.config.spec,
            sampling=self.config.sampling,
            stride=self.config.stride,
        )

    def _windows(self, clip: Clip) -> NDArray[np.uint8]:
        return self._cut(self.prepared.decoded(clip))

    def _cut(self, decoded: DecodedClip) -> NDArray[np.uint8]:
        return cut(decoded, self.config.spec, self.config.sampling, self.config.stride)

    def _truth(self, clips: Sequence[Clip]) -> NDArray[np.int64]:
        return np.array([self.dataset.labels.index(clip.label) for clip in clips], np.int64)
