"""Records every stream all the time: its own packets, in segments of about a minute."""

from __future__ import annotations

import itertools
import logging
import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from monitor.config.outputs import EvidenceOptions
from monitor.errors import SinkError
from monitor.evidence.clip_writer import REORDER, ClipWriter, begin_clip
from monitor.evidence.retention import Retention, in_words
from monitor.evidence.ring import PacketRing, PacketRun, TappedPacket
from monitor.evidence.segments import segment_path
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

SEGMENT_S = 60.0  # after which the next key frame begins a new segment
RETRY_S = 60.0  # after a failure, until a camera is recorded again
_READY_S = 1.0  # of packets tell which picture of a segment is shown first
_BACK_S = 1.0  # by which a picture comes earlier than the key frame before it, if the times jumped
_UNTIMED = 100  # packets without a time, after which none is waited for
_APART_S = 1.0  # a wall clock that is so much further from the camera's axis than before was set


class RollingRecorder:
    """Keeps what streams send, as long as `Retention` lets it; of one thread.

    A camera that cannot be recorded is said once, and tried again after a while.
    """

    def __init__(
        self,
        options: EvidenceOptions,
        retention: Retention,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder = options.folder
        self._retention = retention
        self._clock = clock
        self._now = now
        self._throttle = LogThrottle(log, clock)
        self._recordings: dict[str, _Recording] = {}  # by camera
        self._failed: dict[str, float] = {}  # cameras, and when by the clock they are tried again

    def grow(self, rings: Mapping[str, PacketRing]) -> None:
        """Write what has come of each camera since."""
        for camera, ring in rings.items():
            if self._clock() < self._failed.get(camera, -math.inf):
                continue
            found = self._recordings.get(camera)
            try:
                if found is None or found.ring is not ring:  # the camera was set up anew
                    if found is not None:
                        found.close()
                    found = _Recording(camera, ring, self._folder, self._retention, self._now)
                    self._recordings[camera] = found
                if found.grow() and self._failed.pop(camera, None) is not None:
                    log.info("camera %s: it is recorded again", camera)
            except (SinkError, OSError) as error:
                self._give_up(camera, error)

    def close(self) -> None:
        """Finish every segment; twice is fine."""
        for camera, one in list(self._recordings.items()):
            try:
                one.close()
            except (SinkError, OSError) as error:
                self._give_up(camera, error)
        self._recordings.clear()

    def _give_up(self, camera: str, error: Exception) -> None:
        self._recordings.pop(camera, None)
        if camera not in self._failed:
            text = f"camera {camera}: it is no longer recorded: {in_words(error)}"
            self._throttle.log(logging.WARNING, f"rolling {camera}", text)
        self._failed[camera] = self._clock() + RETRY_S


class _Recording:
    """What is recorded of one camera."""

    def __init__(
        self,
        camera: str,
        ring: PacketRing,
        folder: Path,
        retention: Retention,
        now: Callable[[], float],
    ) -> None:
        self.ring = ring
        self._camera = camera
        self._folder = folder
        self._retention = retention
        self._now = now
        self._wall = _WallClock()
        self._newest = -1  # number of the last packet that was dealt with
        self._segment: _OpenSegment | None = None

    def grow(self) -> bool:
        """Write what has come since; whether there is a segment that grows."""
        packets = self.ring.after(self._newest)
        times = [one.time_s for one in packets if one.time_s is not None]
        if times:
            self._wall.see(max(times), self._now())
        if self._segment is not None and not self._segment.path.exists():
            self.close()
            raise SinkError("the segment that was being written was deleted")
        if self._segment is not None and packets and packets[0].number == self._newest + 1:
            own = list(itertools.takewhile(self._segment.continues_with, packets))
            if own:
                with self._retention.counted(self._segment.path):
                    self._segment.write(own)
                self._newest = own[-1].number
            packets = packets[len(own) :]
        if packets:  # time for a new one, or its packets do not follow
            self.close()
            self._begin(packets)
        return self._segment is not None

    def close(self) -> None:
        """Finish the segment; twice is fine."""
        segment, self._segment = self._segment, None
        if segment is not None:
            with self._retention.counted(segment.path):
                segment.close()

    def _begin(self, packets: Sequence[TappedPacket]) -> None:
        """Begin a segment with the first key frame, once it is known when that is shown."""
        fresh = list(itertools.dropwhile(lambda one: not one.packet.is_keyframe, packets))
        own = [one for one in fresh if one.run is fresh[0].run]
        over = len(own) < len(fresh)  # another run has begun
        pts_s = [one.pts_s for one in own if one.pts_s is not None]
        begins_s, offset_s = (own[0].pts_s, own[0].run.offset_s) if own else (None, None)
        ready = len(own) > REORDER or (pts_s and max(pts_s) - min(pts_s) >= _READY_S)
        jumped = begins_s is not None and min(pts_s) < begins_s - _BACK_S
        if jumped or (over and not (pts_s and ready and offset_s is not None)):
            self._newest = own[-1].number  # it cannot be placed, or was too short for that
            return
        if len(own) > _UNTIMED and not pts_s:
            raise SinkError("its packets carry no times")
        if not pts_s or not ready or offset_s is None:
            return
        first_s = min(pts_s)
        if own[0].pts_s is None:  # of the first packet of an RTSP session
            first_s -= _step_s(pts_s)
        self._wall.renew()
        start_s = self._wall.of(offset_s + first_s)
        path = self._path(start_s)
        segment = _OpenSegment(path, own[0].run, start_s, first_s)
        with self._retention.room_for(path):
            own = list(itertools.takewhile(segment.continues_with, own))
            segment.begin(own)
        self._segment, self._newest = segment, own[-1].number

    def _path(self, start_s: float) -> Path:
        """The file of a segment that begins then, or a little later if there is one already."""
        start = datetime.fromtimestamp(start_s, UTC)
        while (path := segment_path(self._folder, self._camera, start)).exists():
            start += timedelta(milliseconds=1)  # the clock was set back
        return path


class _OpenSegment:
    """A segment that is being written."""

    def __init__(self, path: Path, run: PacketRun, start_s: float, first_s: float) -> None:
        self.path = path
        self._run = run
        self._start_s = start_s  # UTC, seconds since 1970
        self._first_s = self._last_s = first_s  # pts of what is shown first and last
        self._step_s = 0.0  # how long a picture is shown
        self._writer: ClipWriter | None = None

    def begin(self, packets: Sequence[TappedPacket]) -> None:
        """Make the file with its first packets; if that fails, no file is left."""
        self._writer = begin_clip(self.path, self._run.template, [one.packet for one in packets])
        self._note(packets)

    def continues_with(self, one: TappedPacket) -> bool:
        """Whether a packet belongs to it, and not to the next one."""
        if one.run is not self._run:
            return False
        if one.pts_s is None or not one.packet.is_keyframe:
            return True
        return one.pts_s - self._first_s < SEGMENT_S

    def write(self, packets: Sequence[TappedPacket]) -> None:
        """Append packets."""
        assert self._writer is not None
        self._writer.write([one.packet for one in packets])
        self._note(packets)

    def close(self) -> None:
        """Finish the file, whose time of change says what it shows last."""
        assert self._writer is not None
        self._writer.close()
        end_s = self._start_s + self._last_s - self._first_s + self._step_s
        with suppress(FileNotFoundError):  # it was deleted meanwhile
            os.utime(self.path, (end_s, end_s))

    def _note(self, packets: Sequence[TappedPacket]) -> None:
        pts_s = [one.pts_s for one in packets if one.pts_s is not None]
        self._last_s = max([self._last_s, *pts_s])
        if len(pts_s) > 1:
            self._step_s = _step_s(pts_s)


class _WallClock:
    """When it is in the world, by a camera's axis.

    Of a packet that is just seen it is the time of our clock at the latest, and the soonest of many
    is nearest to it. The axis keeps to that clock by itself, but the clock may be set.
    """

    def __init__(self) -> None:
        self._offset_s = self._soonest_s = math.inf

    def see(self, time_s: float, now_s: float) -> None:
        """Take the time of a packet that is new, and that of our clock."""
        self._soonest_s = min(self._soonest_s, now_s - time_s)
        self._offset_s = min(self._offset_s, self._soonest_s)

    def renew(self) -> None:
        """Follow a clock that was set forward; to be called from time to time."""
        if _APART_S < self._soonest_s - self._offset_s < math.inf:
            self._offset_s = self._soonest_s
        self._soonest_s = math.inf

    def of(self, time_s: float) -> float:
        """Seconds since 1970."""
        return self._offset_s + time_s


def _step_s(pts_s: Sequence[float]) -> float:
    """How far pictures are apart."""
    return (max(pts_s) - min(pts_s)) / max(1, len(pts_s) - 1)
