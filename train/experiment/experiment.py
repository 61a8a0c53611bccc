"""An experiment: fits of one recipe on splits of one dataset."""

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
from monitor.atomic import make_folder
from monitor.recognition.metadata import Motion
from monitor.recognition.zoom import with_zoom
from monitor.records import Outputs
from monitor.windows.zoom import whole_view
from train.data.background import BackgroundClips, footage_label
from train.data.cache import DecodedClip
from train.data.clips import Clip, Dataset
from train.data.decoding import DecodedClips
from train.data.mixed import draw_shares
from train.data.split import Split
from train.data.windows import sample_windows
from train.evaluate.calibration import fit_min_motion
from train.evaluate.novelty import classify_with, window_novelty, with_novelty
from train.evaluate.scores import Scored, mean_window_scores
from train.evaluate.scoring import score_clips
from train.experiment.results import FitResult, load_result, save_result
from train.fit.batches import TrainingBatches, draw_slices
from train.fit.trainer import Predict, Trainer, explain_out_of_memory, predictor
from train.networks.architectures import build
from train.networks.baselines import baseline_features, fit_baseline
from train.progress import Bar, StepTimer
from train.recipe.options import BASELINES, Recipe

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

RESULT, CHECKPOINT = "result.npz", "checkpoint"
_MIN_SCORE = 1e-7  # a score of 0 would make the loss infinite


