"""Planned streams, played to the monitor as if each were the recording of a camera."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from av import VideoFrame
from av.video.reformatter import Interpolation

from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertEvent
from monitor.names import plain_name
from monitor.pipeline.monitor import Monitor
from monitor.recognition.models import Classifier
from monitor.records import Frame, Prediction, Skipped
from monitor.sources.address import Address
from monitor.sources.file import read_frames
from monitor.sources.source import Source, SourceSettings
from train.data.footage import read_segment
from train.evaluate.streams import PlanSegment, StreamPlan

WindowOutcome = Prediction | Skipped  # scores, or why the window was not classified

_PARALLEL_STREAMS = 4  # each stream has a decoder, and one is always ahead of the classifier


@dataclass(frozen=True, eq=False)
class WatchedStream:
    """A stream and the monitor's output for it; hashable by identity."""

    plan: StreamPlan
    windows: tuple[WindowOutcome, ...]  # in order
    alerts: tuple[AlertEvent, ...]  # starts and ends, as an alert log holds them


class PlannedSource:
    """A planned stream as a source, decoded while it is read.

    Frames of clips keep their size. Footage is scaled to the size of the clips, so that both reach
    the model as frames of one camera do.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._frames: Generator[Frame, None, None] | None = None

    def open(self) -> None:
        """Begin with the first segment; a bad file raises when its segment begins."""
        self._frames = self._play()

    def read(self) -> Frame | None:
        """The next frame, with its time in the stream; None at the end. SourceError as files."""
        return None if self._frames is None else next(self._frames, None)

    def close(self) -> None:
        """Close the file that is being read."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _play(self) -> Generator[Frame, None, None]:
        for segment in self._plan.segments:
            shown = _footage(segment, self._plan.size) if segment.label is None else _clip(segment)
            for time_s, picture in shown:
                yield Frame(segment.start_s + time_s, picture)


def watch_streams(
    classifier: Classifier,
    plans: Sequence[StreamPlan],
    advance: Callable[[str], None] = lambda name: None,
) -> list[WatchedStream]:
    """Let the monitor watch each stream from start to end, with the model's own rules.

    `advance` is called with the name of each finished stream. SourceError if a file of a stream
    cannot be read, ModelError if the model cannot be run.
    """
    watched = []
    for first in range(0, len(plans), _PARALLEL_STREAMS):
        together = plans[first : first + _PARALLEL_STREAMS]
        for one in _watch_together(classifier, together):
            watched.append(one)
            advance(plain_name(one.plan.name))
    return watched


def _watch_together(classifier: Classifier, plans: Sequence[StreamPlan]) -> list[WatchedStream]:
    by_target = {f"stream-{index}": plan for index, plan in enumerate(plans)}
    names = {target: f"{target}-{plain_name(plan.name)}" for target, plan in by_target.items()}
    cameras = [{"name": name, "source": target} for target, name in names.items()]
    windows: list[WindowOutcome] = []
    kept = KeptAlerts()

    def make(address: Address, settings: SourceSettings) -> Source:
        return PlannedSource(by_target[address.target])

    monitor = Monitor(
        MonitorOptions.model_validate({"cameras": cameras}),
        classifier,
        [kept],
        make=make,
        on_window=windows.append,
        workers=1,  # TensorFlow has its own threads
    )
    try:
        monitor.run()
    except BaseException:  # even an interrupt must leave no thread running
        monitor.stop()
        raise
    return [
        WatchedStream(
            plan,
            tuple(window for window in windows if window.camera == names[target]),
            tuple(alert for alert in kept.alerts if alert.camera == names[target]),
        )
        for target, plan in by_target.items()
    ]


class KeptAlerts:
    """A sink that keeps all alerts in a list."""

    name = "kept"

    def __init__(self) -> None:
        self.alerts: list[AlertEvent] = []

    def write(self, alert: AlertEvent) -> None:
        """Keep the start or the end of an activity."""
        self.alerts.append(alert)

    def close(self) -> None:
        """There is nothing to finish."""


def _clip(segment: PlanSegment) -> Iterator[tuple[float, VideoFrame]]:
    """The frames of a clip, which may be a part of a file."""
    duration_s = segment.end_s - segment.start_s
    if segment.offset_s:
        return read_segment(segment.path, segment.offset_s, duration_s)
    return takewhile(lambda frame: frame[0] < duration_s, read_frames(segment.path))


def _footage(
    segment: PlanSegment, size: tuple[int, int] | None
) -> Iterator[tuple[float, VideoFrame]]:
    duration_s = segment.end_s - segment.start_s
    for time_s, picture in read_segment(segment.path, segment.offset_s, duration_s):
        if size is not None and (picture.width, picture.height) != size:
            # The frame keeps its colour tags. One thread, as in `scale_frame`.
            picture = picture.reformat(*size, interpolation=Interpolation.BICUBIC, threads=1)
        yield time_s, picture
