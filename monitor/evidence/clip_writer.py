"""Clips of a camera's own packets, never encoded again: MP4 files that grow."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av import Packet, VideoStream

from monitor.errors import SinkError
from monitor.mp4 import CONTAINER_OPTIONS, TICKS_PER_S, TIME_BASE

REORDER = 16  # packets by which a frame may be decoded before it is shown: the most of H.264


class ClipWriter:
    """Writes packets to an MP4 file, whose time begins at 0 with the first frame that is shown.

    Only the packets' pts are used: RTP gives no dts, and to the first packet of a session no pts.
    SinkError if the file cannot be written, or MP4 does not hold this codec.
    """

    def __init__(
        self,
        path: Path | None,
        template: VideoStream,
        *,
        target: object = None,  # what is written to instead of the path
        options: dict[str, str] = CONTAINER_OPTIONS,
        reorder: int = REORDER,
    ) -> None:
        self.path = path
        self._reorder = reorder
        self._container: Any = None
        self._waiting: deque[tuple[Packet[VideoStream], int]] = deque()  # with their pts, in ticks
        self._shown: list[int] = []  # a heap of the pts that no packet has as its dts yet
        self._newest = 0  # pts, in ticks
        self._start: int | None = None  # the least pts
        self._lag = 0  # of the dts, so that none is after its pts
        self._last_dts = -math.inf
        try:
            file: Any = str(path) if target is None else target
            self._container = av.open(file, "w", format="mp4", options=options)
            self._stream = self._container.add_stream_from_template(template)
            if self._stream.codec_context.name in ("hevc", "libx265"):
                self._stream.codec_context.codec_tag = "hvc1"  # Apple's players want it
        except (OSError, av.FFmpegError, ValueError) as error:
            self._abandon()
            raise self._error(error) from None

    def write(self, packets: Sequence[Packet[VideoStream]]) -> None:
        """Append packets, in the order of decoding; the first of all is a key frame."""
        for packet, pts in zip(packets, self._pts(packets), strict=True):
            self._waiting.append((packet, pts))
            heapq.heappush(self._shown, pts)
        if self._start is None and self._waiting:
            self._start = self._shown[0]
            in_order = sorted(self._shown)
            self._lag = max(
                shown - pts for shown, (_, pts) in zip(in_order, self._waiting, strict=True)
            )
        self._mux(self._reorder)

    def close(self) -> None:
        """Finish the file; twice is fine."""
        if self._container is None:
            return
        self._mux(0)
        container, self._container = self._container, None
        try:
            container.close()
        except (OSError, av.FFmpegError, ValueError) as error:
            raise self._error(error) from None

    def _pts(self, packets: Sequence[Packet[VideoStream]]) -> list[int]:
        """The pts of packets in ticks; one that has none is shown right before or after others."""
        known = [_ticks(packet) for packet in packets]
        steps = sorted(b - a for a, b in pairwise(sorted(pts for pts in known if pts is not None)))
        step = steps[len(steps) // 2] if steps else TICKS_PER_S // 25
        least = min((pts for pts in known if pts is not None), default=0)
        found: list[int] = []
        for pts in known:
            if pts is None:
                pts = least - step if self._start is None and not found else self._newest + step
            self._newest = max(self._newest, pts)
            found.append(pts)
        return found

    def _mux(self, hold: int) -> None:
        """Write all but the newest packets: of them, it is not known yet which is shown first."""
        try:
            while self._start is not None and len(self._waiting) > hold:
                packet, pts = self._waiting.popleft()
                dts = max(min(heapq.heappop(self._shown) - self._lag, pts), self._last_dts + 1)
                self._last_dts = dts
                # A copy: muxing changes a packet's times, and others hold it, too.
                copied: Any = Packet(bytes(packet))
                copied.pts, copied.dts = max(pts, dts) - self._start, dts - self._start
                copied.time_base = TIME_BASE
                copied.is_keyframe = packet.is_keyframe
                copied.stream = self._stream
                self._container.mux(copied)
        except (OSError, av.FFmpegError, ValueError) as error:
            self._abandon()
            raise self._error(error) from None

    def _abandon(self) -> None:
        """Let go of a file that failed: its muxer must not be finished."""
        self._container = None

    def _error(self, error: Exception) -> SinkError:
        why = getattr(error, "strerror", None) or str(error)
        return SinkError(f"{self.path or 'video'}: cannot write the clip: {why.lower()}")


def begin_clip(
    path: Path, template: VideoStream, packets: Sequence[Packet[VideoStream]]
) -> ClipWriter:
    """A clip that begins with these packets; SinkError, and no file, if it cannot be written."""
    try:
        writer = ClipWriter(path, template)
        writer.write(packets)
    except SinkError:
        path.unlink(missing_ok=True)  # it would play nothing
        raise
    return writer


def _ticks(packet: Packet[VideoStream]) -> int | None:
    if packet.pts is None or packet.time_base is None:
        return None
    return round(packet.pts * packet.time_base * TICKS_PER_S)
