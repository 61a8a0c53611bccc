"""Watch, dismiss, train, and test: two models on films, of which one has learned from the other."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.learning.films import Film, cut_films, fights_in_films, write_split
from benchmarks.results import Facts, Result, now
from monitor.cli.sinks import make_sinks
from monitor.config.options import MonitorOptions
from monitor.evidence.evidence_sink import EvidenceSink
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.store.event import Review, Verdict
from monitor.store.store import EventStore
from train.data.footage import find_footage
from train.evaluate.event_match import EventMatches
from train.evaluate.playback import watch_streams
from train.evaluate.stream_results import match_stream
from train.evaluate.streams import StreamPlan, plan_footage

log = logging.getLogger(__name__)

RECIPE = Path(__file__).with_name("recipe.yaml")


class Counts(Facts):
    """What a model raised where it was tested."""

    false_alarms: dict[str, int]  # in the second halves, by kind of film
    fights_found: int


class Learned(Result):
    """Both models, with one seed."""

    seed: int
    date: str
    films: dict[str, int]  # by kind
    minutes: dict[str, float]  # of second halves, by kind
    dismissed: int  # false alarms in the first halves: these were trained on
    fights: int
    before: Counts
    after: Counts

    @property
    def key(self) -> str:
        """The seed."""
        return f"seed {self.seed}"


KEPT: TypeAdapter[Learned] = TypeAdapter(Learned)


@dataclass(frozen=True)
class _Run:
    """Where everything of one seed lies."""

    folder: Path
    data: Path
    seed: int

    def fit(self, name: str, *more: object) -> Path:
        """Fit a network, or go on with it, and export it."""
        out = self.folder / name
        model = out / "model.onnx"
        if not model.exists():
            _python(
                "train", "--config", self.folder / "recipe.yaml", "--fold", 1,
                "--seed", self.seed, "--out", out, *more,
            )  # fmt: skip
            _python("export", out / "model.keras", model)
        return model


def measure(data: Path, work: Path, seed: int) -> Learned:
    """Measure with one seed; what takes long is kept in the folder `work`."""
    folder = work / f"seed-{seed}"
    run = _Run(folder, data, seed)
    films = cut_films(data, work / "films")
    write_split(data, folder / "clips.csv")
    recipe = RECIPE.read_text().format(data=data.resolve(), clips=(folder / "clips.csv").resolve())
    (folder / "recipe.yaml").write_text(recipe)
    before = run.fit("before")
    dismissed = dismiss_all(before, films, folder / "watched")
    store = folder / "watched" / "events.sqlite"
    after = run.fit("after", "--from-events", store)
    plans = fights_in_films(data, films)
    minutes = {
        kind: round(sum(_seconds(film) for film in films if film.kind == kind) / 60, 1)
        for kind in dict.fromkeys(film.kind for film in films)
    }
    return Learned(
        seed=seed,
        date=now(),
        films=dict(Counter(film.kind for film in films)),
        minutes=minutes,
        dismissed=dismissed,
        fights=len(plans),
        before=_counts(before, films, plans),
        after=_counts(after, films, plans),
    )


def dismiss_all(model: Path, films: Sequence[Film], folder: Path) -> int:
    """Let har-monitor watch the first halves as cameras, and dismiss every event; how many."""
    store = folder / "events.sqlite"
    if not store.exists():
        _watch(model, films, folder)
    opened = EventStore(str(store))
    ids = [event.id for event in opened.all()]
    for id in ids:
        opened.review(id, Verdict(review=Review.DISMISSED), "benchmark")
    opened.close()
    return len(ids)


def _watch(model: Path, films: Sequence[Film], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    options = MonitorOptions.model_validate(
        {
            "defaults": {"model": str(model)},
            "cameras": [{"name": film.name, "source": str(film.first)} for film in films],
            "sinks": [
                {"type": "log", "path": str(folder / "alerts.jsonl")},
                {"type": "store", "url": str(folder / "events.sqlite")},
                {"type": "evidence", "folder": str(folder / "evidence")},
            ],
        }
    )
    sinks = make_sinks(options.sinks)
    (evidence,) = (sink for sink in sinks if isinstance(sink, EvidenceSink))
    Monitor(options, sinks=sinks, tap=evidence.tap).run()


def _counts(model: Path, films: Sequence[Film], fights: Sequence[StreamPlan]) -> Counts:
    classifier = OnnxClassifier(model)
    by_kind: Counter[str] = Counter({film.kind: 0 for film in films})
    plans = [plan for film in films for plan in plan_footage(find_footage(film.second))]
    for film, matches in zip(films, _matches(classifier, plans), strict=True):
        by_kind[film.kind] += len(matches.false_alarms)
    found = sum(
        bool(alerts) for matches in _matches(classifier, fights) for _, alerts in matches.events
    )
    return Counts(false_alarms=dict(by_kind), fights_found=found)


def _matches(classifier: OnnxClassifier, plans: Sequence[StreamPlan]) -> Iterator[EventMatches]:
    rules = MonitorOptions().defaults.activity.rules(classifier.metadata)
    span_s = classifier.metadata.clip.span_s
    for watched in watch_streams(classifier, plans):
        yield match_stream(watched, rules, span_s, watched.alerts).matches


def _seconds(film: Film) -> float:
    return find_footage(film.second)[0].duration_s


def _python(module: str, *arguments: object) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
