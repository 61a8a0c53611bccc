"""A sink that keeps the evidence of each activity: a clip, a snapshot, a filmstrip."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
from av import VideoFrame

from monitor.atomic import replacing
from monitor.config.options import CameraOptions
from monitor.config.outputs import EvidenceOptions
from monitor.errors import MonitorError, SinkError
from monitor.events.alert import AlertEvent
from monitor.evidence.camera_tap import CameraTap
from monitor.evidence.clip_recorder import ClipRecorder
from monitor.evidence.folder import EventFiles, EvidenceFacts, StripFacts, event_files
from monitor.evidence.pictures import (
    THUMBNAIL_WIDTH,
    filmstrip,
    jpeg,
    picture_of_film,
    picture_of_packets,
)
from monitor.evidence.retention import Retention, in_words
from monitor.evidence.ring import PacketRing
from monitor.evidence.rolling import RollingRecorder
from monitor.records import Window
from monitor.states import EndReason
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

# An alert comes a window, its rules and an idle GOP after its activity began: so much more is kept.
ALERT_DELAY_S = 15.0


class EvidenceSink:
    """Keeps FOLDER/DATE/CAMERA/ID.* of each activity, ID being that of its alerts.

    The clip of a stream is written while the activity goes on, from the packets in the camera's
    ring. That of a film is cut out of it when the activity has ended. Snapshot and filmstrip are
    there with the alert; they are made again if the score was higher later. What fails is said to
    have failed; nothing else suffers. SinkError if the folder cannot be made.
    """

    name = "evidence"

    def __init__(
        self,
        options: EvidenceOptions,
        clock: Callable[[], float] = time.monotonic,
        may_write: Callable[[], bool] = lambda: True,  # else nothing is written or deleted
    ) -> None:
        self._options = options
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._retention = Retention(options, clock, may_write=may_write)
        self._rolling = RollingRecorder(options, self._retention, clock)
        self._clips = ClipRecorder(options, self._retention, clock, self._roll)
        self._sources: dict[str, _Packets] = {}  # by camera
        self._open: dict[str, _OpenEvent] = {}  # by the id of the activity
        try:
            options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            options.folder.chmod(0o700)  # it may have been there
        except OSError as error:
            raise SinkError(f"evidence {options.folder}: {in_words(error)}") from None
        self._clips.start()

    def tap(self, camera: CameraOptions) -> CameraTap | None:
        """What a camera's capture is to show what comes; None if that is had otherwise.

        Called whenever a camera begins to be watched.
        """
        if camera.address.kind == "file":
            self._sources[camera.name] = _Packets(film=Path(camera.address.target))
            return None
        seconds = self._options.pre_roll_s + ALERT_DELAY_S
        ring = PacketRing(seconds, int(self._options.ring_mib * 2**20))
        tap = CameraTap(camera.name, ring, self._clock)
        self._sources[camera.name] = _Packets(tap)
        return tap

    def ring(self, camera: str) -> PacketRing | None:
        """The ring of a camera; None if it has none."""
        source = self._sources.get(camera)
        return None if source is None else source.ring

    @property
    def used_bytes(self) -> int | None:
        """What all evidence takes; None: not known yet."""
        return self._retention.used_bytes

    @property
    def grown_bytes(self) -> int:
        """How much it has written."""
        return self._retention.grown_bytes

    def note(self, grown_bytes: int) -> None:
        """Take so much into account that another process has written."""
        self._retention.note(grown_bytes)

    def takes(self, alert: AlertEvent) -> bool:
        """Alerts of shadows, too: somebody is to judge them."""
        return True

    def write(self, alert: AlertEvent) -> None:
        """As `write_window`, if it is not known what the model saw."""
        self.write_window(alert, None)

    def write_window(self, alert: AlertEvent, window: Window | None) -> None:
        """Keep what belongs to the start or the end of an activity."""
        if alert.reason == EndReason.MONITOR_DIED:  # what there is of it, was kept before
            return
        event = self._open.pop(alert.id, None) or self._known(alert)
        if alert.event == "start":
            self._open[alert.id] = event
        source = self._sources.get(alert.camera, _Packets())
        with self._said(alert, "no clip"):
            self._keep_clip(alert, source, event)
        if event.peak_s != alert.peak_s:
            event.peak_s = alert.peak_s
            with self._said(alert, "no snapshot"):
                self._keep_snapshot(alert, source, event)
            with self._said(alert, "no filmstrip"):
                self._keep_strip(window, event)
        if alert.epoch is not None:
            facts = {"shard": alert.shard, "epoch": alert.epoch}
            event.facts = event.facts.model_copy(update=facts)
        with self._said(alert, "no facts"), self._retention.room_for(event.files.facts_file):
            event.files.save(event.facts)

    def close(self) -> None:
        """Finish every clip; twice is fine."""
        for source in tuple(self._sources.values()):
            if source.tap is not None:
                source.tap.close()
        self._clips.close()
        if self._retention.may_write():
            self._rolling.close()

    def _roll(self) -> None:
        """Record every stream, if that is wanted; on the thread of the clips."""
        if self._options.rolling_min:
            sources = self._sources.copy()  # cameras come and go meanwhile
            self._rolling.grow(
                {name: one.ring for name, one in sources.items() if one.ring is not None}
            )

    def files(self, alert: AlertEvent) -> EventFiles:
        """Where the evidence of an activity that starts with this alert lies."""
        began = alert.start_time or alert.time
        return event_files(self._options.folder, alert.camera, alert.id, began)

    def _known(self, alert: AlertEvent) -> _OpenEvent:
        """An activity of which this is the first alert; there may be evidence of it already."""
        files = self.files(alert)
        if alert.event == "start":
            return _OpenEvent(files)
        return _OpenEvent(files, files.facts, alert.peak_s if files.snapshot.exists() else None)

    @contextmanager
    def _said(self, alert: AlertEvent, what: str) -> Iterator[None]:
        """What fails inside the block is logged."""
        try:
            yield
        except (MonitorError, OSError, av.FFmpegError) as error:
            text = f"camera {alert.camera}: {what} of {alert.label}: {in_words(error)}"
            self._throttle.log(logging.WARNING, f"{what} {alert.camera}", text)

    def _keep_clip(self, alert: AlertEvent, source: _Packets, event: _OpenEvent) -> None:
        path, began_s = event.files.clip, None
        if alert.event == "start" and source.ring is not None:
            began_s = self._clips.begin(alert, source.ring, path)
        elif alert.event == "end" and source.ring is not None:
            self._clips.let_end(alert)
        elif alert.event == "end" and source.film is not None and alert.end_s is not None:
            began_s = self._clips.cut_out(alert, alert.end_s, source.film, path)
        if began_s is not None:
            event.facts = event.facts.model_copy(update={"clip_begin_s": round(began_s, 3)})

    def _keep_snapshot(self, alert: AlertEvent, source: _Packets, event: _OpenEvent) -> None:
        if alert.peak_s is None:
            return
        time_s = alert.peak_s - alert.window_s / 2  # in the middle of the window
        picture = source.picture(time_s)
        if picture is None:
            return
        self._write(event.files.snapshot, jpeg(picture))
        self._write(event.files.thumbnail, jpeg(picture, THUMBNAIL_WIDTH))
        facts = {"width": picture.width, "height": picture.height, "snapshot_s": round(time_s, 3)}
        event.facts = event.facts.model_copy(update=facts)

    def _write(self, path: Path, data: bytes) -> None:
        with self._retention.room_for(path), replacing(path) as temporary:
            temporary.write_bytes(data)

    def _keep_strip(self, window: Window | None, event: _OpenEvent) -> None:
        if window is None:
            return
        sheet, columns, rows = filmstrip(window.clip)
        self._write(event.files.strip, jpeg(sheet))
        strip = StripFacts(
            start_s=round(window.start_s, 3),
            end_s=round(window.end_s, 3),
            pictures=len(window.clip),
            columns=columns,
            rows=rows,
        )
        event.facts = event.facts.model_copy(update={"strip": strip})


@dataclass(frozen=True)
class _Packets:
    """Where the packets of a camera can be had."""

    tap: CameraTap | None = None  # of a stream or a webcam
    film: Path | None = None  # of a file

    @property
    def ring(self) -> PacketRing | None:
        """The newest of them; None of a file."""
        return None if self.tap is None else self.tap.ring

    def picture(self, time_s: float) -> VideoFrame | None:
        """The camera's picture at a time; FFmpeg's errors."""
        if self.ring is not None:
            packets = self.ring.since(time_s)
            begins_s = packets[0].time_s if packets else None
            if begins_s is not None and begins_s > time_s:  # of the next connection: it is gone
                return None
            return picture_of_packets(packets, time_s)
        return None if self.film is None else picture_of_film(self.film, time_s)


@dataclass
class _OpenEvent:
    """An activity that goes on."""

    files: EventFiles
    facts: EvidenceFacts = field(default_factory=EvidenceFacts)
    peak_s: float | None = None  # that the pictures show
