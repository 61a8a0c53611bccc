"""benchmarks/verification/README.md, made of the results."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from benchmarks.page import NOTHING, render
from benchmarks.verification.detector import PACKAGE
from benchmarks.verification.films import ROADS, SMALL
from benchmarks.verification.measure import LOW, Candidate, Looked

CUTS = (0.02, 0.05, 0.07, 0.1, 0.2)
KEEP = 0.98  # of the true alerts of every set
_TEMPLATE = Path(__file__).with_name("README.md.jinja")

Measure = Callable[[Candidate], float]


def _shown(one: Candidate) -> float:
    """The measure of the first two tables."""
    return one.share["small"]


MEASURES: dict[str, Measure] = {
    "motion inside persons, small pictures": _shown,
    "motion inside persons, full pictures": lambda one: one.share["full"],
    "highest score of a person, small pictures": lambda one: one.person["small"],
    "highest score of a person, full pictures": lambda one: one.person["full"],
}


def page(results: Sequence[Looked]) -> str:
    """The page as Markdown."""
    models = list(dict.fromkeys(one.model for one in results))
    costs = [one.cpu_ms for one in results if one.cpu_ms is not None]
    return render(
        _TEMPLATE,
        package=PACKAGE,
        low=LOW,
        cuts=[f"{cut:g}" for cut in CUTS],
        keep=f"{KEEP * 100:.0f} %",
        true_rows=[_true_row(one) for one in results if true_alerts(one)],
        false_rows=[_false_row(one) for one in results if false_windows(one)],
        measure_rows=[
            row
            for model in models
            for row in _measure_rows([one for one in results if one.model == model])
        ],
        cost=f"{min(costs):.0f} to {max(costs):.0f} ms" if costs else NOTHING,
        dates=" to ".join(sorted({one.date[:10] for one in results})) or NOTHING,
    )


def true_alerts(one: Looked) -> list[Candidate]:
    """The alerts that are right."""
    return [each for each in one.candidates if each.alert and each.true]


def false_windows(one: Looked) -> list[Candidate]:
    """The windows that are wrong to raise an alert, or would be at a low threshold."""
    return [each for each in one.candidates if not each.true]


def highest_cut(sets: Iterable[Collection[Candidate]], measure: Measure) -> float:
    """The highest cut at which KEEP of the candidates of every set stay."""
    lowest = [sorted(map(measure, each)) for each in sets]
    return min(values[math.floor((1 - KEEP) * len(values) + 1e-9)] for values in lowest)


def _true_row(one: Looked) -> list[str]:
    alerts = true_alerts(one)
    return [
        one.model,
        one.data,
        f"{one.found} of {one.films}",
        str(len(alerts)),
        *(_lost(_below(alerts, _shown, cut), len(alerts)) for cut in CUTS),
    ]


def _false_row(one: Looked) -> list[str]:
    windows = false_windows(one)
    alerts = [each for each in windows if each.alert]
    return [
        one.model,
        one.data,
        f"{one.seconds / 60:.1f}",
        str(len(windows)),
        *(str(_below(windows, _shown, cut)) for cut in CUTS),
        str(len(alerts)),
        str(_below(alerts, _shown, CUTS[1])),
    ]


def _measure_rows(results: Sequence[Looked]) -> list[list[str]]:
    """A row for each measure, with and without the films that are laid small into a room."""
    rows = []
    for with_small in (False, True):
        true = [true_alerts(one) for one in results if with_small or SMALL not in one.data]
        true = [alerts for alerts in true if alerts]
        roads = [each for one in results if one.data in ROADS for each in false_windows(one)]
        for name, measure in MEASURES.items() if true else ():
            cut = highest_cut(true, measure)
            rows.append(
                [
                    results[0].model,
                    "all" if with_small else "as filmed",
                    name,
                    f"{cut:.3f}",
                    f"{_below(roads, measure, cut)} of {len(roads)}",
                ]
            )
    return rows


def _lost(count: int, whole: int) -> str:
    return f"{count} ({count / whole:.1%})" if count else "0"


def _below(candidates: Iterable[Candidate], measure: Measure, cut: float) -> int:
    return sum(measure(each) < cut for each in candidates)
