"""How many short activities idle decoding finds, and what it saves.

Short pieces of real fights are laid into a real, otherwise still scene, one after another. Their
starts are spread evenly over a GOP. The whole of har-monitor watches the film twice, once with idle
decoding. An activity is caught if every window that shows some of it was decoded.

After most fights people stand or lie elsewhere, which the next key frame shows. An activity that
leaves the scene as it was is the harder case: it must be seen while it lasts.
"""

import logging
import math
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import av
from pydantic import Field, TypeAdapter

from benchmarks.idle.films import (
    FPS,
    Codec,
    Encoding,
    Image,
    Laid,
    activity,
    corridor,
    encode,
    film,
)
from benchmarks.options import RUNS
from benchmarks.performance.plan import read_plan
from benchmarks.results import Result, now
from benchmarks.streams import encoded
from monitor.config.options import DecodeOptions, MonitorOptions
from monitor.decode.make import make_decoder
from monitor.decode.options import Decoding
from monitor.events.alert import AlertEvent
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Prediction, Skipped
from monitor.states import SkipReason

log = logging.getLogger(__name__)

HERE = Path(__file__).parent


LENGTHS_S = (0.5, 1.0, 1.5, 2.0)
SIZE, TILE = (480, 270), (150, 112)
# One clip of each of six source videos, and its place. The shipped model was trained on them,
# because the decoding is measured here and not the model.
FIGHTS = {
    "fi001": (5, 10), "fi021": (165, 10), "fi053": (325, 10),
    "fi093": (5, 150), "fi117": (165, 150), "fi149": (325, 150),
}  # fmt: skip
_STILL_FIRST_S = 30.0  # by then the usual packet sizes are known
_STILL_S = 8.0  # between two activities: idle after two key frames, and one more follows


@dataclass(frozen=True)
class Camera:
    """How a film is encoded, and how often each length is shown."""

    codec: Codec
    rate: str
    group_s: float
    each: int
    returns: bool = True  # each activity ends as it began, and leaves no trace in the scene

    @property
    def encoding(self) -> Encoding:
        kbps = 600 if self.rate == "constant" else None
        return Encoding(self.codec, group=round(self.group_s * FPS), kbps=kbps)


CAMERAS = (
    Camera("h264", "variable", 2.0, 16),
    Camera("h264", "constant", 2.0, 32),
    Camera("hevc", "variable", 2.0, 8),
    Camera("hevc", "constant", 2.0, 8),
    Camera("h264", "constant", 1.0, 8),
    Camera("h264", "constant", 2.0, 8, returns=False),
)


@dataclass(frozen=True)
class Act:
    """A piece of a fight in a film."""

    fight: str
    start_s: float
    length_s: float


@dataclass
class Share:
    """What was found of the activities of one length."""

    length_s: float
    acts: int
    caught: int  # all their windows were decoded
    alerts: int  # raised with full decoding
    alerts_idle: int  # of these, raised with idle decoding
    others_idle: int = 0  # raised with idle decoding alone


class Caught(Result):
    """What was found of one film."""

    what: Literal["caught"] = "caught"
    codec: Codec
    rate: str
    group_s: float
    returns: bool
    date: str
    film_s: float
    idle_share: float  # of the film's windows
    windows_that_differ: int
    shares: tuple[Share, ...]

    @property
    def key(self) -> str:
        """The camera."""
        return f"{self.codec}-{self.rate}-{self.group_s:g}" + "-changed" * (not self.returns)


class Saved(Result):
    """CPU time of one stream, with full decoding and with idle decoding."""

    what: Literal["saved"] = "saved"
    stream: str
    date: str
    full_ms: float  # per second of the stream, the whole of har-monitor
    idle_ms: float
    ratio: float  # full_ms / idle_ms
    resting_share: float  # of the stream's time
    resting_ms: float  # decoding alone, per second of stream, while idle
    decoding_ms: float  # the same while not idle

    @property
    def key(self) -> str:
        """The stream."""
        return self.stream


Kept = Caught | Saved
KEPT: TypeAdapter[Kept] = TypeAdapter(Annotated[Kept, Field(discriminator="what")])


