"""Pictures encoded as H.264, where what a camera sends is nothing that a browser plays."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import av
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from monitor.errors import SinkError
from monitor.mp4 import TICKS_PER_S, TIME_BASE

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream

ENCODER = "libx264"  # of PyAV's wheel; every browser plays what it makes
QUALITY = 26  # libx264's crf: what people do is plain to see; at 23 it takes 1.4 times the bytes
KEY_S = 1.0  # between key frames: a clip begins at one, and a viewer does
PIXELS = "yuv420p"  # the only format that all browsers play
_SMPTE170M = 6  # FFmpeg's number of the colours that pictures are converted to


class Rate:
    """Lets so many pictures a second through, by their times; never two of the same time."""

    def __init__(self, fps: float) -> None:
        self._period_s = 1 / fps
        self._due_s = self._last_s = -math.inf

    def wants(self, time_s: float) -> bool:
        """Whether a picture of this time, later than those before, is to be encoded."""
        if time_s < self._due_s or time_s <= self._last_s:
            return False
        self._last_s = time_s
        # A period behind, so that a camera of this very rate loses nothing to jitter.
        self._due_s = max(self._due_s, time_s - self._period_s) + self._period_s
        return True


class Fitter:
    """Scales pictures down until no side is longer than `side_px`, in the encoder's format.

    The pictures that it gives are its own: a picture that others hold, too, is not touched.
    """

    def __init__(self, side_px: int) -> None:
        self._side_px = side_px
        self._reformatter = VideoReformatter()

    def fit(self, picture: VideoFrame, size: tuple[int, int] | None = None) -> VideoFrame:
        """The picture as it is to be encoded, of that size, if one is given.

        SinkError if it cannot be converted.
        """
        sides = picture.width, picture.height
        scale = min(1.0, self._side_px / max(sides))
        wide, high = size or (max(2, round(side * scale) // 2 * 2) for side in sides)
        try:
            fitted = self._reformatter.reformat(
                picture,
                wide,
                high,
                PIXELS,
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
            if fitted is picture:  # nothing had to be changed
                fitted = av.VideoFrame.from_ndarray(picture.to_ndarray(), PIXELS)
        except (av.FFmpegError, ValueError) as error:
            raise SinkError(f"a picture cannot be converted: {error}") from None
        return fitted


class PictureEncoder:
    """Encodes pictures of one size, each as a packet at once: no B frames, no delay.

    SinkError if there is no encoder, or it fails.
    """

    def __init__(self, width: int, height: int, preset: str) -> None:
        self.size = width, height
        self._key_s = -math.inf  # of the newest key frame
        # A container that nothing is written to: clips take their streams after its stream.
        self._holder: Any = av.open(io.BytesIO(), "w", format="matroska")
        try:
            stream: Any = self._holder.add_stream(ENCODER)
            stream.width, stream.height, stream.pix_fmt = width, height, PIXELS
            codec = stream.codec_context
            codec.time_base = TIME_BASE
            codec.thread_count = 1  # the other cores belong to other cameras
            codec.max_b_frames = 0
            codec.colorspace, codec.color_range = _SMPTE170M, ColorRange.MPEG.value
            codec.options = {
                "preset": preset,
                "tune": "zerolatency",
                "crf": str(QUALITY),
                "g": str(2**30),  # key frames come by time
                "forced-idr": "1",
            }
            self._holder.start_encoding()  # or its stream would know nothing of the encoder
        except av.codec.codec.UnknownCodecError:
            raise SinkError(f"this PyAV has no encoder {ENCODER}") from None
        except (av.FFmpegError, ValueError) as error:
            raise _fault(error) from None
        self._stream = stream

    @property
    def template(self) -> VideoStream:
        """How its packets are encoded."""
        stream: VideoStream = self._stream
        return stream

    def encode(self, picture: VideoFrame, time_s: float) -> list[Packet[VideoStream]]:
        """The packets of a `fit` picture, later than the one before; their pts are its time."""
        is_key = time_s - self._key_s >= KEY_S
        if is_key:
            self._key_s = time_s
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        picture.pts, picture.time_base = round(time_s * TICKS_PER_S), TIME_BASE
        try:
            packets: list[Packet[VideoStream]] = self._stream.encode(picture)
        except (av.FFmpegError, ValueError) as error:
            raise _fault(error) from None
        return packets


def _fault(error: Exception) -> SinkError:
    return SinkError(f"H.264 cannot be encoded: {getattr(error, 'strerror', None) or error}")
