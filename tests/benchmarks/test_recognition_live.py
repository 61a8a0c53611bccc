"""What is kept of streams and regions, and the figures made of it."""

import itertools
from pathlib import Path

import pytest

from benchmarks.recognition.events import Events, poisson
from benchmarks.recognition.fit_results import (
    KEPT,
    Basis,
    Choosing,
    ClipAnswer,
    ClipScores,
    FalseAlarm,
    FitRecord,
    FoldAlerts,
    FoldEvents,
    FoldInsets,
    InsetClip,
    Judgement,
    Kept,
    WatchedEvent,
)
from benchmarks.recognition.insets import place
from benchmarks.recognition.page import page
from benchmarks.recognition.series import Declared, Series, Watch, Wide
from benchmarks.recognition.tuned_page import Alerts
from benchmarks.recognition.watching import fewest_alarms, parted
from benchmarks.results import keep
from tests.train.evaluate.test_tuning import BASE, SPAN_S, stream
from train.data.footage import Footage
from train.evaluate.tuning import Trials
from train.recipe.options import Recipe

SERIES = Series("live", "first", ("grouped", "nested"), (1,), Recipe())
DECLARED = Declared(
    "first", (SERIES,), Watch(SERIES, "quiet", Wide(footage="quiet", films=("a.avi",)))
)
FILMS = {"a.avi": 36.0, "b.avi": 72.0}
BASIS = Basis(
    recipe=SERIES.recipe_of("grouped", 1).model_dump(mode="json"),
    data_sha256="d",
    footage={"a.avi": "1", "b.avi": "2"},
    temperature=0.5,
    method=1,
)


def alarm(stream: str, shown: str, label: str | None = None) -> FalseAlarm:
    return FalseAlarm(stream=stream, label="fight", time_s=3, score=0.9, shown=shown,
                      shown_label=label, shown_s=2)  # fmt: skip


def judgement(
    *delays_s: tuple[float, ...], false: int = 0, alone: tuple[str, ...] = ()
) -> Judgement:
    """An event for each tuple, with its alerts; false alarms at clips; alarms in footage alone."""
    return Judgement(
        thresholds={"fight": 0.8},
        smoothing_s=0.5,
        min_s=1.0,
        events=tuple(
            WatchedEvent(stream="s", label="fight", start_s=10, end_s=12, delays_s=late)
            for late in delays_s
        ),
        false_alarms=(alarm("s", "nofight/1.mp4", "nofight"),) * false + (alarm("s", "a.avi"),),
        alone=tuple(alarm(film, film) for film in alone),
    )


def fold_events(fold: int, judged: Judgement, data_sha256: str = "d") -> FoldEvents:
    names: tuple[Choosing, ...] = ("untuned", "highest F1", "fewest false alarms")
    return FoldEvents(
        basis=BASIS.model_copy(update={"data_sha256": data_sha256}),
        name="live", data="first", seed=1, fold=fold,
        tuned_in=("b.avi",), tested_in=("a.avi",), footage_s=FILMS,
        streams_s={"s": 900.0, "t": 900.0}, judged=dict.fromkeys(names, judged),
        clips=(
            ClipAnswer(path="1", label="fight", alone="fight", in_stream="fight"),
            ClipAnswer(path="2", label="nofight", alone="nofight", in_stream=None),
        ),
        date="2026-11-21T10:00:00+00:00", version="0.1.0",
    )  # fmt: skip


def grouped(fold: int) -> FitRecord:
    clips = [
        ClipScores(
            path=f"{fold}{label}", label=label, group=f"g{fold}", fold=fold, scores=(0.9, 0.1)
        )
        for label in ("fight", "nofight")
    ]
    return FitRecord(
        name="live", data="first", split="grouped", seed=1, fold=fold, folds=2,
        recipe=BASIS.recipe, data_sha256="d", split_sha256="s", date="2026-11-21T10:00:00+00:00",
        fit_s=1.0, version="0.1.0", labels=("fight", "nofight"), clips=tuple(clips),
    )  # fmt: skip


def test_the_events_of_all_folds_are_counted_together() -> None:
    events = Events(
        (
            fold_events(0, judgement((1.0, 3.0), (), false=2)),
            fold_events(1, judgement((2.0,), (4.0,), alone=("a.avi", "b.avi", "b.avi"))),
        )
    )

    of = events.figures("highest F1")

    assert (of.events, of.found, of.false_alarms, of.hours) == (4, 3, 4, 1.0)
    assert (of.precision, of.recall) == (3 / 7, 3 / 4)
    assert of.f1 == 2 * 3 / (3 + 4 + 4)
    assert of.fragments == 4 / 3
    assert of.delays_s == (1, 2, 4)
    assert events.shown("untuned") == {"nofight clips": 2, "a.avi": 2}
    assert (events.clips, events.right_alone, events.right_in_stream) == (4, 1.0, 0.5)


