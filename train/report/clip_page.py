"""The report on tested clips as one self-contained HTML page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from train.evaluate.scores import Scored
from train.report.charts import COLOURS, calibration_chart, history_charts, roc_chart
from train.report.clip_report import ClipReport
from train.report.render import render

MAX_SHEET = 24  # clips on the contact sheet; at least one of each label
MAX_MISTAKES = 12
_STRIP_PX = 96  # largest height of a preview
_JPEG_QUALITY = 3  # FFmpeg's scale: 2 is the best, 31 the smallest


@dataclass(frozen=True)
class Card:
    """A clip on the contact sheet."""

    path: str
    strip: str  # data URI
    truth: str
    answer: str
    score: float  # of the answer
    truth_score: float

    @property
    def right(self) -> bool:
        """Whether the answer is the truth."""
        return self.truth == self.answer


@dataclass(frozen=True)
class FoldMean:
    """Plain means over the folds; the deviation is that of accuracy between folds."""

    accuracy: float
    deviation: float | None
    auc: float | None
    f1: float


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix."""

    count: int
    share: float  # of the row
    right: bool
    caption: str


def clip_page(report: ClipReport) -> str:
    """The page as HTML."""
    scored, metrics = report.scored, report.metrics
    mistakes = worst_mistakes(scored)
    return render(
        "clips.html.jinja",
        report=report,
        scored=scored,
        metrics=metrics,
        largest=float(metrics.confusion.sum(axis=1).max() / len(scored)),
        wrong=int((scored.truth != scored.predicted).sum()),
        matrix=_matrix(report),
        aucs=[None if curve is None else curve.auc for curve in metrics.rocs],
        coloured=len(scored.labels) <= COLOURS,
        roc=roc_chart(scored.labels, metrics.rocs),
        calibration=calibration_chart(metrics.calibration),
        history=history_charts(report.history),
        fold_mean=_fold_mean(report),
        mistakes=[_card(scored, index) for index in mistakes],
        sheet=[_card(scored, index) for index in contact_sheet(scored)],
    )


def worst_mistakes(scored: Scored) -> list[int]:
    """Indices of the wrong answers with the highest scores, highest first."""
    wrong = np.flatnonzero(scored.truth != scored.predicted)
    order = np.argsort(-scored.confidence[wrong], kind="stable")
    return [int(index) for index in wrong[order][:MAX_MISTAKES]]


def contact_sheet(scored: Scored) -> list[int]:
    """Indices of clips for the contact sheet: label by label, evenly spaced within each."""
    present = np.unique(scored.truth)
    each = max(1, MAX_SHEET // len(present))
    chosen: list[int] = []
    for label in present:
        members = np.flatnonzero(scored.truth == label)
        places = np.linspace(0, len(members) - 1, min(each, len(members))).round().astype(int)
        chosen.extend(int(index) for index in members[places])
    return chosen


def _matrix(report: ClipReport) -> list[tuple[str, list[Cell]]]:
    labels, counts = report.scored.labels, report.metrics.confusion
    rows = []
    for truth, row in zip(labels, counts, strict=True):
        total = max(1, int(row.sum()))
        rows.append((truth, _row(truth, labels, row.tolist(), total)))
    return rows


def _fold_mean(report: ClipReport) -> FoldMean | None:
    found = [metrics for _, metrics in report.folds.values()]
    if not found:
        return None
    accuracies = [metrics.accuracy for metrics in found]
    aucs = [metrics.macro_auc for metrics in found if metrics.macro_auc is not None]
    return FoldMean(
        accuracy=float(np.mean(accuracies)),
        deviation=float(np.std(accuracies, ddof=1)) if len(found) > 1 else None,
        auc=float(np.mean(aucs)) if aucs else None,
        f1=float(np.mean([metrics.macro.f1 for metrics in found])),
    )


def _row(truth: str, labels: Sequence[str], row: Sequence[int], total: int) -> list[Cell]:
    return [
        Cell(count, count / total, truth == answer, f"{truth}, answered {answer}: {count}")
        for answer, count in zip(labels, row, strict=True)
    ]


def _card(scored: Scored, index: int) -> Card:
    truth = int(scored.truth[index])
    return Card(
        path=scored.clips[index],
        strip=film_strip(scored.previews[index]),
        truth=scored.labels[truth],
        answer=scored.labels[int(scored.predicted[index])],
        score=float(scored.confidence[index]),
        truth_score=float(scored.scores[index, truth]),
    )


def film_strip(frames: NDArray[np.uint8]) -> str:
    """Frames (m, H, W, 3) RGB side by side, as a JPEG data URI."""
    count, height, width, _ = frames.shape
    shown = min(height, _STRIP_PX)
    strip = np.ascontiguousarray(np.concatenate(list(frames), axis=1))
    picture = av.VideoFrame.from_ndarray(strip, format="rgb24").reformat(
        width=count * width * shown // height,
        height=shown,
        format="yuvj444p",
        interpolation="AREA",
    )
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj444p"
    encoder.time_base = Fraction(1)
    encoder.qmin = encoder.qmax = _JPEG_QUALITY
    jpeg = b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