@dataclass(frozen=True)
class Experiment:
    """The clips, the recipe and the console that all fits share."""

    dataset: Dataset
    decoded_clips: DecodedClips
    recipe: Recipe
    console: Console
    timer: StepTimer = field(default_factory=StepTimer)  # in epochs, over all fits
    # Footage that every fit is trained on.
    background_clips: BackgroundClips = field(default_factory=BackgroundClips)

    def __post_init__(self) -> None:
        if self.recipe.footage and not self.background_clips.slices:
            raise ValueError("the recipe names footage: its slices are needed")
        if self.background_clips.slices:
            footage_label(self.recipe, self.dataset.labels)  # raises early

    def load_finished(self, split: Split, folder: Path, title: str) -> FitResult | None:
        """The result of this fit if it was finished before; else None."""
        result = load_result(folder / RESULT, self.fingerprint(split))
        if result is None or not (self.is_baseline or (folder / MODEL_NAME).is_file()):
            return None
        log.info("%s: finished before, in %s", title, folder)
        return result

    def fit_network(self, split: Split, folder: Path, title: str) -> tuple[keras.Model, FitResult]:
        """Fit the network on a split; `folder`/checkpoint keeps the state of an unfinished fit."""
        import keras

        keras.backend.clear_session()
        keras.utils.set_random_seed(self.recipe.seed)
        model = build(self.recipe.arch, self.recipe.network_spec, len(self.dataset.labels))
        slices = self.background_clips.slices
        truth = self._truth(split.train)
        if slices:
            label = self.dataset.labels.index(footage_label(self.recipe, self.dataset.labels))
            truth = np.append(truth, [label] * len(slices))
        batches = TrainingBatches(
            [*map(self.decoded_clips.load, split.train), *slices],
            np.eye(len(self.dataset.labels), dtype=np.float32)[truth],
            self.recipe,
            len(slices),
            self._shares(split),
            self._background(split.train),
        )

        def validate(predict: Predict) -> tuple[float, float]:
            truth = self._truth(split.validation)
            found = self._zoomed(predict)
            scores = mean_window_scores(found, map(self._windows, split.validation))
            losses = -np.log(np.maximum(scores[np.arange(len(truth)), truth], _MIN_SCORE))
            return float(losses.mean()), float((scores.argmax(axis=1) == truth).mean())

        fingerprint = self.fingerprint(split)
        fitted = Trainer(
            model,
            batches,
            validate if split.validation else None,
            self.recipe,
            folder / CHECKPOINT / "state.npz",
            fingerprint,
        ).fit(self.console, title, self.timer)
        with explain_out_of_memory(self.recipe, "in the test"):
            scored = self._score(self._zoomed(predictor(model)), split.test) if split.test else None
        return model, FitResult(fingerprint, fitted.history, fitted.best_epoch, scored)

    def fit_baseline(self, split: Split, title: str) -> FitResult:
        """Fit the classical classifier on all windows of the training and validation clips.

        Windows are read clip by clip and only their features are kept, because the windows of all
        clips may not fit into memory.
        """
        arch = self.recipe.arch
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
            self.recipe.seed,
        )
        return FitResult(self.fingerprint(split), {}, 0, self._score(predict, split.test))

    def with_novelty(
        self, model: keras.Model, split: Split
    ) -> tuple[keras.Model, NDArray[np.float32] | None]:
        """The network with novelty as a second output, and the novelty of its test windows."""
        with explain_out_of_memory(self.recipe, "in the test"):
            clips = (*split.train, *split.validation)
            fitted_on = [self.decoded_clips.load(clip) for clip in clips]
            if slices := self.background_clips.slices:
                drawn = draw_slices(len(slices), len(clips), self.recipe.seed, epoch=0)
                fitted_on += [slices[index] for index in drawn]
            wider = with_novelty(model, map(self._whole_views, fitted_on))
            classify = with_zoom(classify_with(wider), self.recipe.zoom, self._alert_places)
            return wider, window_novelty(classify, map(self._windows, split.test))

    def min_motion(self, split: Split) -> Motion | None:
        """The motion below which no window is classified, by the training clips."""
        return fit_min_motion(
            window
            for clip in (*split.train, *split.validation)
            if clip.label not in self.recipe.background
            for window in self._windows(clip)
        )

    def discard_finished(self, folder: Path) -> None:
        """Delete an older result, because a new model is about to be saved."""
        if (folder / MODEL_NAME).exists():
            log.warning("%s: replaces the model of an earlier run", folder / MODEL_NAME)
        (folder / RESULT).unlink(missing_ok=True)

    def save_finished(self, folder: Path, result: FitResult) -> None:
        """Save the result of a fit whose model is saved, and delete its checkpoint."""
        make_folder(folder)
        save_result(folder / RESULT, result)
        shutil.rmtree(folder / CHECKPOINT, ignore_errors=True)

    @property
    def is_baseline(self) -> bool:
        """Whether the recipe names a classical classifier, which leaves no model file."""
        return self.recipe.arch in BASELINES

    def fingerprint(self, split: Split) -> str:
        """sha256 of everything that determines the result of a fit."""
        parts = (split.train, split.validation, split.test)
        facts: dict[str, object] = {
            "config": self.recipe.model_dump(mode="json", exclude={"footage", "data"}),
            "data": [self.decoded_clips.sha256(part) for part in parts],
            "groups": [[clip.group for clip in part] for part in parts],
        }
        if shares := self._shares(split):
            facts["shares"] = shares
        if self.background_clips.films:
            facts["footage"] = self.background_clips.sha256
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def _shares(self, split: Split) -> list[tuple[list[int], float]]:
        """The training clips of several data sets, by their shares of the windows."""
        return draw_shares(split.train, self.recipe.data) if len(self.recipe.data) > 1 else []

    def _background(self, clips: Sequence[Clip]) -> list[int]:
        """The clips of background labels, by index, and the slices of footage after all clips."""
        calm = [at for at, clip in enumerate(clips) if clip.label in self.recipe.background]
        count = len(self.background_clips.slices)
        return [*calm, *range(len(clips), len(clips) + count)]

    def _score(self, predict: Predict, clips: Sequence[Clip]) -> Scored:
        return score_clips(
            predict,
            self.decoded_clips,
            clips,
            self.dataset.labels,
            self.recipe.spec,
            sampling=self.recipe.sampling,
            stride=self.recipe.stride,
        )

    def _windows(self, clip: Clip) -> NDArray[np.uint8]:
        return self._sample(self.decoded_clips.load(clip))

    def _sample(self, decoded: DecodedClip) -> NDArray[np.uint8]:
        return sample_windows(decoded, self.recipe.spec, self.recipe.sampling, self.recipe.stride)

    def _whole_views(self, decoded: DecodedClip) -> NDArray[np.uint8]:
        """The windows of a clip as the network sees them whole."""
        return whole_view(self._sample(decoded), self.recipe.zoom)

    def _zoomed(self, predict: Predict) -> Predict:
        """The network's scores of views as scores of windows."""

        def classify(windows: NDArray[np.uint8]) -> Outputs:
            return Outputs(predict(windows), None)

        zoomed = with_zoom(classify, self.recipe.zoom, self._alert_places)
        return lambda windows: zoomed(windows).scores

    @property
    def _alert_places(self) -> list[int]:
        labels = self.dataset.labels
        return [at for at, label in enumerate(labels) if label not in self.recipe.background]

    def _truth(self, clips: Sequence[Clip]) -> NDArray[np.int64]:
        return np.array([self.dataset.labels.index(clip.label) for clip in clips], np.int64)
