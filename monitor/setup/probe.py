"""One camera, opened and watched for some seconds: what it sends."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from monitor.config.options import WindowOptions
from monitor.decode.ffmpeg import UNTIMED
from monitor.decode.options import Decoding
from monitor.errors import SourceError, SourceLostError
from monitor.records import Frame, PictureBox
from monitor.setup.motion_map import MotionMap
from monitor.sources.make import make_source
from monitor.sources.source import SourceSettings
from monitor.sources.stream import StreamSource
from monitor.sources.timeline import CameraTimeline
from monitor.states import SkipReason
from monitor.windows.buffer import WindowBuffer
from monitor.windows.clip import scale_frame
from monitor.windows.motion import motion
from monitor.windows.quality import picture_fault

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream

    from monitor.recognition.metadata import ModelMetadata
    from monitor.sources.address import Address
    from monitor.sources.source import Source

# The rate of a clock is proved wrong after 12 s at the earliest: see monitor.decode.clock_rate.
WATCH_S = 15.0
_AT_ONCE = 4
FIRST_S = 20.0  # that a first picture is waited for: some cameras send key frames so far apart
# Steps between frames that are off by so much of the usual one; of an even camera few are.
_OFF, _FEW = 0.3, 0.1


class Clock(StrEnum):
    """Whether a camera's timestamps can be trusted."""

    GOOD = "good"
    NONE = "none"  # there are none: frames are placed by their arrival
    JUMPS = "jumps"
    RATE = "rate"  # it runs too fast or too slow


@dataclass(frozen=True)
class Found:
    """What was seen of a camera; of webcams and files there are no packets."""

    width: int
    height: int
    frames: int  # that were decoded
    seconds: float  # from the first to the last: by the camera's own time, if that is good
    even: bool  # whether they come at even distances
    decoding: float  # cores that reading and decoding takes, of this machine
    codec: str = ""  # FFmpeg's name; empty where there are no packets
    profile: str = ""
    bits_per_s: float | None = None
    keys: int = 0  # key frames
    key_gaps_s: tuple[float, ...] = ()  # from each to the next
    sound: str | None = None  # the codec of what a stream has beside its video
    clock: Clock | None = None  # of streams
    transport: str = ""
    windows: int = 0  # that were judged
    moving: int = 0  # of these, in which enough moves for the model
    faults: dict[SkipReason, int] = field(default_factory=dict)  # windows by what is wrong
    box: PictureBox | None = None  # where things move, if that is a part of the picture
    broke_off: str = ""  # why it ended too soon

    @property
    def fps(self) -> float:
        """Frames a second; 0 of a single one."""
        return (self.frames - 1) / self.seconds if self.seconds > 0 else 0.0


def probe(address: Address, metadata: ModelMetadata, watch_s: float = WATCH_S) -> Found:
    """Watch a camera, and say what it sends; SourceError if it gives no picture at all."""
    packets = _Packets()
    decoding = Decoding(loop_filter=False, tap=packets)  # as the monitor decodes
    source = make_source(address, SourceSettings(decoding=decoding))
    pictures = _Pictures(address, metadata)
    source.open()
    try:
        began_s, worked_s = time.monotonic(), time.thread_time()
        broke_off = _watch(source, pictures, watch_s)
        passed_s = time.monotonic() - began_s if address.live else pictures.passed_s
        found = pictures.found(
            packets,
            decoding=(time.thread_time() - worked_s) / max(passed_s, 0.1),
            transport=_transport(address, source),
            broke_off=broke_off,
        )
        return replace(found, sound=source.sound if isinstance(source, StreamSource) else None)
    finally:
        source.close()


