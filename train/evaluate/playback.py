"""Planned streams played to the monitor as if each were a camera's recording."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from av.video.reformatter import Interpolation

from monitor.config.options import MonitorOptions
from monitor.names import plain_name
from monitor.pipeline.monitor import Monitor
from monitor.pipeline.worker import Classifier
from monitor.records import Activity, Prediction, Skipped
from monitor.sources.address import Address
from monitor.sources.file import pictures
from monitor.sources.source import Picture, Source, StreamLimits
from train.data.footage import read_piece
from train.evaluate.streams import Segment, StreamPlan

WindowOutcome = Prediction | Skipped  # scores, or why it was not classified

_AT_ONCE = 4  # streams; each has a decoder, and one of them is always ahead of the classifier


@dataclass(frozen=True, eq=False)
class WatchedStream:
    """A stream and what the monitor made of it; equal to itself only, and so a key."""

    plan: StreamPlan
    windows: tuple[WindowOutcome, ...]  # in order
    activities: tuple[Activity, ...]  # each one's start and its end, as an alert log holds them


class StreamSource:
    """A planned stream, decoded while it is read.

    Clips are given as they were decoded. Footage is scaled to the stream's size, as large as a
    camera's picture, so that it reaches the model the way a camera's does: in one step from there.
    """

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._pictures: Generator[Picture, None, None] | None = None

    def open(self) -> None:
        """Begin with the first piece; what is wrong with a file is said when it is its turn."""
        self._pictures = self._play()

    def read(self) -> Picture | None:
        """The next picture, in seconds of the stream; None at the end. SourceError as files do."""
        return None if self._pictures is None else next(self._pictures, None)

    def close(self) -> None:
        """Release what is being read."""
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    def _play(self) -> Generator[Picture, None, None]:
        for piece in self._plan.pieces:
            shown = (
                _footage(piece, self._plan.size) if piece.label is None else pictures(piece.path)
            )
            for picture in shown:
                yield Picture(piece.start_s + picture.time_s, picture.frame)


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
    kept = KeptActivities()

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
            tuple(activity for activity in kept.activities if activity.camera == names[target]),
        )
        for target, plan in by_target.items()
    ]


class KeptActivities:
    """A sink that keeps what it is given."""

    name = "kept"
    waiting = lost = 0

    def __init__(self) -> None:
        self.activities: list[Activity] = []

    def write(self, activity: Activity) -> None:
        """Keep the start or the end of an activity."""
        self.activities.append(activity)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """There is nothing to finish."""


def _footage(piece: Segment, size: tuple[int, int] | None) -> Iterator[Picture]:
    for picture in read_piece(piece.path, piece.offset_s, piece.end_s - piece.start_s):
        frame = picture.frame
        if size is not None and (frame.width, frame.height) != size:
            # The picture's tags of colour and range stay with it. One thread, as in `prepare`.
            frame = frame.reformat(*size, interpolation=Interpolation.BICUBIC, threads=1)
        yield Picture(picture.time_s, frame)
