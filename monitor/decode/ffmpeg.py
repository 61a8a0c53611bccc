"""Files opened by FFmpeg, and its errors in the words of this project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av import VideoFrame, VideoStream
from av.container import InputContainer
from av.stream import Disposition
from numpy.typing import NDArray

from monitor.states import OpenFailure

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

# What a file may hold: video, and nothing that leads on to other files and hosts. Playlists, lists
# of parts, session descriptions and patterns of names do, and FFmpeg follows when it opens one.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,nut,mxf,gxf,wtv,dv,rm,swf,ivf,obu,av1,"
    "h264,hevc,vvc,m4v,h261,h263,vc1,mjpeg,mpjpeg,jpeg_pipe,gif,apng,yuv4mpegpipe,"
    "dhav,ifv,luodat,hxvs,iv8,mxg"  # of recorders
)


# Multipart JPEG and raw video keep no times: FFmpeg would invent a steady 25 frames a second.
UNTIMED = frozenset(("mpjpeg", "mjpeg", "jpeg_pipe", "mjpeg_2000", "h264", "hevc", "vvc", "m4v"))


def open_file(path: Path, hwaccel: HWAccel | None = None) -> InputContainer:
    """The video file at `path`, which can lead to nothing but itself; FFmpeg's errors."""
    return av.open(
        str(path.absolute()),  # a relative one could read as another protocol: at:noon.mp4
        "r",
        options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
        metadata_errors="ignore",
        hwaccel=hwaccel,
    )


def reason(error: Exception) -> str:
    """FFmpeg's own words for an error, without the address that they repeat."""
    words = str(getattr(error, "strerror", None) or "").strip().rstrip(".")
    return words.lower() or type(error).__name__


def open_cause(error: Exception) -> OpenFailure:
    """Why a stream could not be opened."""
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return OpenFailure.AUTHENTICATION
    if isinstance(error, av.HTTPNotFoundError):
        return OpenFailure.NOT_FOUND
    # A server error passes: a camera that starts up, or has as many viewers as it can.
    if isinstance(error, ConnectionRefusedError | av.HTTPServerError | av.HTTPTooManyRequestsError):
        return OpenFailure.REFUSED
    if isinstance(error, TimeoutError | av.ExitError):
        return OpenFailure.TIMEOUT
    if isinstance(error, av.InvalidDataError | av.HTTPClientError):
        return OpenFailure.INVALID
    return OpenFailure.UNREACHABLE


def video_stream(container: InputContainer) -> VideoStream | None:
    """The stream that FFmpeg itself would show, None if there is none; a cover is not a film."""
    films = [
        one for one in container.streams.video if not one.disposition & Disposition.attached_pic
    ]
    best = container.streams.best("video")
    return next((one for one in films if one is best), films[0] if films else None)


def video_fault(container: InputContainer) -> str | None:
    """What keeps the pictures of an open container from being read, None if nothing does."""
    stream = video_stream(container)
    if stream is None:
        return "holds a cover, but no video" if container.streams.video else "holds no video stream"
    if stream.codec_context is None:
        return "holds video in a format that is not known here"
    return None


def apply_rotation(picture: VideoFrame) -> VideoFrame:
    """The picture itself, or where its file says so, turned by quarters, in RGB."""
    quarters = round(picture.rotation / 90) % 4  # counted against the clock
    if not quarters:
        return picture
    image: NDArray[np.uint8] = picture.to_ndarray(format="rgb24")  # type: ignore[assignment]
    return VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(image, quarters)), "rgb24")