def plan_acts(camera: Camera, seed: int = 0) -> list[Act]:
    """Activities of all lengths in mixed order, each length at phases spread over the GOP."""
    chance = random.Random(seed)
    waiting: list[tuple[float, float]] = []
    for length_s in LENGTHS_S:
        for place in range(camera.each):
            phase = (place + chance.random()) / camera.each
            waiting.append((length_s, phase * camera.group_s))
    chance.shuffle(waiting)
    acts: list[Act] = []
    now_s = _STILL_FIRST_S
    for index, (length_s, phase_s) in enumerate(waiting):
        start_s = math.ceil(now_s / camera.group_s) * camera.group_s + phase_s
        start_s = round(start_s * FPS) / FPS
        acts.append(Act(list(FIGHTS)[index % len(FIGHTS)], start_s, length_s))
        now_s = start_s + length_s + _STILL_S
    return acts


def write_film(path: Path, data: Path, acts: Sequence[Act], camera: Camera) -> float:
    """Encode a film of these activities; return its length in seconds."""
    laid = []
    for name, place in FIGHTS.items():
        own = [act for act in acts if act.fight == name]
        spells = [(round(act.start_s * FPS), round(act.length_s * FPS)) for act in own]
        clip = data / f"fight-surv/fight/{name}.mp4"
        images = activity(clip, TILE, sum(act.length_s for act in own))
        if camera.returns:
            images = [image for _, count in spells for image in _there_and_back(images, count)]
        laid.append(Laid(images, spells, *place))
    seconds = acts[-1].start_s + acts[-1].length_s + 5
    encode(path, film(corridor(data, SIZE), laid, seconds), camera.encoding)
    return seconds


