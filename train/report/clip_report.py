"""The report on tested clips, as values and as the content of metrics.json."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.recognition.metadata import Data, ModelMetadata
from train.evaluate.intervals import Interval
from train.evaluate.metrics import Metrics, OneVsRest, Roc, summary
from train.evaluate.overlap import HOW, WARNINGS, Overlap
from train.evaluate.scores import Scored

SCHEMA = 1


@dataclass(frozen=True)
class ClipReport:
    """What was measured, on which clips, how, and with which model."""

    title: str
    overlap: Overlap
    scored: Scored
    metrics: Metrics
    folds: Mapping[str, tuple[Scored, Metrics]]  # by name of the fold; empty for a single split
    datasets: Mapping[str, tuple[Scored, Metrics]]  # by name; empty for a single data set
    metadata: ModelMetadata | None
    data: Data | None  # what was tested on
    settings: Mapping[str, object]  # recipe and seeds
    history: Mapping[str, Sequence[float]]  # a value per epoch
    skipped: Sequence[tuple[str, str]]  # path, reason
    notes: Sequence[str]
    unknown: Sequence[Mapping[str, object]]  # results of the open-set evaluation, by folder
    created: str  # UTC, ISO 8601
    versions: Mapping[str, str]  # of the libraries used

    @property
    def how(self) -> str:
        """How it was measured, in words."""
        return HOW[self.overlap]

    @property
    def warning(self) -> str | None:
        """Why the numbers may be too good, in a few words."""
        return WARNINGS.get(self.overlap)

    @property
    def groups(self) -> int:
        """The number of groups in the test."""
        return len(set(self.scored.groups))


def clip_json(report: ClipReport) -> dict[str, Any]:
    """The content of metrics.json; None, never NaN, for what the clips could not measure."""
    scored, metrics = report.scored, report.metrics
    return {
        "schema": SCHEMA,
        "title": report.title,
        "created": report.created,
        "split": report.overlap,
        "how": report.how,
        "warning": report.warning,
        "labels": list(scored.labels),
        "counts": {
            "clips": len(scored),
            "groups": report.groups,
            "skipped": len(report.skipped),
        },
        "accuracy": {
            "value": metrics.accuracy,
            "right": int((scored.truth == scored.predicted).sum()),
            "group_bootstrap_95": _interval(metrics.by_group),
            "wilson_95": _interval(metrics.wilson),
        },
        "micro": asdict(metrics.micro),
        "macro": asdict(metrics.macro) | {"auc": metrics.macro_auc},
        "confusion": metrics.confusion.tolist(),
        "per_label": {
            count.label: _label(count, curve)
            for count, curve in zip(metrics.one_vs_rest, metrics.rocs, strict=True)
        },
        "calibration": _calibration(metrics),
        "folds": {name: summary(of_fold) for name, (_, of_fold) in report.folds.items()},
        "datasets": {name: summary(of_set) for name, (_, of_set) in report.datasets.items()},
        "history": {name: _finite(values) for name, values in report.history.items()},
        "model": report.metadata and report.metadata.model_dump(mode="json"),
        "data": report.data and report.data.model_dump(mode="json"),
        "settings": dict(report.settings),
        "skipped": [{"path": path, "reason": reason} for path, reason in report.skipped],
        "notes": list(report.notes),
        "unknown": [dict(folder) for folder in report.unknown],
        "clips": [
            {
                "path": path,
                "group": group,
                "truth": scored.labels[truth],
                "predicted": scored.labels[predicted],
                "scores": _six(scores),
            }
            for path, group, truth, predicted, scores in zip(
                scored.clips,
                scored.groups,
                scored.truth,
                scored.predicted,
                scored.scores,
                strict=True,
            )
        ],
        "versions": dict(report.versions),
    }


def _label(count: OneVsRest, curve: Roc | None) -> Mapping[str, Any]:
    return {
        "clips": count.support,
        "tp": count.tp,
        "fp": count.fp,
        "tn": count.tn,
        "fn": count.fn,
        "tpr": count.tpr,
        "fpr": count.fpr,
        "precision": count.precision,
        "f1": count.f1,
        "auc": None if curve is None else curve.auc,
        "roc": None if curve is None else {"fpr": _six(curve.fpr), "tpr": _six(curve.tpr)},
    }


def _calibration(metrics: Metrics) -> Mapping[str, Any]:
    bins = metrics.calibration
    return {
        "expected_error": bins.error,
        "bins": [
            {"clips": int(count), "confidence": float(confidence), "accuracy": float(accuracy)}
            for count, confidence, accuracy in zip(
                bins.count, bins.confidence, bins.accuracy, strict=True
            )
        ],
    }


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _six(values: NDArray[np.floating]) -> list[float]:
    return [round(float(value), 6) for value in values]


def _finite(values: Sequence[float]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]
