"""The capture thread's work: one camera's frames, sampled into windows, for as long as it takes."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from av import VideoFrame

from monitor.errors import SourceError, SourceOpenError
from monitor.health.status import CameraStatus
from monitor.records import Captured, Frame, Skipped, StreamEnd, Window
from monitor.sources.source import Picture, SkippedFrame, Source
from monitor.sources.timeline import Clock, Timeline, Timestamp
from monitor.states import NOTHING_MOVES, PERMANENT, CameraState, EndReason, SkipReason
from monitor.throttle import LogThrottle
from monitor.windows.sequence import RegionSampler

log = logging.getLogger(__name__)

# A connection that gave frames for this long was a good one: the next pause is the shortest again.
GOOD_S = 10.0
# Longest pauses, for an address or a password that is wrong: cameras lock out who insists.
PERMANENT_BACKOFF_FACTOR = 2.5
LONG_S = 60.0  # an outage that is told for itself
# Cameras that fail together, behind one switch, do not come back in step: pauses are spread.
MIN_JITTER = 0.2


class WindowQueue(Protocol):
    """Where what is captured goes."""

    def put(self, item: Captured) -> None:
        """Hand on an item, waiting for room: none is lost."""

    def put_latest(self, item: Captured) -> Captured | None:
        """Hand on an item at once; the older one that was dropped for it, None if none was."""


class Stop:
    """Asks a capture to end, and says why; from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason: EndReason = EndReason.MONITOR_STOPPED

    def set(self, reason: EndReason) -> None:
        """Ask; the first reason counts."""
        if not self._event.is_set():
            self.reason = reason
        self._event.set()

    def is_set(self) -> bool:
        """Whether it was asked."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Let time pass, cut short where it is asked."""
        self._event.wait(seconds)


@dataclass(frozen=True)
class Retry:
    """Pauses between two tries to connect: they double, with jitter, up to the longest."""

    min_s: float
    max_s: float

    def pause_s(self, failures: int, lasting: bool) -> float:
        """Seconds to wait after the given number of failures in a row, from 1."""
        max_pause_s = PERMANENT_BACKOFF_FACTOR * self.max_s if lasting else self.max_s
        pause_s = min(max_pause_s, self.min_s * 2.0 ** min(failures - 1, 16))
        return float(pause_s * random.uniform(MIN_JITTER, 1))


