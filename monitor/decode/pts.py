"""The time that a decoded frame carries."""

from __future__ import annotations

from av import VideoFrame, VideoStream

# Containers that keep one time a packet, in the order of decoding. FFmpeg makes pts of it that fall
# if there are B-frames.
_DECODING_ORDER = frozenset(("avi", "asf"))


class FramePts:
    """The timestamps of a stream's frames, taken as the decoder gives them.

    Frames leave the decoder in the order in which they are shown. Each has its own pts, and the dts
    of the packet that completed it. If the pts fall and the dts do not, the dts are the times; so
    does FFmpeg find its best_effort_timestamp. RTP carries the pts itself.
    """

    def __init__(self, stream: VideoStream) -> None:
        name = stream.container.format.name
        base = stream.time_base
        # Taken out once: a Fraction computes in Python.
        self._base = None if base is None else (base.numerator, base.denominator)
        self._by_pts = name in ("rtsp", "matroska")  # FFmpeg's, and that of `rtp_file`
        reordered = bool(stream.codec_context.has_b_frames)
        self._pts_falls, self._dts_falls = int(reordered and name in _DECODING_ORDER), 0
        self._before: int | None = None  # the one that was given last
        self._step = 0
        self.restart()

    @property
    def are_pts(self) -> bool:
        """Whether the pts are the times, so that a packet's time is known before it is decoded."""
        return self._by_pts or self._pts_falls <= self._dts_falls

    def restart(self) -> None:
        """The next frame need not follow the last one: the decoder was flushed."""
        self._pts: int | None = None
        self._dts: int | None = None

    def of(self, frame: VideoFrame) -> float | None:
        """The time of the next frame in seconds; None if the stream keeps none."""
        self._pts_falls += _falls(self._pts, frame.pts)
        self._dts_falls += _falls(self._dts, frame.dts)
        self._pts, self._dts = frame.pts, frame.dts
        stamp = frame.pts if self.are_pts else frame.dts
        if stamp is None and not self.are_pts and self._before is not None:
            stamp = self._before + self._step  # what the decoder held at the end has no dts
        if stamp is not None and self._before is not None:
            self._step = stamp - self._before
        self._before = stamp
        return self.seconds(stamp)

    def seconds(self, stamp: int | None) -> float | None:
        """A timestamp of a packet or a frame in seconds."""
        if stamp is None or self._base is None:
            return None
        numerator, denominator = self._base
        return stamp * numerator / denominator


def _falls(before: int | None, stamp: int | None) -> bool:
    return before is not None and stamp is not None and stamp < before
