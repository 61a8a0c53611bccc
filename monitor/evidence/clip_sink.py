"""A sink that keeps a clip of each activity: from some seconds before it to some after it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av
from av import Packet, VideoStream
from av.container import InputContainer

from monitor.config.options import CameraOptions, ClipSinkOptions
from monitor.decode.ffmpeg import open_file, reason, video_stream
from monitor.decode.pts import FramePts
from monitor.errors import SinkError
from monitor.events.alert import AlertEvent
from monitor.evidence.clip_writer import ClipWriter
from monitor.evidence.retention import delete_old_clips
from monitor.evidence.ring import PacketRing, TappedPacket
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

POLL_S = 0.25  # between two looks for packets of clips that grow
DELETE_S = 3600.0  # between two deletions of old clips, if no new clip begins
MAX_S = 600.0  # of a clip: an activity that does not end fills no disk
LATE_S = 10.0  # by which the last packets may come after the time that they show
# An alert comes a window, its rules and an idle GOP after its activity began: so much more is kept.
ALERT_DELAY_S = 15.0


class ClipSink:
    """Keeps FOLDER/DATE/CAMERA/ID.mp4 of each activity, ID being that of its alerts.

    A stream's clip is written while the activity goes on, from the packets in the camera's ring. A
    file's is cut out of the file when the activity has ended. A clip that fails is said to have
    failed; nothing else suffers. Old clips are deleted at once, every hour and before each new
    clip. SinkError if the folder cannot be made.
    """

    name = "clips"

    def __init__(
        self, options: ClipSinkOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._rings: dict[str, PacketRing] = {}  # of streams, by camera
        self._source_files: dict[str, Path] = {}  # of files, by camera
        self._growing: dict[str, _GrowingClip] = {}  # by the id of the activity
        self._lock = threading.Lock()  # of _growing
        self._deleting = threading.Lock()  # a new clip's folder is not deleted while it is empty
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        try:
            options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise SinkError(f"clips {options.folder}: {_words(error)}") from None
        self._thread.start()

    def tap(self, camera: CameraOptions) -> PacketRing | None:
        """What a camera's capture is to show its packets; None if they are had otherwise.

        Called whenever a camera is set up.
        """
        self._rings.pop(camera.name, None)
        self._source_files.pop(camera.name, None)
        if camera.address.kind == "file":
            self._source_files[camera.name] = Path(camera.address.target)
        if camera.address.kind != "stream":
            return None
        seconds = self._options.pre_roll_s + ALERT_DELAY_S
        ring = PacketRing(seconds, int(self._options.ring_mib * 2**20))
        self._rings[camera.name] = ring
        return ring

    def write(self, alert: AlertEvent) -> None:
        """Begin a clip, or say when it is to end."""
        film = self._source_files.get(alert.camera)
        try:
            if alert.event == "start" and film is None:
                self._begin(alert)
            elif alert.event == "end" and film is None:
                self._let_end(alert)
            elif alert.event == "end" and film is not None and alert.end_s is not None:
                self._cut_out(alert, alert.end_s, film)
        except (SinkError, OSError) as error:
            text = f"camera {alert.camera}: no clip of {alert.label}: {_words(error)}"
            self._throttle.log(logging.WARNING, f"no clip of {alert.camera}", text)

    def close(self) -> None:
        """Finish every clip; twice is fine."""
        self._ending.set()
        self._thread.join()

    def path(self, alert: AlertEvent) -> Path:
        """Where the clip of an activity lies."""
        day = (alert.start_time or alert.time).strftime("%Y-%m-%d")
        return self._options.folder / day / alert.camera / f"{alert.id}.mp4"

    def _open(
        self, alert: AlertEvent, template: VideoStream, packets: Sequence[Packet[VideoStream]]
    ) -> ClipWriter:
        """A clip that begins with these packets."""
        path = self.path(alert)
        with self._deleting:
            self._delete_old()
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            writer = ClipWriter(path, template)
            writer.write(packets)
        return writer

    def _delete_old(self) -> None:
        options = self._options
        try:
            delete_old_clips(options.folder, options.max_gib, options.keep_days)
        except OSError as error:
            text = f"clips {options.folder}: old clips cannot be deleted: {_words(error)}"
            self._throttle.log(logging.WARNING, "delete", text)

    def _begin(self, alert: AlertEvent) -> None:
        ring = self._rings.get(alert.camera)
        if ring is None:
            raise SinkError("a webcam has no packets of its own")
        packets = ring.since(alert.start_s - self._options.pre_roll_s)
        if not packets:
            raise SinkError("no packets of it are kept")
        writer = self._open(alert, packets[0].run.template, [one.packet for one in packets])
        with self._lock:
            self._growing[alert.id] = _GrowingClip(
                alert, ring, writer, packets[-1], alert.start_s + MAX_S
            )

    def _let_end(self, alert: AlertEvent) -> None:
        with self._lock:
            clip = self._growing.get(alert.id)
        if clip is not None:
            end_s = alert.decided_s if alert.end_s is None else alert.end_s
            clip.end_s = min(clip.end_s, end_s + self._options.post_roll_s)
            clip.until_s = self._clock() + self._options.post_roll_s + LATE_S

    def _run(self) -> None:
        deleted_s = -math.inf
        ending = False
        while not ending:
            if self._clock() - deleted_s >= DELETE_S:
                deleted_s = self._clock()
                with self._deleting:
                    self._delete_old()
            ending = self._ending.wait(POLL_S)
            self._grow_clips()
        for clip in tuple(self._growing.values()):
            self._finish(clip)

    def _grow_clips(self) -> None:
        with self._lock:
            clips = list(self._growing.values())
        for clip in clips:
            try:
                complete = clip.grow(self._clock())
            except SinkError as error:
                self._give_up(clip, error)
                continue
            if complete:
                self._finish(clip)

    def _finish(self, clip: _GrowingClip) -> None:
        try:
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

    def _cut_out(self, alert: AlertEvent, end_s: float, film: Path) -> None:
        """Copy an activity out of a film."""
        try:
            with open_file(film) as container:
                stream = video_stream(container)
                assert stream is not None  # or it could not have been watched
                from_s = alert.start_s - self._options.pre_roll_s
                to_s = end_s + self._options.post_roll_s
                packets = list(_between(container, stream, from_s, to_s))
                self._open(alert, stream, packets).close()
        except av.FFmpegError as error:
            raise SinkError(f"{film}: {reason(error)}") from None


@dataclass
class _GrowingClip:
    """A clip that is being written."""

    alert: AlertEvent  # its start
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


def _between(
    container: InputContainer, stream: VideoStream, from_s: float, to_s: float
) -> Iterator[Packet[VideoStream]]:
    """A film's packets, from the key frame before one time to the first that is after another."""
    times = FramePts(stream)
    origin_s = times.seconds(stream.start_time) or 0.0
    if from_s > 0 and stream.time_base is not None:
        with suppress(av.FFmpegError):  # then it is read from its start
            container.seek(int((origin_s + from_s) / stream.time_base), stream=stream)
    gop: list[Packet[VideoStream]] = []
    begun = False
    for packet in container.demux(stream):
        at_s = times.seconds(packet.dts if packet.pts is None else packet.pts)
        if not packet.size or at_s is None:
            continue
        if packet.is_keyframe and not begun:
            gop.clear()
        gop.append(packet)
        begun = begun or at_s - origin_s >= from_s
        if begun:
            yield from gop
            gop.clear()
            if at_s - origin_s > to_s:
                return


def _words(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return strerror.lower() if isinstance(strerror, str) else str(error)
