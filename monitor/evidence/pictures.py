"""Pictures of an event: the snapshot, and the filmstrip of what the model saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av import VideoFrame, VideoStream
from numpy.typing import NDArray

from monitor.decode.ffmpeg import apply_rotation, open_file, video_stream
from monitor.decode.pts import FramePts
from monitor.evidence.ring import TappedPacket

QUALITY = 3  # of JPEG, as FFmpeg counts: from 2, the best, to 31
THUMBNAIL_WIDTH = 320  # pixels
COLUMNS = 10  # of the filmstrip
_GAP = 2  # pixels between its pictures
_LAMBDA = 118  # FFmpeg's unit of quality
_EARLY_S = 0.001  # by which rounding may place a frame


def jpeg(picture: VideoFrame, width: int | None = None) -> bytes:
    """The picture as a JPEG; not wider than `width`, if that is given."""
    wide, high = picture.width, picture.height
    if width is not None and wide > width:
        wide, high = width, max(2, round(high * width / wide))
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height = wide, high
    codec.pix_fmt = "yuvj420p"
    codec.time_base = Fraction(1)
    codec.thread_count = 1
    codec.options = {"flags": "+qscale", "global_quality": str(QUALITY * _LAMBDA)}
    scaled = picture.reformat(width=wide, height=high, format="yuvj420p", threads=1)
    scaled.pts = 0
    return b"".join(bytes(packet) for packet in (*codec.encode(scaled), *codec.encode(None)))


def filmstrip(clip: NDArray[np.uint8]) -> tuple[VideoFrame, int, int]:
    """A clip (T, H, W, 3) as one picture, with its columns and rows; from left to right, then down.

    Pictures are two pixels apart; what is over is black.
    """
    count, height, width, _ = clip.shape
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    sheet = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), np.uint8)
    for number, picture in enumerate(clip):
        row, column = divmod(number, columns)
        top, left = row * (height + _GAP), column * (width + _GAP)
        sheet[top : top + height, left : left + width] = picture
    return VideoFrame.from_ndarray(sheet, "rgb24"), columns, rows


def picture_of_packets(packets: Iterable[TappedPacket], time_s: float) -> VideoFrame | None:
    """The first picture at or after a time on the camera's axis, else the last; None if none is.

    The packets begin with a key frame. FFmpeg's errors.
    """
    found = None
    for shown_s, picture in _decoded(packets):
        found = picture
        if shown_s is not None and shown_s >= time_s - _EARLY_S:
            break
    return None if found is None else apply_rotation(found)


def _decoded(packets: Iterable[TappedPacket]) -> Iterator[tuple[float | None, VideoFrame]]:
    codec: Any = None
    times_s: dict[int | None, float | None] = {}
    for one in packets:
        if codec is None:
            template = one.run.template.codec_context
            codec = av.CodecContext.create(template.codec.canonical_name, "r")
            codec.extradata = template.extradata
            codec.thread_count = 1
        times_s[one.packet.pts] = one.time_s
        with suppress(av.InvalidDataError):  # the decoder takes up again by itself
            yield from ((times_s.get(frame.pts), frame) for frame in codec.decode(one.packet))
    if codec is not None:
        with suppress(av.FFmpegError):
            yield from ((times_s.get(frame.pts), frame) for frame in codec.decode(None))


def picture_of_film(path: Path, time_s: float) -> VideoFrame | None:
    """The first picture of a film at or after a time, else the last; FFmpeg's errors."""
    found = None
    with open_file(path) as container:
        stream = video_stream(container)
        assert stream is not None  # or it could not have been watched
        times = FramePts(stream)
        origin_s = times.seconds(stream.start_time) or 0.0
        _seek(container, stream, origin_s + time_s)
        for picture in container.decode(stream):
            found = picture
            shown_s = times.of(picture)
            if shown_s is not None and shown_s - origin_s >= time_s - _EARLY_S:
                break
        return None if found is None else apply_rotation(found)


def _seek(container: Any, stream: VideoStream, pts_s: float) -> None:
    if pts_s > 0 and stream.time_base is not None:
        with suppress(av.FFmpegError):  # then it is read from its start
            container.seek(int(pts_s / stream.time_base), stream=stream)
