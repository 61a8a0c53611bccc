"""benchmarks/recognition/README.md, made of the results."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.page import NOTHING, render
from benchmarks.recognition.figures import DataSet, Line, by_dataset, choose, read_line
from benchmarks.recognition.fit_results import FitRecord
from benchmarks.recognition.live_page import live_sections
from benchmarks.recognition.series import TOGETHER, Declared
from benchmarks.recognition.tuned_page import tuned_sections

TEMPLATE = Path(__file__).with_name("README.md.jinja")


def page(declared: Declared, results: Path) -> str:
    """The page: the main data set with its best rows first, the other data sets in short.

    It is made of the files under `results` and of nothing else.
    """
    lines = [read_line(series, results) for series in declared.series]
    data = {
        name: DataSet(name, tuple(line for line in lines if line.series.data == name))
        for name in dict.fromkeys(series.data for series in declared.series)
    }
    main = data[declared.main]
    together = data.pop(TOGETHER, None)
    others = [one for name, one in data.items() if name != declared.main]
    choice = choose(main.lines)
    return render(
        TEMPLATE,
        main=main,
        main_rows=[_main_row(line) for line in sorted(main.lines, key=_best_first)],
        choice=choice,
        chosen_rows=[
            [name, ", ".join(map(str, folds))]
            for name, folds in (choice.folds if choice else {}).items()
        ],
        days=_days,
        watch=declared.watch,
        **live_sections(declared.watch, lines, results),
        together=[(line, _dataset_rows(line)) for line in together.lines] if together else [],
        tuned=tuned_sections(together.lines, results) if together else {},
        others=others,
        others_rows=_others_rows(others),
    )


def mean_text(values: Sequence[float]) -> str:
    """The mean over seeds, with the standard deviation if there are several."""
    if not values:
        return NOTHING
    text = f"{np.mean(values):.3f}"
    return f"{text} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else text


def _main_row(line: Line) -> list[str]:
    unfinished = f" (unfinished: {_numbers(line.missing)})" if line.missing else ""
    return [
        line.series.name,
        f"{line.network.parameters:,}" if line.network else NOTHING,
        f"{line.network.window_ms:.1f}" if line.network else NOTHING,
        mean_text(line.grouped.accuracy),
        mean_text(line.nested.accuracy),
        mean_text(line.random.accuracy),
        mean_text(line.grouped.auc),
        mean_text(line.nested.auc),
        mean_text(line.random.auc),
        mean_text(line.grouped.calibration_error),
        mean_text(line.calibrated_error),
        _seeds(line.records) + unfinished,
    ]


def _dataset_rows(line: Line) -> list[list[str]]:
    """A row for every data set that the line was fitted on."""
    return [
        [
            name,
            str(sum(len(one.clips) for one in of.records) // len(of.seeds)),
            str(len({clip.group for one in of.records for clip in one.clips})),
            mean_text(of.accuracy),
            mean_text(of.auc),
            _seeds(of.records),
        ]
        for name, of in by_dataset(line).items()
    ]


def _others_rows(others: Sequence[DataSet]) -> list[list[str]]:
    """A row for every model, a column for every data set."""
    lines = [line for one in others for line in one.lines]
    rows = []
    for name in dict.fromkeys(line.series.name for line in lines):
        own = {line.series.data: line for line in lines if line.series.name == name}
        records = [e for line in own.values() for e in line.records]
        accuracies = [
            mean_text(own[one.name].grouped.accuracy) if one.name in own else NOTHING
            for one in others
        ]
        rows.append([name, *accuracies, _seeds(records)])
    return rows


def _best_first(line: Line) -> float:
    return -float(np.mean(line.grouped.accuracy)) if line.grouped.accuracy else 0.0


def _seeds(records: Sequence[FitRecord]) -> str:
    return _numbers({e.seed for e in records}) or NOTHING


def _numbers(numbers: set[int] | tuple[int, ...]) -> str:
    return " ".join(map(str, sorted(numbers)))


def _days(records: Sequence[FitRecord]) -> str:
    """The first and the last day of some fits."""
    days = sorted({e.date[:10] for e in records})
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else NOTHING
