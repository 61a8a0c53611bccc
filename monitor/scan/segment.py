"""A segment scanned: the work of one process, or of a task of a cluster."""

from __future__ import annotations

from collections.abc import Callable

from monitor.config.options import CameraOptions
from monitor.health.status import CameraStatus
from monitor.pipeline.camera import make_decoding, make_status
from monitor.pipeline.capture import Capture, Retry
from monitor.pipeline.lane import Lane, make_windows
from monitor.pipeline.worker import predict
from monitor.recognition.models import Classifier
from monitor.records import Captured, Skipped, StreamEnd, Window
from monitor.scan.job import Film, ModelFile, SeenWindow, Segment, SegmentJob, SegmentResult, Start
from monitor.scan.models import load_model
from monitor.sources.file import FileSource
from monitor.states import EndReason, Pace, SkipReason


def scan_segment(job: SegmentJob, model: ModelFile) -> SegmentResult:
    """Decode a segment, and classify its windows; SourceOpenError if that cannot be done.

    It reads on until it has seen a window of each region that belongs to what follows, by which it
    can be checked that both fit.
    """
    job.film.check_unchanged()
    scan = _Scan(job.film.camera, load_model(model), job.segment)
    reader = Reader(job.film, scan.classifier, job.segment.start, scan.take)
    scan.stop = reader.stop
    reader.run()
    job.film.check_unchanged()
    return SegmentResult(
        tuple(scan.windows), tuple(scan.following.values()), reader.end_s, tuple(reader.faults)
    )


class Reader:
    """Reads a film from some place on, and gives what becomes of its windows, in order.

    The way from the file to the windows is the one of har-monitor.
    """

    def __init__(
        self,
        film: Film,
        classifier: Classifier,
        start: Start | None,
        take: Callable[[Window | Skipped, float], object],  # with the time of its first frame
    ) -> None:
        camera, metadata = film.camera, classifier.metadata
        self._take = take
        self._status: CameraStatus = make_status(camera, camera.name, metadata)
        windows = make_windows(camera, metadata, self._status)
        self._windows = {one.buffer.region: one for one in windows}
        if start is not None:
            for one in windows:
                one.resume(start.place)
        self._source = FileSource(
            film.path, make_decoding(camera, [metadata]), None if start is None else start.key
        )
        self._capture = Capture(
            self._status,
            lambda: self._source,
            [Lane(self._status, windows, self._submit)],
            pace=Pace.FILE,
            retry=Retry(0, 0),  # a file is not opened again
        )

    @property
    def faults(self) -> list[str]:
        """What is wrong with the file, as far as it was read."""
        return self._source.faults

    @property
    def end_s(self) -> float:
        """Time of the last frame that was read."""
        return self._source.newest_s

    def run(self) -> None:
        """Read to the end, or until `stop`; SourceOpenError if the file cannot be read."""
        self._capture.run()

    def stop(self) -> None:
        """Read no further."""
        self._capture.stop(EndReason.MONITOR_STOPPED)

    def _submit(self, item: Captured) -> None:
        if not isinstance(item, StreamEnd):
            self._take(item, self._windows[item.region].buffer.start_s)


class _Scan:
    """What is found in a segment."""

    def __init__(self, camera: CameraOptions, classifier: Classifier, segment: Segment) -> None:
        self.classifier = classifier
        self.windows: list[SeenWindow] = []
        self.following: dict[str, SeenWindow] = {}
        self.stop: Callable[[], object] = lambda: None
        self._segment = segment
        self._bounds = {region.name: region.bounds for region in camera.region_shapes}
        self._regions = len(self._bounds) or 1
        self._novelty_limit = camera.activity.novelty_limit(classifier.metadata)

    def take(self, item: Window | Skipped, start_s: float) -> None:
        """Classify a window, if it is to be, and keep what is told of it."""
        owned = self._segment.owns(start_s, item.end_s)
        later = not owned and self._segment.from_s <= start_s < item.end_s
        if not owned and (not later or item.region in self.following):
            return
        seen = self._seen(item, start_s)
        if owned:
            self.windows.append(seen)
            return
        self.following[item.region] = seen
        if len(self.following) == self._regions:
            self.stop()

    def _seen(self, item: Window | Skipped, start_s: float) -> SeenWindow:
        if isinstance(item, Skipped):
            # How long a picture has been the same is told once all segments are known.
            frozen = item.reason == SkipReason.FROZEN
            reason = SkipReason.STILL if frozen else item.reason
            return SeenWindow(item.region, start_s, item.end_s, reason)
        prediction, novelty = predict(self.classifier, item, self._bounds.get(item.region))
        unknown = novelty is not None and novelty > self._novelty_limit
        return SeenWindow(
            item.region,
            start_s,
            item.end_s,
            SkipReason.UNKNOWN if unknown else None,
            tuple(prediction.scores.values()),
            novelty,
            prediction.box,
        )