def probe_all(
    addresses: Sequence[Address], metadata: ModelMetadata, watch_s: float = WATCH_S
) -> list[Found | SourceError]:
    """Watch several cameras, a few at once; of each what was found, or why nothing was."""
    results: dict[int, Found | Exception] = {}
    turn = threading.Semaphore(_AT_ONCE)

    def watch(place: int, address: Address) -> None:
        with turn:
            try:
                results[place] = probe(address, metadata, watch_s)
            except Exception as error:  # for the thread that waits
                results[place] = error

    threads = [
        threading.Thread(target=watch, args=one, name=f"probe {one[1]}", daemon=True)
        for one in enumerate(addresses)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found: list[Found | SourceError] = []
    for _, result in sorted(results.items()):
        if isinstance(result, Exception) and not isinstance(result, SourceError):
            raise result
        found.append(result)
    return found


def _watch(source: Source, pictures: _Pictures, watch_s: float) -> str:
    """Read for so long; why it broke off, if it did after its first picture."""
    began_s = time.monotonic()
    try:
        while (read := source.read()) is not None:
            if isinstance(read, Frame):
                pictures.see(read, time.monotonic())
            if pictures.passed_s >= watch_s:
                break
            if not pictures.frames and time.monotonic() - began_s >= FIRST_S:
                raise SourceLostError(
                    f"{pictures.address}: packets come, but no key frame for {FIRST_S:g} s: set "
                    "the camera's key frame interval (I-frame interval, GOP) to 1 or 2 s"
                )
    except SourceLostError as error:
        if not pictures.frames:
            raise
        return str(error)
    return ""


def _transport(address: Address, source: Source) -> str:
    if not isinstance(source, StreamSource):
        return ""
    over = ""
    if address.scheme in ("rtsp", "rtsps"):
        over = " over UDP" if source.over_udp else " over TCP"
    return f"{address.scheme.upper()}{over}"


class _Packets:
    """A tap: counts a stream's packets."""

    def __init__(self) -> None:
        self._stream: VideoStream | None = None
        self.bytes = self.keys = self.count = self._timed = 0
        self.gaps_s: list[float] = []
        self._key_s: float | None = None  # the last key frame's time
        self._key_waits = False  # whether it has none yet

    def connect(self, stream: VideoStream) -> None:
        """A connection begins."""
        self._stream = stream

    def take(self, packet: Packet[VideoStream], pts_s: float | None) -> None:
        """Count one."""
        if not packet.size:  # it flushes the decoder
            return
        self.count += 1
        self.bytes += packet.size
        self._timed += pts_s is not None
        if packet.is_keyframe:
            self.keys += 1
            self._key_waits = True
        # RTSP gives its first packet no time: that of the next is as good.
        if self._key_waits and (pts_s is not None or self.count > 2):
            self._note_key(time.monotonic() if pts_s is None else pts_s)

    def _note_key(self, time_s: float) -> None:
        if self._key_s is not None and time_s > self._key_s:  # or the clock was set back
            self.gaps_s.append(time_s - self._key_s)
        self._key_s, self._key_waits = time_s, False

    def align(self, offset_s: float) -> None:
        """Nothing is kept."""

    def see(self, picture: VideoFrame, time_s: float) -> None:
        """Pictures are looked at elsewhere."""

    @property
    def timed(self) -> bool:
        """Whether most of them have a timestamp that is the camera's own."""
        container = self._stream.container.format.name if self._stream else ""
        return container not in UNTIMED and 2 * self._timed >= self.count

    @property
    def codec(self) -> str:
        """FFmpeg's name of it."""
        return "" if self._stream is None else self._stream.codec_context.name

    @property
    def profile(self) -> str:
        """Of the codec, if it has any."""
        return "" if self._stream is None else self._stream.codec_context.profile or ""


class _Pictures:
    """Judges a camera's frames by the measures that the monitor has."""

    def __init__(self, address: Address, metadata: ModelMetadata) -> None:
        self.address = address
        self.frames = self._windows = self._moving = 0
        self._options = WindowOptions()
        self._spec = metadata.clip
        self._least = self._options.min_motion(metadata)
        self._buffer = WindowBuffer("", self._spec, self._options.stride, self._options.max_gap_s)
        self._timeline = CameraTimeline(live=True)
        self._clock = Clock.GOOD
        self._faults: Counter[SkipReason] = Counter()
        self._map = MotionMap()
        self._times_s: list[float] = []
        self._arrived_s: list[float] = []
        self._size = (0, 0)

    @property
    def passed_s(self) -> float:
        """Since the first frame came; of a file, the seconds that it shows."""
        times_s = self._arrived_s if self.address.live else self._times_s
        return times_s[-1] - times_s[0] if times_s else 0.0

    @property
    def _seconds(self) -> float:
        """From the first frame to the last: by the camera's own time, if that is good."""
        good = self._clock == Clock.GOOD and self._times_s
        return self._times_s[-1] - self._times_s[0] if good else self.passed_s

    def see(self, frame: Frame, now_s: float) -> None:
        """Take the next."""
        picture = frame.picture
        assert picture is not None  # nothing is skipped in full decoding
        self.frames += 1
        self._size = picture.width, picture.height
        self._times_s.append(frame.time_s)
        self._arrived_s.append(now_s)
        if self.address.live:
            placed = self._timeline.place(frame.time_s, frame.arrived_s or now_s)
            if placed.rate is not None:
                self._clock = Clock.RATE
            elif placed.jump_s is not None and self._clock == Clock.GOOD:
                self._clock = Clock.JUMPS
        self._map.see(frame.time_s, picture)
        window = self._buffer.push(frame.time_s, lambda: scale_frame(picture, self._spec.size))
        if window is None:
            return
        self._windows += 1
        if (fault := picture_fault(window.clip, whole_picture=True)) is not None:
            self._faults[fault] += 1
        elif motion(window.clip) >= self._least:
            self._moving += 1

    def found(self, packets: _Packets, *, decoding: float, transport: str, broke_off: str) -> Found:
        """All of it."""
        seconds, steps = self._seconds, np.diff(self._times_s)
        off = np.abs(steps - np.median(steps)) > _OFF * np.median(steps) if len(steps) else steps
        judged = self._clock if packets.timed else Clock.NONE
        return Found(
            width=self._size[0],
            height=self._size[1],
            frames=self.frames,
            seconds=seconds,
            even=bool(np.mean(off) <= _FEW) if len(steps) else True,
            decoding=decoding,
            codec=packets.codec,
            profile=packets.profile,
            bits_per_s=8 * packets.bytes / seconds if packets.count and seconds else None,
            keys=packets.keys,
            key_gaps_s=tuple(packets.gaps_s),
            clock=judged if packets.count else None,
            transport=transport,
            windows=self._windows,
            moving=self._moving,
            faults=dict(self._faults),
            box=self._map.box,
            broke_off=broke_off,
        )
