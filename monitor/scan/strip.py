"""The window of an activity's highest score, seen once more for its filmstrip."""

from __future__ import annotations

from monitor.recognition.models import Classifier
from monitor.records import Skipped, Window
from monitor.scan.job import Film, Segment, Start
from monitor.scan.plan import starts
from monitor.scan.segment import Reader
from monitor.windows.buffer import WindowBuffer


def window_again(
    film: Film, classifier: Classifier, segments: tuple[Segment, ...], region: str, start_s: float
) -> Window | None:
    """A region's window that was seen in a scan, with its pictures; None if it is not found again.

    Only a few seconds are decoded. SourceOpenError, or FFmpeg's errors, if that fails.
    """
    found: list[Window] = []

    def take(item: Window | Skipped, began_s: float) -> None:
        if isinstance(item, Window) and (item.region, began_s) == (region, start_s):
            found.append(item)
        if began_s >= start_s and (found or item.region == region):
            reader.stop()

    reader = Reader(film, classifier, _last_start(film, classifier, segments, start_s), take)
    reader.run()
    return found[0] if found else None


def _last_start(
    film: Film, classifier: Classifier, segments: tuple[Segment, ...], time_s: float
) -> Start | None:
    """The last key frame by a time from which the film can be read; None: from its start."""
    last = next((one.start for one in reversed(segments) if one.from_s <= time_s), None)
    windows = film.camera.windows
    buffer = WindowBuffer("", classifier.metadata.clip, windows.stride, windows.max_gap_s)
    for start in starts(film.path, buffer, last):
        if start.time_s > time_s:
            break
        last = start
    return last
