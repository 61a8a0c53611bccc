"""The networks that the fits of a series left, each at the temperature of its fold."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.recognition.figures import read_line
from benchmarks.recognition.fit_results import DIGITS, Basis
from benchmarks.recognition.fits import Places, PlannedFit, all_fits
from benchmarks.recognition.series import Series
from export.backend import start_tensorflow
from export.keras_file import MODEL_NAME, load_model
from monitor.errors import DataError
from train.data.cache import file_sha256
from train.evaluate.calibration import fit_fold_temperatures, set_temperature
from train.evaluate.evaluation_set import EvaluationSet
from train.evaluate.scoring import Scorer, keras_scorer


class Networks:
    """The grouped and nested networks of a series and its first seed; DataError if one lacks.

    A fold's temperature is fitted on the other folds: as scored by the networks that did not see
    the fold either, if the series has nested fits. `clips` names the data set of the clips that are
    shown to them, if the series has several.
    """

    def __init__(
        self, series: Series, places: Places, console: Console, clips: str | None = None
    ) -> None:
        self.series = series
        self.seed = series.seeds[0]
        self._places = places
        self._clips = clips
        self._fits = {
            tuple(fold for fold in (fit.fold, fit.second) if fold is not None): fit
            for fit in all_fits([series], places, console)
            if fit.seed == self.seed and fit.fold is not None
        }
        self.folds = tuple(fold[0] for fold in self._fits if len(fold) == 1)
        line = read_line(series, places.results)
        if "nested" in series.splits:
            nested = line.nested
            self._temperatures = {fold: nested.temperature(fold) for fold in nested.folds}
        else:
            own = [one for one in line.grouped.records if one.seed == self.seed]
            tests = {one.fold: one.scored for one in own if one.fold is not None}
            self._temperatures = fit_fold_temperatures(tests)
        if set(self._temperatures) != set(self.folds):
            raise DataError(
                f"{places.results / series.file}: not every fold, or every two folds, were held "
                f"back yet, or the folds of {series.data} have no names"
            )

    def held(self, fold: int) -> EvaluationSet:
        """The clips of a fold."""
        fit = self._fits[fold,]
        shown = [clip for clip in fit.split.test if self._clips in (None, clip.dataset)]
        return EvaluationSet(fit.run.dataset, fit.run.decoded_clips, shown, fold)

    def basis(self, fold: int, footage: tuple[Path, ...], method: int) -> Basis:
        """What the networks of a fold are, and the footage that they watch."""
        fit = self._fits[fold,]
        return Basis(
            recipe=fit.run.recipe.model_dump(mode="json"),
            data_sha256=fit.data_sha256,
            footage={path.name: file_sha256(path) for path in footage},
            temperature=round(self._temperatures[fold], DIGITS),
            method=method,
        )

    def scorer(self, fold: int, other: int | None = None) -> Scorer:
        """The network that saw neither `fold` nor `other`, at the temperature of `fold`.

        It calls no window unknown, because the limit in its file was fitted on the clips held back.
        """
        start_tensorflow()
        import keras

        fit = self._fits[(fold,) if other is None else (min(fold, other), max(fold, other))]
        path = self._places.runs / fit.folder / MODEL_NAME
        keras.backend.clear_session()  # forget the network before
        network, metadata = load_model(path)
        self._check(fit, path, metadata.data.sha256)
        # A fold's model of har-train --folds has a temperature already.
        set_temperature(network, self._temperatures[fold] / (metadata.temperature or 1.0))
        scorer = keras_scorer(network, metadata.model_copy(update={"unknown": None}))
        return replace(scorer, path=path)

    def _check(self, fit: PlannedFit, path: Path, fitted_on: str) -> None:
        if fitted_on != fit.run.decoded_clips.sha256((*fit.split.train, *fit.split.validation)):
            raise DataError(
                f"{path}: was fitted on other clips; remove it and the line of this fit in "
                f"{self._places.results / fit.series.file}, and it is fitted anew"
            )
