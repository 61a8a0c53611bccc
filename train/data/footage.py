"""Background footage: finding it, and reading segments of it."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
from av import VideoStream
from av.container import InputContainer

from monitor.decode.ffmpeg import apply_rotation, open_file, reason, video_stream
from monitor.decode.pts import FramePts
from monitor.errors import DataError, SourceError, SourceLostError
from monitor.names import printable
from monitor.sources.file import frame_rate, read_frames
from train.data.video_files import SUFFIXES, VideoFinder

log = logging.getLogger(__name__)

# Seconds before a segment to seek to, one after the other, until a frame is reached that is not too
# late: a file without an index is entered anywhere, and the next key frame may be far.
_BACK_S = (0.0, 10.0, 60.0, math.inf)  # the last: read from the start


@dataclass(frozen=True)
class Footage:
    """A video file in which no activity happens."""

    path: Path
    name: str  # in reports
    duration_s: float  # to the end of its last picture


def find_footage(where: Path) -> tuple[Footage, ...]:
    """The video file `where`, or all video files in and below the folder `where`, sorted by path.

    In a folder, an unreadable file is skipped with a warning; DataError if none is left.
    SourceError for a single file that cannot be read.
    """
    if not where.exists():
        raise DataError(f"{where}: no such file or folder of footage")
    if not where.is_dir():
        return (Footage(where, printable(where.name), _duration_s(where)),)
    finder = VideoFinder(where)
    found = []
    for path in finder.below(where):
        try:
            duration_s = _duration_s(path)
        except SourceError as error:
            log.warning("footage skipped: %s", error)
        else:
            found.append(Footage(path, printable(path.relative_to(where).as_posix()), duration_s))
    finder.log_skipped()
    if not found:
        raise DataError(
            f"{where}: no footage that can be read; endings read: {' '.join(sorted(SUFFIXES))}"
        )
    return tuple(found)


def read_segment(
    path: Path, offset_s: float, duration_s: float
) -> Iterator[tuple[float, av.VideoFrame]]:
    """The frames of a file from `offset_s` on, for `duration_s`; their times start at 0.

    Reading starts at the key frame before, so that the end of a long file is reached as fast as its
    beginning. A file without timestamps is read from its start. SourceLostError if the segment
    holds no frame.
    """
    count = 0
    for time_s, frame in _pictures_from(path, offset_s):
        if time_s < offset_s:
            continue
        if time_s >= offset_s + duration_s:
            break
        count += 1
        yield time_s - offset_s, apply_rotation(frame)
    if not count:
        raise SourceLostError(
            f"{path}: holds no picture between {offset_s:.1f} and {offset_s + duration_s:.1f} s"
        )


def _pictures_from(path: Path, from_s: float) -> Iterator[tuple[float, av.VideoFrame]]:
    """All frames from one at or before `from_s` on, each with its time."""
    with open_file(path) as container:
        timed = frame_rate(_film(container)).timed
        first_s, _ = next(_frames(container), (None, None))  # time 0 of FileSource
    if first_s is None or not timed:
        yield from read_frames(path)
        return
    for back_s in _BACK_S:
        with open_file(path) as container:
            if back_s < math.inf and not _seek(container, first_s + from_s - back_s):
                continue
            frames = ((s - first_s, frame) for s, frame in _frames(container) if s is not None)
            reached = next(frames, None)
            if reached is None or reached[0] > from_s:
                continue
            yield reached
            yield from frames
            return


def _film(container: InputContainer) -> VideoStream:
    stream = video_stream(container)
    assert stream is not None  # find_footage has checked it
    return stream


def _frames(container: InputContainer) -> Iterator[tuple[float | None, av.VideoFrame]]:
    """All frames that can be decoded; invalid data is skipped, as FileSource does."""
    stream = _film(container)
    stream.codec_context.thread_type = "NONE"  # as in FileSource: other streams use the cores
    stamps = FramePts(stream)
    try:
        for packet in container.demux(stream):
            try:
                yield from ((stamps.of(frame), frame) for frame in packet.decode())
            except av.InvalidDataError:
                continue
    except av.FFmpegError as error:
        log.debug("%s: reading stopped: %s", container.name, reason(error))


def _duration_s(path: Path) -> float:
    """The duration by the packets: headers may be wrong, and decoding hours of film is slow."""
    next(read_frames(path))  # raises if nothing can be decoded
    count, times_s = 0, []
    with open_file(path) as container:
        stream = _film(container)
        rate = frame_rate(stream)
        try:
            for packet in container.demux(stream):
                count += packet.size > 0
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is not None and packet.time_base is not None:
                    times_s.append(float(stamp * packet.time_base))
        except av.FFmpegError as error:
            log.warning("%s: reading stopped: %s", path, reason(error))
    if not rate.timed:
        return count / rate.fps
    if len(times_s) < 2:
        raise SourceLostError(f"{path}: {len(times_s)} timed pictures; footage needs at least 2")
    length_s = max(times_s) - min(times_s)
    return length_s + length_s / (len(times_s) - 1)


def _seek(container: InputContainer, to_s: float) -> bool:
    """Whether seeking worked; it ends at a key frame before or after that time."""
    stream = _film(container)
    if stream.time_base is None:
        return False
    try:
        container.seek(int(to_s / stream.time_base), stream=stream)
    except av.FFmpegError:
        return False
    return True
