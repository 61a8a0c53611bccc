"""The newest packets of a camera, kept in memory: what happened before anybody knew of it."""

from __future__ import annotations

import io
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av

if TYPE_CHECKING:
    from av import Packet, VideoStream

# Steps of the offset between pts and the camera's axis that are its slow correction, and no jump.
SAME_S = 1.0


class PacketRun:
    """Packets that belong together: of one connection, without a jump of its timestamps."""

    def __init__(self, template: VideoStream, holder: object) -> None:
        self.template = template  # how they are encoded
        self.offset_s: float | None = None  # from pts to the camera's axis
        self.holder = holder  # the template lives as long as its container does


@dataclass(frozen=True)
class TappedPacket:
    """A packet in the ring."""

    number: int  # counts the packets of the camera
    packet: Packet[VideoStream]
    pts_s: float | None
    run: PacketRun

    @property
    def time_s(self) -> float | None:
        """When it is shown, on the camera's axis; None if that is not known."""
        offset_s = self.run.offset_s
        return None if self.pts_s is None or offset_s is None else self.pts_s + offset_s


class PacketRing:
    """Keeps the newest packets of one camera, whole GOPs at a time.

    It holds at least `seconds` of them, but never more than `max_bytes`. Any thread may read.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._packets: deque[TappedPacket] = deque()
        self._keys: deque[TappedPacket] = deque()  # the key frames among them
        self._bytes = 0
        self.short = False  # GOPs left it because of their bytes, before they were old
        self._next = 0
        self._run: PacketRun | None = None
        self._lock = threading.Lock()

    def connect(self, stream: VideoStream) -> None:
        """Begin a run; the packets of the one before stay until they are too old."""
        # Made while the input is open: of a closed one, PyAV 18 crashes the process.
        holder: Any = av.open(io.BytesIO(), "w", format="matroska")
        template = holder.add_stream_from_template(stream)
        with self._lock:
            self._run = PacketRun(template, holder)

    def take(self, packet: Packet[VideoStream], pts_s: float | None) -> None:
        """Keep a packet, and drop GOPs that are too old or too many."""
        if self._run is None or not packet.size:
            return
        with self._lock:
            if not self._packets and not packet.is_keyframe:
                return  # nothing could be decoded with it
            kept = TappedPacket(self._next, packet, pts_s, self._run)
            self._next += 1
            self._packets.append(kept)
            self._bytes += packet.size
            if packet.is_keyframe:
                self._keys.append(kept)
            while self._packets and self._is_old(pts_s):
                self._drop_gop()
                self.short = False
            while self._bytes > self._max_bytes:
                self._drop_gop()
                self.short = True

    def align(self, offset_s: float) -> None:
        """Place the packets on the camera's axis; a jump begins a new run."""
        run = self._run
        if run is None:
            return
        if run.offset_s is None or abs(offset_s - run.offset_s) < SAME_S:
            run.offset_s = offset_s
            return
        with self._lock:
            self._run = PacketRun(run.template, run.holder)
            self._run.offset_s = offset_s

    @property
    def size(self) -> int:
        """Bytes of the packets in it."""
        return self._bytes

    def since(self, time_s: float) -> list[TappedPacket]:
        """The packets from the last key frame at or before a time on, in the order of decoding.

        If the ring begins later, all from its first key frame on. Only packets of the newest
        run: others are encoded differently, or their times go on from something else.
        """
        with self._lock:
            keys = [key for key in self._keys if key.run is self._packets[-1].run]
            before = [key for key in keys if key.time_s is None or key.time_s <= time_s]
            if not keys:
                return []
            first = (before or keys[:1])[-1]
            return [one for one in self._packets if one.number >= first.number]

    def after(self, number: int) -> list[TappedPacket]:
        """The packets that came after one, as far as they are still kept."""
        with self._lock:
            newer: list[TappedPacket] = []
            for packet in reversed(self._packets):
                if packet.number <= number:
                    break
                newer.append(packet)
        return newer[::-1]

    def _is_old(self, pts_s: float | None) -> bool:
        """Whether the second GOP alone is long enough."""
        if len(self._keys) < 2 or pts_s is None:
            return False
        second = self._keys[1]
        if second.run is not self._run:
            return True
        return second.pts_s is not None and pts_s - second.pts_s >= self._seconds

    def _drop_gop(self) -> None:
        if self._keys:
            self._keys.popleft()
        until = self._keys[0].number if self._keys else self._next
        while self._packets and self._packets[0].number < until:
            self._bytes -= self._packets.popleft().packet.size
