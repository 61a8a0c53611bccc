"""Clips of activities: of a stream while it goes on, out of a film when it has ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av import Packet, VideoStream
from av.container import InputContainer

from monitor.config.outputs import EvidenceOptions
from monitor.decode.ffmpeg import open_file, reason, video_stream
from monitor.decode.pts import FramePts
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.evidence.clip_writer import ClipWriter, begin_clip
from monitor.evidence.retention import Retention
from monitor.evidence.ring import PacketRing, TappedPacket
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

POLL_S = 0.25  # between two looks for packets of clips that grow
MAX_S = 600.0  # of a clip: an activity that does not end fills no disk
LATE_S = 10.0  # by which the last packets may come after the time that they show


class ClipRecorder:
    """Writes clips on a thread of its own, which also tidies up; `close` finishes them.

    The thread calls `beside` as often as it looks for packets.
    """

    def __init__(
        self,
        options: EvidenceOptions,
        retention: Retention,
        clock: Callable[[], float] = time.monotonic,
        beside: Callable[[], object] = lambda: None,
    ) -> None:
        self._options = options
        self._retention = retention
        self._beside = beside
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._growing: dict[str, _GrowingClip] = {}  # by the id of the activity
        self._lock = threading.Lock()  # of _growing
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def begin(self, alert: AlertEvent, ring: PacketRing, path: Path) -> float | None:
        """Begin the clip of a stream's activity; the first time that it shows, if it is known.

        The time is on the camera's axis. SinkError if the clip cannot be written.
        """
        packets = ring.since(alert.start_s - self._options.pre_roll_s)
        if not packets:
            raise SinkError("no packets of it are kept")
        writer = self._open(path, packets[0].run.template, [one.packet for one in packets])
        first_s = min((one.time_s for one in packets if one.time_s is not None), default=None)
        self._say_if_short(alert, ring, first_s)
        clip = _GrowingClip(alert, path, ring, writer, packets[-1], alert.start_s + MAX_S)
        with self._lock:
            self._growing[alert.id] = clip
        return first_s

    def let_end(self, alert: AlertEvent) -> None:
        """Let the clip of an activity that has ended grow to its post-roll, and no further."""
        with self._lock:
            clip = self._growing.get(alert.id)
        if clip is not None:
            end_s = alert.decided_s if alert.end_s is None else alert.end_s
            clip.end_s = min(clip.end_s, end_s + self._options.post_roll_s)
            clip.until_s = self._clock() + self._options.post_roll_s + LATE_S

    def cut_out(self, alert: AlertEvent, end_s: float, film: Path, path: Path) -> float | None:
        """Copy an activity out of a film; the time that the clip shows first.

        SinkError if that fails.
        """
        try:
            with open_file(film) as container:
                stream = video_stream(container)
                assert stream is not None  # or it could not have been watched
                from_s = alert.start_s - self._options.pre_roll_s
                to_s = end_s + self._options.post_roll_s
                found = list(packets_between(container, stream, from_s, to_s))
                writer = self._open(path, stream, [packet for packet, _ in found])
                try:
                    with self._retention.counted(path):
                        writer.close()
                except SinkError:
                    path.unlink(missing_ok=True)
                    raise
                return min((at_s for _, at_s in found), default=None)
        except av.FFmpegError as error:
            raise SinkError(f"{film}: {reason(error)}") from None

    def close(self) -> None:
        """Finish every clip; twice is fine."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _say_if_short(self, alert: AlertEvent, ring: PacketRing, first_s: float | None) -> None:
        """Say that the ring was too small for all of the pre-roll."""
        wanted_s = self._options.pre_roll_s
        if ring.short and first_s is not None and first_s > alert.start_s - wanted_s:
            text = (
                f"camera {alert.camera}: its clip begins {alert.start_s - first_s:.1f} s before "
                f"the activity, not {wanted_s:g}: evidence.ring_mib {self._options.ring_mib:g} "
                "holds no more"
            )
            self._throttle.log(logging.WARNING, f"short {alert.camera}", text)

    def _open(
        self, path: Path, template: VideoStream, packets: Sequence[Packet[VideoStream]]
    ) -> ClipWriter:
        with self._retention.room_for(path):
            return begin_clip(path, template, packets)

    def _run(self) -> None:
        ending = False
        while not ending:
            self._retention.tidy()
            ending = self._ending.wait(POLL_S)
            if self._retention.may_write():
                self._grow_clips()
                self._beside()
        if self._retention.may_write():  # else they stay as after a kill, and play so far
            for clip in tuple(self._growing.values()):
                self._finish(clip)

    def _grow_clips(self) -> None:
        with self._lock:
            clips = list(self._growing.values())
        for clip in clips:
            try:
                with self._retention.counted(clip.path):
                    complete = clip.grow(self._clock())
            except SinkError as error:
                self._give_up(clip, error)
                continue
            if complete:
                self._finish(clip)

    def _finish(self, clip: _GrowingClip) -> None:
        try:
            with self._retention.counted(clip.path):
                clip.writer.close()
        except SinkError as error:
            self._give_up(clip, error)
        else:
            self._forget(clip)

    def _give_up(self, clip: _GrowingClip, error: SinkError) -> None:
        self._forget(clip)
        text = f"camera {clip.alert.camera}: its clip is cut short: {error}"
        self._throttle.log(logging.WARNING, "cut short", text)

    def _forget(self, clip: _GrowingClip) -> None:
        with self._lock:
            self._growing.pop(clip.alert.id, None)


@dataclass
class _GrowingClip:
    """A clip that is being written."""

    alert: AlertEvent  # its start
    path: Path
    ring: PacketRing
    writer: ClipWriter
    newest: TappedPacket  # that was written
    end_s: float  # on the camera's axis
    until_s: float | None = None  # the clock when no more packets are waited for

    def grow(self, now_s: float) -> bool:
        """Write what has come since; whether that was all."""
        packets = self.ring.after(self.newest.number)
        own = [one for one in packets if one.run is self.newest.run]
        if own:
            self.newest = own[-1]
            self.writer.write([one.packet for one in own])
        shown_s = [one.time_s for one in own if one.time_s is not None]
        return (
            len(own) < len(packets)  # another connection, or time jumped
            or (bool(shown_s) and max(shown_s) >= self.end_s)
            or (self.until_s is not None and now_s >= self.until_s)
        )


def packets_between(
    container: InputContainer, stream: VideoStream, from_s: float, to_s: float
) -> Iterator[tuple[Packet[VideoStream], float]]:
    """A film's packets, from the key frame before one time to the first that is after another.

    Each with its time.
    """
    times = FramePts(stream)
    origin_s = times.seconds(stream.start_time) or 0.0
    if from_s > 0 and stream.time_base is not None:
        with suppress(av.FFmpegError):  # then it is read from its start
            container.seek(int((origin_s + from_s) / stream.time_base), stream=stream)
    gop: list[tuple[Packet[VideoStream], float]] = []
    begun = False
    for packet in container.demux(stream):
        pts_s = times.seconds(packet.dts if packet.pts is None else packet.pts)
        if not packet.size or pts_s is None:
            continue
        at_s = pts_s - origin_s
        if packet.is_keyframe and not begun:
            gop.clear()
        gop.append((packet, at_s))
        begun = begun or at_s >= from_s
        if begun:
            yield from gop
            gop.clear()
            if at_s > to_s:
                return