def test_footage_alone_counts_all_films_or_only_those_not_tuned_in() -> None:
    events = Events(
        (fold_events(0, judgement(alone=("a.avi", "b.avi"))), fold_events(1, judgement()))
    )

    everything = events.alone("untuned", unseen=False)
    unseen = events.alone("untuned", unseen=True)

    assert (everything.alarms, everything.hours) == (2, pytest.approx(2 * 108 / 3600))
    assert (unseen.alarms, unseen.hours) == (1, pytest.approx(2 * 36 / 3600))


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        pytest.param(0, 0, 2.996, id="none: the rule of three"),
        pytest.param(1, 0.0253, 5.572, id="one"),
        pytest.param(10, 4.795, 18.391, id="ten"),
    ],
)
def test_the_interval_of_a_rate_is_garwoods(count: int, low: float, high: float) -> None:
    within = poisson(count, 0.5)

    assert (within.low / 2, within.high / 2) == pytest.approx((low, high), abs=1e-3)


def test_no_fold_is_tuned_in_the_film_that_it_is_tested_in() -> None:
    films = [Footage(Path(name), name, 20.0) for name in ("a", "b", "c")]
    tested = []
    for fold in range(5):
        tuned_in, tested_in = parted(films, fold)
        assert {film.name for film in tuned_in} | {film.name for film in tested_in} == set("abc")
        assert not {film.name for film in tuned_in} & {film.name for film in tested_in}
        tested += [film.name for film in tested_in]
    assert tested == ["a", "b", "c", "a", "b"]


def test_the_rules_that_find_half_of_the_events_have_the_fewest_false_alarms() -> None:
    streams = [stream(*[("fight", 0.9)] * 2, ("nofight", 0.75), ("fight", 0.7), ("fight", 0.6))]

    half = fewest_alarms(streams, Trials(BASE, SPAN_S), 0.5)
    most = fewest_alarms(streams, Trials(BASE, SPAN_S), 0.75)

    assert 0.75 < half.thresholds["fight"] <= 0.9
    assert most.thresholds["fight"] <= 0.7


def measured(results: Path, *kept: Kept) -> None:
    for one in kept:
        keep(results / SERIES.file, KEPT, one)


def test_the_sections_are_made_of_the_results_alone(tmp_path: Path) -> None:
    for fold in (0, 1):
        judged = judgement((1.0, 3.0), ((2.0,) if fold else ()), false=2, alone=("b.avi",))
        measured(tmp_path, grouped(fold), fold_events(fold, judged), insets(fold))

    text = page(DECLARED, tmp_path)

    assert (
        "| highest F1 | 3 of 4 | 0.333 | 0.750 | 0.462 | 6 in 1.00 h | 6.0 (2.2 to 13.1) | 1.0 s "
        "| 2.0 s | 1.667 |" in text
    )
    assert "| untuned | nofight clips 4, a.avi 2 |\n" in text
    assert "answer 1.000 of 4 clips rightly by themselves, and 0.500 while" in text
    assert "other things: -50.0 points." in text
    cell = "0.8, 0.5 s, 1 s: 1 of 2, 3 false"
    assert f"| 0 | a.avi | 0.50 | {cell} | {cell} | {cell} |" in text
    assert "| untuned | 2 in 0.060 h | 33.3 (4.0 to 120.4) | 0 in 0.020 h | below 149.8 |" in text
    assert "| the whole picture | 0.500 | 0.500 |" in text
    assert "| the region | 1.000 | 1.000 |" in text


def test_a_section_is_left_out_if_a_fold_is_missing_or_of_other_data(tmp_path: Path) -> None:
    for fold in (0, 1):
        measured(tmp_path, grouped(fold))
    measured(tmp_path, fold_events(0, judgement((1.0,))))
    assert "## Events" not in page(DECLARED, tmp_path)

    measured(tmp_path, fold_events(1, judgement((1.0,)), "other"))
    assert "## Events" not in page(DECLARED, tmp_path)

    measured(tmp_path, fold_events(1, judgement((1.0,))))
    assert "## Events" in page(DECLARED, tmp_path)


