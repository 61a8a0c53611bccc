"""What is kept of a set of films: its candidates, and what was found in them."""

import math
from collections import deque
from collections.abc import Collection, Iterator, Sequence

from av import VideoFrame
from pydantic import TypeAdapter

from benchmarks.results import Facts, Result, now
from benchmarks.verification.detector import PersonDetector
from benchmarks.verification.films import Film, FilmSet
from benchmarks.verification.persons import Pictures, look
from monitor import __version__
from monitor.config.options import MonitorOptions
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import ModelMetadata
from monitor.records import Frame, Prediction, Skipped
from monitor.sources.address import Address
from monitor.sources.source import Source, SourceSettings
from train.evaluate.event_match import grace_s
from train.evaluate.playback import KeptAlerts

# Of a window without an alert that is a candidate, too: the models raise hardly any false alert.
LOW = {"fight": 0.3, "fall": 0.15}
_APART_S = 2.0  # from one such candidate to the next
_TOGETHER = 4  # films that are watched at a time
_LASTS_S = 1.95  # a window, from its first frame to its last
_SAME_S = 0.002  # times of one frame may differ by so much
_DIGITS = 4


class Candidate(Facts):
    """A window that raises an alert, or nearly does."""

    film: str
    end_s: float
    score: float
    alert: bool  # by the model's own rules
    true: bool
    share: dict[Pictures, float]
    person: dict[Pictures, float]  # the highest score of a person


class Looked(Result):
    """All candidates of a set of films, watched by one model."""

    model: str
    model_sha256: str
    data: str  # name of the set
    films: int
    found: int  # films in which an event raised an alert
    seconds: float  # to the end of the last classified window of each
    candidates: tuple[Candidate, ...]
    cpu_ms: float | None  # of looking, for a candidate
    date: str
    version: str

    @property
    def key(self) -> str:
        """The model and the set."""
        return f"{self.model}, {self.data}"


KEPT: TypeAdapter[Looked] = TypeAdapter(Looked)


class _Played:
    """A film as a source."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._frames: Iterator[tuple[float, VideoFrame]] = iter(())

    def open(self) -> None:
        """Begin the film."""
        self._frames = self._film.play()

    def read(self) -> Frame | None:
        """The next frame; None at the end."""
        shown = next(self._frames, None)
        return None if shown is None else Frame(*shown)

    def close(self) -> None:
        """Let the film go."""
        self._frames = iter(())


def measure(one: FilmSet, classifier: OnnxClassifier, detector: PersonDetector) -> Looked:
    """Let the monitor watch a set of films, and the detector look at each candidate."""
    candidates: list[Candidate] = []
    costs_ms: list[float] = []
    seconds = 0.0
    for first in range(0, len(one.films), _TOGETHER):
        films = one.films[first : first + _TOGETHER]
        for film, (windows, alerts) in zip(films, _watch(films, classifier), strict=True):
            seconds += windows[-1].end_s if windows else 0.0
            low = LOW[one.model] if one.quiet else math.inf
            wanted = _wanted(film, windows, alerts, low, classifier.metadata)
            for candidate, frames in _frames_of(film, wanted):
                found = look(detector, frames)
                costs_ms.append(found.cpu_ms)
                candidates.append(
                    candidate.model_copy(update={"share": found.share, "person": found.score})
                )
    right = {each.film for each in candidates if each.true}
    return Looked(
        model=one.model,
        model_sha256=classifier.sha256,
        data=one.name,
        films=len(one.films),
        found=len(right),
        seconds=round(seconds, 1),
        candidates=tuple(candidates),
        cpu_ms=round(sum(costs_ms) / len(costs_ms), 1) if costs_ms else None,
        date=now(),
        version=__version__,
    )


def _watch(
    films: Sequence[Film], classifier: OnnxClassifier
) -> list[tuple[list[Prediction], set[float]]]:
    """The classified windows of each film, in order, and the ends of those that start an alert."""
    shown = {f"film-{place}": film for place, film in enumerate(films)}
    windows: list[Prediction | Skipped] = []
    kept = KeptAlerts()

    def make(address: Address, settings: SourceSettings) -> Source:
        return _Played(shown[address.target])

    cameras = [{"name": name, "source": name} for name in shown]
    options = MonitorOptions.model_validate({"cameras": cameras})
    Monitor(options, classifier, [kept], make=make, on_window=windows.append, workers=1).run()
    return [
        (
            [one for one in windows if one.camera == name and isinstance(one, Prediction)],
            {one.decided_s for one in kept.alerts if one.camera == name and one.event == "start"},
        )
        for name in shown
    ]


def _wanted(
    film: Film,
    windows: Sequence[Prediction],
    alerts: Collection[float],
    low: float,
    metadata: ModelMetadata,
) -> list[Candidate]:
    """The candidates of a film, in order of time; nothing was looked for in them yet.

    They are the windows that end with an alert, and those that score `low` or more.
    """
    (label,) = metadata.alert_labels
    late_s = grace_s(metadata.clip.span_s)
    wanted = []
    last_s = -_APART_S
    for window in windows:
        apart = window.end_s >= last_s + _APART_S
        if window.end_s not in alerts and not (apart and window.scores[label] >= low):
            continue
        last_s = window.end_s
        wanted.append(
            Candidate(
                film=film.name,
                end_s=round(window.end_s, 3),
                score=round(window.scores[label], _DIGITS),
                alert=window.end_s in alerts,
                true=any(start <= last_s <= end + late_s for start, end in film.events),
                share={},
                person={},
            )
        )
    return wanted


def _frames_of(
    film: Film, wanted: Sequence[Candidate]
) -> Iterator[tuple[Candidate, list[tuple[float, VideoFrame]]]]:
    """Each candidate with the frames of its window."""
    waiting = deque(wanted)
    recent: deque[tuple[float, VideoFrame]] = deque()
    for time_s, picture in film.play() if waiting else ():
        recent.append((time_s, picture))
        while recent[0][0] < time_s - _LASTS_S:
            recent.popleft()
        while waiting and time_s >= waiting[0].end_s - _SAME_S:
            yield waiting.popleft(), list(recent)
        if not waiting:
            return
    for candidate in waiting:  # its last frame was the film's
        yield candidate, list(recent)
