"""The report on two models that watched the clips of reviewed events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor import __version__
from monitor.events.alert import utc
from monitor.recognition.metadata import ModelMetadata
from train.evaluate.comparison import ComparedClip, Comparison, Raised, Share
from train.report.render import render

SCHEMA = 1
HOW = (
    "Each clip that was kept of a reviewed event was watched by har-monitor's own pipeline, once "
    "with each model and its own rules. An alarm anywhere in the clip of a dismissed event is "
    "false. A confirmed event is found if its clip raises an alarm of its label."
)
TRAINED = (
    "The new model was trained on reviewed events: those among these say nothing. --since leaves "
    "out all that began before a day."
)


@dataclass(frozen=True)
class ComparisonReport:
    """A comparison, and what was compared."""

    comparison: Comparison
    new: ModelMetadata
    old: ModelMetadata
    new_file: Path
    old_file: Path
    unread: int  # clips that cannot be read
    trained: bool  # the new model was trained on such events
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def warning(self) -> str | None:
        """Why the figures may be too good."""
        return TRAINED if self.trained else None

    @property
    def changed(self) -> list[ComparedClip]:
        """The clips on which the models differ, false alarms first."""
        differ = [c for c in self.comparison.clips if c.raised in (Raised.OLD, Raised.NEW)]
        return sorted(differ, key=lambda one: (one.wanted, one.raised, one.clip.event.at))


def comparison_page(report: ComparisonReport) -> str:
    """The page as HTML."""
    return render(
        "comparison.html.jinja",
        report=report,
        comparison=report.comparison,
        how=HOW,
        rows=[
            (name, report.comparison.counts(wanted))
            for name, wanted in (("false alarms", False), ("right alarms", True))
        ],
        outcomes=[("old only", Raised.OLD), ("both", Raised.BOTH), ("new only", Raised.NEW),
                  ("neither", Raised.NEITHER)],
    )  # fmt: skip


def comparison_json(report: ComparisonReport) -> dict[str, Any]:
    """The content of metrics.json."""
    comparison = report.comparison
    return {
        "schema": SCHEMA,
        "created": report.created,
        "how": HOW,
        "warning": report.warning,
        "new": str(report.new_file),
        "old": str(report.old_file),
        "false_alarms": _counts(comparison, False) | {"gone": _share(comparison.gone)},
        "right_alarms": _counts(comparison, True) | {"kept": _share(comparison.kept)},
        "unread": report.unread,
        "clips": _clips(comparison.clips),
        "new_model": report.new.model_dump(mode="json"),
        "old_model": report.old.model_dump(mode="json"),
        "version": __version__,
    }


def _counts(comparison: Comparison, wanted: bool) -> dict[str, Any]:
    counts = comparison.counts(wanted)
    return {"of": counts.total(), **{raised.value: counts[raised] for raised in Raised}}


def _share(share: Share) -> dict[str, Any]:
    interval = share.interval
    return {
        "count": share.count,
        "of": share.total,
        "interval_95": None if interval is None else [interval.low, interval.high],
    }


def _clips(clips: Sequence[ComparedClip]) -> list[dict[str, Any]]:
    return [
        {
            "id": one.clip.event.id,
            "camera": one.clip.event.camera,
            "at": utc(one.clip.event.at),
            "label": one.clip.label,
            "review": one.clip.event.review.value,
            "raised_by": one.raised.value,
            "old": sorted(one.old),
            "new": sorted(one.new),
        }
        for one in clips
    ]
