"""Metrics of scored clips: confusion matrix, precision, recall, F1, ROC and calibration.

A rate that the test clips cannot measure is None: TPR of a label without test clips, FPR if every
clip has the label, AUC in both cases. Precision of a label that was never predicted is 0, because
the model could have predicted it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    auc,
    confusion_matrix,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
    roc_curve,
)

from train.evaluate.intervals import Interval, group_bootstrap, wilson
from train.evaluate.scores import Scored

CALIBRATION_BINS = 10


@dataclass(frozen=True)
class OneVsRest:
    """Counts of one label against all others (the source paper's table 1)."""

    label: str
    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def support(self) -> int:
        """Test clips that have the label."""
        return self.tp + self.fn

    @property
    def tpr(self) -> float | None:
        """True positive rate, which is recall."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def fpr(self) -> float | None:
        """False positive rate."""
        return _share(self.fp, self.fp + self.tn)

    @property
    def precision(self) -> float:
        """Share of right predictions of this label; 0 if there are none."""
        return _share(self.tp, self.tp + self.fp) or 0.0

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None without test clips."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn) if self.support else None


@dataclass(frozen=True)
class Averages:
    """Precision, recall and F1 over all labels.

    Micro averages sum the counts of all labels first; with one label for each clip, all three equal
    accuracy. Macro averages are plain means over the labels that have test clips.
    """

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Roc:
    """A receiver operating characteristic curve from (0, 0) to (1, 1)."""

    fpr: NDArray[np.float64]  # (m,) rising
    tpr: NDArray[np.float64]  # (m,) rising

    @property
    def auc(self) -> float:
        """Area under the curve: how probably a clip with the label scores above one without."""
        return float(auc(self.fpr, self.tpr))


@dataclass(frozen=True)
class Calibration:
    """Equal-width bins of the top score, and the gap between score and accuracy."""

    count: NDArray[np.int64]  # (bins,) clips
    confidence: NDArray[np.float64]  # (bins,) mean top score; 0 in an empty bin
    accuracy: NDArray[np.float64]  # (bins,) share right; 0 in an empty bin

    @property
    def error(self) -> float:
        """Expected calibration error: mean |accuracy - confidence|, weighted by clips."""
        gap = np.abs(self.accuracy - self.confidence)
        return float((gap * self.count).sum() / self.count.sum())


@dataclass(frozen=True)
class Metrics:
    """Everything measured on one set of scored clips."""

    confusion: NDArray[np.int64]  # (k, k) rows truth, columns prediction
    one_vs_rest: tuple[OneVsRest, ...]
    accuracy: float
    wilson: Interval  # as if clips were independent
    by_group: Interval | None  # groups resampled; None for fewer than two groups
    micro: Averages
    macro: Averages
    rocs: tuple[Roc | None, ...]  # per label; None if the test holds it in no clip or in all
    macro_auc: float | None
    calibration: Calibration


def measure(scored: Scored, seed: int = 0) -> Metrics:
    """All metrics of `scored`; `seed` is for the bootstrap."""
    truth, predicted, labels = scored.truth, scored.predicted, range(len(scored.labels))
    counts = multilabel_confusion_matrix(truth, predicted, labels=labels)
    right = truth == predicted
    rocs = tuple(roc(truth == index, scored.scores[:, index]) for index in labels)
    aucs = [curve.auc for curve in rocs if curve is not None]
    return Metrics(
        confusion=confusion_matrix(truth, predicted, labels=labels),
        one_vs_rest=tuple(
            OneVsRest(label, int(tp), int(fp), int(tn), int(fn))
            for label, ((tn, fp), (fn, tp)) in zip(scored.labels, counts, strict=True)
        ),
        accuracy=float(right.mean()),
        wilson=wilson(int(right.sum()), len(right)),
        by_group=group_bootstrap(right, scored.groups, seed),
        micro=_average(truth, predicted, labels, "micro"),
        macro=_average(truth, predicted, np.unique(truth).tolist(), "macro"),
        rocs=rocs,
        macro_auc=float(np.mean(aucs)) if aucs else None,
        calibration=calibrate(scored.confidence, right),
    )


def summary(metrics: Metrics) -> dict[str, float]:
    """The metrics that a model's metadata holds."""
    interval = metrics.by_group or metrics.wilson
    figures = {
        "clips": float(metrics.confusion.sum()),
        "accuracy": metrics.accuracy,
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "macro_f1": metrics.macro.f1,
        "calibration_error": metrics.calibration.error,
    }
    if metrics.macro_auc is not None:
        figures["auc"] = metrics.macro_auc
    return {name: round(figure, 4) for name, figure in figures.items()}


def _average(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[int], how: str
) -> Averages:
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=labels, average=how, zero_division=0
    )
    return Averages(float(precision), float(recall), float(f1))


def roc(positive: NDArray[np.bool_], score: NDArray[np.floating]) -> Roc | None:
    """The curve over all thresholds; None unless there are clips of both kinds.

    Clips of equal score cross a threshold together, so that ties count half in the area.
    """
    if positive.all() or not positive.any():
        return None
    fpr, tpr, _ = roc_curve(positive, score)
    return Roc(fpr, tpr)


def calibrate(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> Calibration:
    """Top scores and accuracy in `bins` equal-width bins, each closed above.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    place = np.clip(np.ceil(confidence.astype(np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    most = np.maximum(count, 1)
    return Calibration(
        count=count.astype(np.int64),
        confidence=np.bincount(place, weights=confidence, minlength=bins) / most,
        accuracy=np.bincount(place, weights=right, minlength=bins) / most,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