class Capture:
    """Reads one camera until its file ends or `stop` is set; connects again where it is lost."""

    def __init__(
        self,
        status: CameraStatus,
        make_source: Callable[[], Source],
        sequences: Sequence[RegionSampler],
        windows: WindowQueue,
        *,
        file: bool,
        realtime: bool,
        retry: Retry,
        stop: Stop,
        on_frame: Callable[[Frame], None] | None = None,
        on_permanent_failure: Callable[[SourceOpenError], None] = lambda error: None,
        stream_clock: Clock = "auto",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.status = status
        self.name = status.name
        self._make_source = make_source
        self._sequences = sequences
        self._windows = windows
        self._file = file
        self._paced = file and realtime
        self._live = realtime or not file
        self._retry = retry
        self._stop = stop
        self._on_frame = on_frame
        self._on_permanent_failure = on_permanent_failure
        self._clock = clock
        self._timeline = Timeline(live=not file, clock=stream_clock)
        self._throttle = LogThrottle(log, clock)
        self._size: tuple[int, int] | None = None  # of the pictures, in pixels
        self._index = 0
        self._cut = 0  # windows
        self._failures = 0
        self._lost_s = 0.0  # the clock when it was watched last

    def run(self) -> None:
        """Watch the camera; a file that cannot be read raises, a live camera is tried again."""
        while not self._stop.is_set():
            try:
                self._session()
                break
            except SourceError as error:
                if self._file:
                    cause = error.cause if isinstance(error, SourceOpenError) else "lost"
                    self.status.state, self.status.cause = CameraState.FAILED, cause
                    raise
                self._wait(error)
        else:
            self.status.state = CameraState.STOPPED if self._index else CameraState.FAILED
            return
        self.status.state = CameraState.STOPPED if self._stop.is_set() else CameraState.ENDED
        if self.status.state == CameraState.ENDED and not self._cut:
            log.warning(
                "camera %s: shorter than the %g s that the model needs: nothing was classified",
                self.name,
                self._sequences[0].buffer.spec.span_s,
            )

    def _session(self) -> None:
        """One connection, from opening to its end; returns where a file ended or stop was set."""
        source = self._make_source()
        reason: EndReason = EndReason.MONITOR_STOPPED
        self._timeline.connect()
        before = self._index
        try:
            source.open()
            self._read(source)
            reason = self._stop.reason if self._stop.is_set() else EndReason.FILE_ENDED
        except SourceError:
            reason = EndReason.STREAM_LOST
            raise
        finally:
            source.close()
            if self._index > before:
                for buffer in (sequence.buffer for sequence in self._sequences):
                    buffer.reset()
                    self._windows.put(StreamEnd(self.name, buffer.region, reason))

    def _read(self, source: Source) -> None:
        connected, began_s = False, 0.0
        while not self._stop.is_set():
            read = source.read()
            if read is None:
                return
            self.status.seen_s = now_s = self._clock()
            if read.time_s is None:
                if isinstance(read, SkippedFrame) and read.no_key:
                    self.status.state, self.status.cause = CameraState.CONNECTING, "no key frame"
                else:
                    self.status.state = CameraState.IDLE
                continue
            arrived_s = now_s if read.arrived_s is None else read.arrived_s
            moment = self._timeline.place(read.time_s, arrived_s)
            if not connected:
                connected, began_s = True, now_s
                self._connected()
            elif moment.jump_s is not None:
                self._start_afresh("jump", f"its timestamps jumped by {moment.jump_s:.1f} s")
            elif moment.rate is not None:
                text = f"its timestamps advance {moment.rate:.2f} s a second: frames are placed by "
                self._start_afresh("rate", f"{text}their arrival from now on (stream.clock)")
            else:
                self.status.measure_fps(moment.step_s)
            if read.time_s > GOOD_S:
                self._failures = 0
            if self._paced:
                self._stop.wait(began_s + moment.time_s - now_s)
                arrived_s = self._clock()
            self._take(read, moment, arrived_s)

    def _take(self, read: Picture | SkippedFrame, moment: Timestamp, arrived_s: float) -> None:
        index, self._index = self._index, self._index + 1
        self.status.frames += 1
        if not isinstance(read, Picture):
            self.status.state = CameraState.WAITING if read.waiting else CameraState.IDLE
            reason = SkipReason.OVERLOAD if read.waiting else SkipReason.IDLE
            self.status.good_s = self.status.seen_s
            for sequence in self._sequences:
                self._hand_on(sequence.skip(moment.time_s, arrived_s, reason))
            return
        self.status.state = CameraState.LIVE
        self._look_at_size(read.frame)
        frame = Frame(self.name, index, moment.time_s, arrived_s, read.frame)
        for sequence in self._sequences:
            self._hand_on(sequence.push(frame))
        if self._on_frame is not None:
            # Only now: two threads must never scale the same picture at once.
            self._on_frame(frame)
        if self._live and self.status.blind_s and self.status.fault in ("", *NOTHING_MOVES):
            self.status.fault = SkipReason.NO_WINDOWS
            text = f"camera {self.name}: no window could be cut from its frames for "
            text += f"{self.status.blind_s:.0f} s: nothing is classified"
            self._throttle.log(logging.WARNING, SkipReason.NO_WINDOWS, text)

    def _look_at_size(self, picture: VideoFrame) -> None:
        size = picture.width, picture.height
        if self._size not in (None, size):
            assert self._size is not None
            was, now = ("x".join(map(str, sides)) for sides in (self._size, size))
            self._start_afresh("size", f"its pictures are {now} now, and were {was}")
        self._size = size

    def _start_afresh(self, kind: str, why: str) -> None:
        """Let no window span what happened."""
        for sequence in self._sequences:
            sequence.buffer.reset()
        text = f"camera {self.name}: {why}: windows start afresh"
        self._throttle.log(logging.WARNING, kind, text)

    def _hand_on(self, item: Window | Skipped | None) -> None:
        if item is None:
            return
        self._cut += 1
        if isinstance(item, Skipped) and item.reason == SkipReason.OVERLOAD:
            self.status.dropped[SkipReason.OVERLOAD] += 1
        if not self._live:
            self._windows.put(item)
            return
        replaced = self._windows.put_latest(item)
        self.status.measure_stride(isinstance(replaced, Window))

    def _connected(self) -> None:
        if self._index:
            self.status.reconnects += 1
            text = f"camera {self.name}: back after {self._failures} tries"
            self._throttle.log(logging.INFO, "back", text)
        else:
            log.info("camera %s: watching %s", self.name, self.status.source)
        self.status.state, self.status.cause = CameraState.LIVE, ""
        self.status.good_s = self.status.seen_s

    def _wait(self, error: SourceError) -> None:
        """Say what is wrong, in a counted line, and pause; stop cuts the pause short."""
        cause = error.cause if isinstance(error, SourceOpenError) else "lost"
        self._failures += 1
        if self.status.state != CameraState.RETRYING:
            self._lost_s = self._clock()
        lasting = cause in PERMANENT
        self.status.state, self.status.cause = CameraState.RETRYING, cause
        if isinstance(error, SourceOpenError) and lasting and not self._index:
            self._on_permanent_failure(error)
        if not self._stop.is_set():
            # Told apart from short ones, whose lines may be an hour apart: this one may never end.
            out_s = self._clock() - self._lost_s
            lasts = out_s >= LONG_S
            since = f"not watched for {out_s:.0f} s, " if lasts else ""
            text = f"camera {self.name}: {error}; {since}trying again"
            self._throttle.log(logging.WARNING, f"{cause} for long" if lasts else cause, text)
        self._stop.wait(self._retry.pause_s(self._failures, lasting))
