"""Planned streams played to the monitor as if each were a camera's recording."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertEvent
from monitor.names import plain_name
from monitor.pipeline.monitor import Monitor
from monitor.recognition.metadata import Contract
from monitor.recognition.models import Classifier
from monitor.records import Frame, Prediction, Skipped
from monitor.sources.address import Address
from monitor.sources.file import read_frames
from monitor.sources.source import Source, StreamLimits
from train.data.footage import read_piece
from train.evaluate.novelty import Classify
from train.evaluate.streams import Segment, StreamPlan

WindowOutcome = Prediction | Skipped  # scores, or why it was not classified

_AT_ONCE = 4  # streams; each has a decoder, and one of them is always ahead of the classifier


@dataclass(frozen=True)
class Scorer:
    """A model as the monitor takes one, whatever runs it."""

    classify: Classify
    contract: Contract
    path: None = None  # it is no file
    sha256: str = ""

    def predict(self, windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The scores alone, (N, labels), of windows (N, T, H, W, 3)."""
        return self.classify(windows).scores


@dataclass(frozen=True, eq=False)
class WatchedStream:
    """A stream and what the monitor made of it; equal to itself only, and so a key."""

    plan: StreamPlan
    windows: tuple[WindowOutcome, ...]  # in order
    activities: tuple[AlertEvent, ...]  # each one's start and its end, as an alert log holds them


class StreamSource:
    """A planned stream, decoded while it is read.

    Clips are given as they were decoded. Footage is scaled to the stream's size, as large as a
    camera's picture, so that it reaches the model the way a camera's does: in one step from there.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._frames: Generator[Frame, None, None] | None = None

    def open(self) -> None:
        """Begin with the first piece; what is wrong with a file is said when it is its turn."""
        self._frames = self._play()

    def read(self) -> Frame | None:
        """The next frame, in seconds of the stream; None at the end. SourceError as files do."""
        return None if self._frames is None else next(self._frames, None)

    def close(self) -> None:
        """Release what is being read."""
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def _play(self) -> Generator[Frame, None, None]:
        for piece in self._plan.pieces:
            shown = (
                _footage(piece, self._plan.size) if piece.label is None else read_frames(piece.path)
            )
            for time_s, picture in shown:
                yield Frame(piece.start_s + time_s, picture)


def watch_streams(
    classifier: Classifier,
    plans: Sequence[StreamPlan],
    advance: Callable[[str], None] = lambda name: None,
) -> list[WatchedStream]:
    """Let the monitor, with the model's own rules, watch each stream from its start to its end.

    `advance` is called with the name of a stream that is done. SourceError if a file of a stream
    cannot be read, ModelError if the model cannot be run.
    """
    watched = []
    for first in range(0, len(plans), _AT_ONCE):
        together = plans[first : first + _AT_ONCE]
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

    def make(address: Address, limits: StreamLimits) -> Source:
        return StreamSource(by_target[address.target])

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
    except BaseException:  # an interrupt, too, must leave no thread at work
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
    """A sink that keeps what it is given."""

    name = "kept"

    def __init__(self) -> None:
        self.alerts: list[AlertEvent] = []

    def write(self, alert: AlertEvent) -> None:
        """Keep the start or the end of an activity."""
        self.alerts.append(alert)

    def close(self) -> None:
        """There is nothing to finish."""


def _footage(piece: Segment, size: tuple[int, int] | None) -> Iterator[tuple[float, VideoFrame]]:
    for time_s, picture in read_piece(piece.path, piece.offset_s, piece.end_s - piece.start_s):
        if size is not None and (picture.width, picture.height) != size:
            # The picture's tags of colour and range stay with it. One thread, as in `prepare`.
            picture = picture.reformat(*size, interpolation=Interpolation.BICUBIC, threads=1)
        yield time_s, picture
