"""The part of the page on the streams of a row whose recipe names several data sets."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.page import NOTHING
from benchmarks.recognition.events import event_figures, poisson, right_answers
from benchmarks.recognition.figures import Line
from benchmarks.recognition.fit_results import FalseAlarm, FoldAlerts, read_folds
from benchmarks.recognition.insets import read_insets
from benchmarks.recognition.live_page import insets_rows, seconds_text, share_text
from train.evaluate.event_match import EventMetrics
from train.evaluate.intervals import wilson


@dataclass(frozen=True)
class Alerts:
    """All folds of a row together."""

    folds: tuple[FoldAlerts, ...]

    @property
    def figures(self) -> EventMetrics:
        """Over the events of all folds."""
        hours = sum(sum(fold.streams_s.values()) for fold in self.folds) / 3600
        return event_figures([fold.judged for fold in self.folds], hours)

    @property
    def alone(self) -> EventMetrics:
        """Of the films alone, each watched once."""
        return _false(sum(self._alone_alarms.values()), sum(self._alone_h.values()))

    @property
    def by_kind(self) -> dict[str, tuple[EventMetrics, EventMetrics | None]]:
        """False alarms by what was shown: in all streams, and in its films alone if it has some."""
        hours: defaultdict[str, float] = defaultdict(float)
        false: Counter[str] = Counter()
        for fold in self.folds:
            for kind, seconds in fold.quiet_s.items():
                hours[kind] += seconds / 3600
            false.update(_kind(alarm) for alarm in fold.judged.false_alarms)
        alone_h, alone = self._alone_h, self._alone_alarms
        return {
            kind: (
                _false(false[kind], shown_h),
                _false(alone[kind], alone_h[kind]) if kind in alone_h else None,
            )
            for kind, shown_h in sorted(hours.items())
        }

    @property
    def clips(self) -> int:
        """Number of clips that were laid into footage."""
        return sum(len(fold.clips) for fold in self.folds)

    @property
    def right_alone(self) -> int:
        """Number of them that are answered rightly by themselves."""
        return right_answers(self.folds)[0]

    @property
    def right_in_stream(self) -> int:
        """Number of them that are answered rightly while a stream shows them."""
        return right_answers(self.folds)[1]

    @property
    def _alone_h(self) -> dict[str, float]:
        found: defaultdict[str, float] = defaultdict(float)
        for fold in self.folds:
            for film, seconds in fold.films_s.items():
                found[_folder(film)] += seconds / 3600
        return dict(found)

    @property
    def _alone_alarms(self) -> Counter[str]:
        return Counter(_kind(alarm) for fold in self.folds for alarm in fold.judged.alone)


def tuned_sections(lines: Sequence[Line], results: Path) -> dict[str, dict[str, Any]]:
    """The values that the template takes for the rows that watch streams, by the row's name."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        grouped = line.grouped.records
        folds = read_folds(FoldAlerts, line.series, grouped, results)
        if not folds:
            continue
        alerts = Alerts(folds)
        insets = read_insets(line.series, grouped, results)
        found[line.series.name] = {
            "streams": line.series.streams,
            "alerts": alerts,
            "rows": _rows(alerts),
            "folds": [_fold_row(fold) for fold in folds],
            "kinds": [
                [kind, *_rate(of), *(_rate(alone) if alone else (NOTHING, NOTHING))]
                for kind, (of, alone) in alerts.by_kind.items()
            ],
            "insets": insets_rows(insets) if insets is not None else [],
        }
    return found


def _rows(alerts: Alerts) -> list[list[str]]:
    of = alerts.figures
    within = wilson(of.found, of.events)
    share = f"{of.found / of.events:.2f} ({within.low:.2f} to {within.high:.2f})"
    rows = [
        ["events found", f"{of.found} of {of.events}: {share}"],
        ["event F1; precision", f"{share_text(of.f1)}; {share_text(of.precision)}"],
        ["false alarms in all streams", "; ".join(_rate(of))],
        ["false alarms in the films alone, each once", "; ".join(_rate(alerts.alone))],
        ["onset to alert, p50; p95", _times(of.delay_s(0.5), of.delay_s(0.95))],
        ["end to alert, p50; p95", _times(of.late_s(0.5), of.late_s(0.95))],
        ["alerts for each event that was found", share_text(of.fragments)],
    ]
    if alerts.clips:
        right, inside = alerts.right_alone, alerts.right_in_stream
        points = 100 * (inside - right) / alerts.clips
        rows.append(
            [
                "clips answered rightly alone; in the stream",
                f"{right} of {alerts.clips}; {inside}: {points:+.1f} points",
            ]
        )
    return rows


def _times(half: float | None, most: float | None) -> str:
    return f"{seconds_text(half)}; {seconds_text(most)}"


def _fold_row(fold: FoldAlerts) -> list[str]:
    hours = sum(fold.streams_s.values()) / 3600
    of = event_figures([fold.judged], hours)
    scores = " ".join(f"{at:g}" for at in fold.judged.thresholds.values())
    return [
        str(fold.fold),
        f"{hours:.2f}",
        f"{scores}, {fold.judged.smoothing_s:g} s, {fold.judged.min_s:g} s",
        f"{of.found} of {of.events}",
        str(of.false_alarms),
        str(len(fold.judged.alone)),
    ]


def _false(alarms: int, hours: float) -> EventMetrics:
    """False alarms in hours in which nothing is to be found."""
    return EventMetrics(0, 0, alarms, hours, (), 0)


def _rate(of: EventMetrics) -> tuple[str, str]:
    """The count with its hours, and the rate an hour with its interval."""
    within = poisson(of.false_alarms, of.hours)
    rate = f"{of.false_per_hour:.1f} an hour ({within.low:.1f} to {within.high:.1f})"
    return (
        f"{of.false_alarms} in {of.hours:.2f} h",
        rate if of.false_alarms else f"below {within.high:.1f} an hour",
    )


def _kind(alarm: FalseAlarm) -> str:
    """What a false alarm showed, as a report names it."""
    return f"clips of {alarm.shown_label}" if alarm.shown_label else _folder(alarm.shown)


def _folder(film: str) -> str:
    """The kind of a film: the first folder of its name."""
    folder, parted, _ = film.partition("/")
    return folder if parted else "footage"