def test_a_basis_agrees_if_it_differs_only_by_an_option_that_came_later() -> None:
    older = BASIS.model_copy(
        update={"recipe": {k: v for k, v in BASIS.recipe.items() if k != "stride"}}
    )

    assert older.agrees(BASIS)
    assert not BASIS.model_copy(update={"temperature": 0.6}).agrees(BASIS)
    assert not BASIS.model_copy(update={"recipe": BASIS.recipe | {"epochs": 3}}).agrees(BASIS)


def insets(fold: int) -> FoldInsets:
    clips = [
        InsetClip(
            path=f"{fold}{label}", label=label, group="g", film="a.avi", offset_s=1.0,
            box=(10, 10, 40, 30), region=(0.1, 0.1, 0.5, 0.5),
            scores={"whole": (0.5, 0.5), "region": own, "alone": own},
        )
        for label, own in (("fight", (0.9, 0.1)), ("nofight", (0.2, 0.8)))
    ]  # fmt: skip
    return FoldInsets(
        basis=BASIS, name="live", data="first", seed=1, fold=fold, labels=("fight", "nofight"),
        clips=tuple(clips), date="2026-11-21T10:00:00+00:00", version="0.1.0",
    )  # fmt: skip


def fold_alerts(fold: int, judged: Judgement) -> FoldAlerts:
    return FoldAlerts(
        basis=BASIS, name="live", data="together", seed=1, fold=fold, per_day=48,
        streams_s={"s": 1800.0, "cars/a.avi": 900.0}, films_s={"cars/a.avi": 900.0},
        quiet_s={"cars": 1800.0, "clips of nofight": 360.0}, judged=judged,
        clips=(
            ClipAnswer(path="1", label="fight", alone="fight", in_stream="fight"),
            ClipAnswer(path="2", label="nofight", alone="nofight", in_stream="fight"),
        ),
        date="2026-11-21T10:00:00+00:00", version="0.1.0",
    )  # fmt: skip


def test_alerts_of_several_data_sets_are_counted_by_what_was_shown() -> None:
    judged = judgement((1.0, 3.0), (), false=2, alone=("cars/a.avi",))
    own = judged.model_copy(
        update={"false_alarms": (*judged.false_alarms[:2], alarm("s", "cars/a.avi"))}
    )
    alerts = Alerts((fold_alerts(0, own), fold_alerts(1, judgement((5.0,)))))

    of, by_kind = alerts.figures, alerts.by_kind

    assert (of.events, of.found, of.hours) == (3, 2, 1.5)
    assert of.after_end_s == (-1.0, 3.0)  # the event lasts two seconds
    quiet, alone = by_kind["cars"]
    assert (quiet.false_alarms, quiet.hours) == (1, 1.0)
    assert alone is not None
    assert (alone.false_alarms, alone.hours) == (1, 0.5)
    clips, never = by_kind["clips of nofight"]
    assert (clips.false_alarms, clips.hours, never) == (2, 0.2, None)
    assert (alerts.alone.false_alarms, alerts.alone.hours) == (1, 0.5)
    assert (alerts.clips, alerts.right_alone, alerts.right_in_stream) == (4, 4, 2)


def test_an_inset_lies_in_the_picture_with_its_region_around_it() -> None:
    films = [((768, 576), 80.0), ((640, 360), 3.0)]
    seen = set()
    for number, size in itertools.product(range(40), ((640, 360), (360, 640))):
        inset = place(f"clip-{number}", size, films, 2.0)
        (width, height), film_s = films[inset.film]
        seen.add(inset.film)
        assert inset.height == height // 3
        assert inset.width / inset.height == pytest.approx(size[0] / size[1], rel=0.01)
        assert 0 <= inset.left <= width - inset.width
        assert 0 <= inset.top <= height - inset.height
        assert 0 <= inset.offset_s <= film_s - 2
        left, top, right, bottom = inset.region
        assert 0 <= left <= inset.left / width
        assert 0 <= top <= inset.top / height
        assert (inset.left + inset.width) / width <= right <= 1
        assert (inset.top + inset.height) / height <= bottom <= 1
        assert (right - left) * width <= 1.3 * inset.width + 0.02 * width
        assert (bottom - top) * height <= 1.3 * inset.height + 0.02 * height
    assert seen == {0, 1}
    assert place("clip-1", (640, 360), films, 2.0) == place("clip-1", (640, 360), films, 2.0)