def _there_and_back(images: Sequence[Image], count: int) -> list[Image]:
    there = images[: -(-count // 2)]
    return [*there, *reversed(there)][-count:]


class Watched:
    """What har-monitor found in a film."""

    name = "kept"

    def __init__(self, path: Path, *, idle: bool, regions: bool = True) -> None:
        self.alerts: list[AlertEvent] = []
        self.windows: dict[str, dict[float, Prediction | Skipped]] = defaultdict(dict)
        width, height = TILE[0] / SIZE[0], TILE[1] / SIZE[1]
        corners = {name: (left / SIZE[0], top / SIZE[1]) for name, (left, top) in FIGHTS.items()}
        boxes = [
            {"name": name, "box": [left, top, left + width, top + height]}
            for name, (left, top) in corners.items()
        ]
        areas = boxes if regions else []
        options = MonitorOptions.model_validate(
            {
                "cameras": [{"name": "a", "source": str(path), "regions": areas}],
                "defaults": {"decode": {"idle": idle}},
            }
        )
        monitor = Monitor(options, OnnxClassifier(), [self], on_window=self._note)
        began_s = time.process_time()
        monitor.run()
        self.cpu_s = time.process_time() - began_s

    def write(self, alert: AlertEvent) -> None:
        """Take an alert, as a sink."""
        if alert.event == "start":
            self.alerts.append(alert)

    def close(self) -> None:
        """Nothing is open."""

    def _note(self, window: Prediction | Skipped) -> None:
        self.windows[window.region][round(window.end_s, 2)] = window

    def has_alert(self, act: Act, span_s: float) -> bool:
        """Whether an alert was raised whose first window shows some of an activity."""
        return any(
            alert.region == act.fight
            and act.start_s - span_s <= alert.start_s <= act.start_s + act.length_s
            for alert in self.alerts
        )


def _is_decoded(window: Prediction | Skipped | None) -> bool:
    return window is not None and not (
        isinstance(window, Skipped) and window.reason == SkipReason.IDLE
    )


def catch(camera: Camera, data: Path, folder: Path) -> Caught:
    """Make the film of a camera and watch it twice."""
    acts = plan_acts(camera)
    path = folder / f"short-{camera.codec}-{camera.rate}-{camera.group_s:g}.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    log.info("encoding %s", path.name)
    film_s = write_film(path, data, acts, camera)
    log.info("watching %s", path.name)
    full, idle = Watched(path, idle=False), Watched(path, idle=True)
    clip = OnnxClassifier().metadata.clip
    before_s = (clip.frames - 1) / clip.fps  # from a window's first frame to its last one
    shares = {length_s: Share(length_s, 0, 0, 0, 0) for length_s in LENGTHS_S}
    for act in acts:
        share = shares[act.length_s]
        own = [
            end_s
            for end_s in full.windows[act.fight]
            if act.start_s <= end_s and end_s - before_s < act.start_s + act.length_s
        ]
        found, wanted = (watched.has_alert(act, clip.span_s) for watched in (idle, full))
        share.acts += 1
        share.caught += all(_is_decoded(idle.windows[act.fight].get(end_s)) for end_s in own)
        share.alerts += wanted
        share.alerts_idle += wanted and found
        share.others_idle += found and not wanted
    places = [(name, end_s) for name in full.windows for end_s in full.windows[name]]
    differ = passed = 0
    for name, end_s in places:
        one, other = full.windows[name][end_s], idle.windows[name].get(end_s)
        if not _is_decoded(other):
            passed += 1
        elif isinstance(one, Prediction) != isinstance(other, Prediction):
            differ += 1
        elif isinstance(one, Prediction) and isinstance(other, Prediction):
            differ += one.scores != other.scores
    return Caught(
        codec=camera.codec,
        rate=camera.rate,
        group_s=camera.group_s,
        returns=camera.returns,
        date=now(),
        film_s=round(film_s, 1),
        idle_share=round(passed / len(places), 3),
        windows_that_differ=differ,
        shares=tuple(shares.values()),
    )


def save(name: str, path: Path) -> Saved:
    """Watch a stream twice, and decode it once more by itself."""
    full, idle = (Watched(path, idle=on, regions=False) for on in (False, True))
    resting_s, decoding_s = (list(values) for values in zip(*_decoding_times(path), strict=True))
    seconds = resting_s[0] + decoding_s[0]
    return Saved(
        stream=name,
        date=now(),
        full_ms=round(full.cpu_s / seconds * 1000, 2),
        idle_ms=round(idle.cpu_s / seconds * 1000, 2),
        ratio=round(full.cpu_s / idle.cpu_s, 2),
        resting_share=round(resting_s[0] / seconds, 3),
        resting_ms=round(resting_s[1] / resting_s[0] * 1000, 2) if resting_s[0] else 0.0,
        decoding_ms=round(decoding_s[1] / decoding_s[0] * 1000, 2),
    )


def _decoding_times(path: Path) -> Iterator[tuple[float, float]]:
    """Seconds of stream and of CPU time: while idle, and while not."""
    span_s = OnnxClassifier().metadata.clip.span_s
    options = DecodeOptions()
    decoding = Decoding(options.loop_filter, options.idle_max_delay_s, span_s)
    stream_s, cpu_s = {True: 0.0, False: 0.0}, {True: 0.0, False: 0.0}
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        decoder = make_decoder(video, decoding)
        frame_s = 1 / float(video.average_rate or FPS)
        for packet in container.demux(video):
            began_s = time.process_time()
            for _ in decoder.decode(packet):
                pass
            stream_s[decoder.idle] += frame_s
            cpu_s[decoder.idle] += time.process_time() - began_s
    yield stream_s[True], stream_s[False]
    yield cpu_s[True], cpu_s[False]


def measure_all(data: Path, *, quick: bool) -> Iterator[Kept]:
    """Measure every camera, and every stream of the benchmark that is mostly idle."""
    for camera in CAMERAS[: 1 if quick else None]:
        few = replace(camera, each=2) if quick else camera
        yield catch(few, data, RUNS / "work")
    if quick:
        return
    plan = read_plan(HERE.parent / "performance" / "plan.yaml")
    for name in (stream.name for stream in plan.streams):
        if name.startswith("idle-"):
            log.info("watching %s", name)
            stream = plan.stream(name)
            yield save(stream.title, encoded(stream, data, RUNS / "streams"))
