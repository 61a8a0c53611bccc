"""The capture thread's work: one camera's frames, sampled into windows, for as long as it takes."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from av import VideoFrame

from monitor.decode.tap import PacketTap
from monitor.errors import SourceError, SourceOpenError
from monitor.health.status import CameraStatus
from monitor.pipeline.lane import Lane
from monitor.records import Frame, NoFrameYet, Skipped, StreamEnd, Window
from monitor.sources.source import Source
from monitor.sources.timeline import CameraTimeline, TimestampMode
from monitor.states import NOTHING_MOVES, PERMANENT, CameraState, EndReason, Pace, SkipReason
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

# A connection that gave frames for this long was a good one: the next pause is the shortest again.
GOOD_S = 10.0
# Longest pauses, for an address or a password that is wrong: cameras lock out who insists.
PERMANENT_BACKOFF_FACTOR = 2.5
LONG_S = 60.0  # an outage that is told for itself
# Cameras that fail together, behind one switch, do not come back in step: pauses are spread.
MIN_JITTER = 0.2


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
    """Reads one camera on a thread of its own, until its file ends or it is told to stop.

    A camera that is lost is connected again.
    """

    def __init__(
        self,
        status: CameraStatus,
        make_source: Callable[[], Source],
        lanes: Sequence[Lane],  # that of the camera's own model comes first
        *,
        pace: Pace,
        retry: Retry,
        on_frame: Callable[[Frame], bool] = lambda frame: False,  # whether one was replaced for it
        on_end: Callable[[BaseException | None], None] = lambda error: None,
        on_permanent_failure: Callable[[SourceOpenError], None] = lambda error: None,
        stream_clock: TimestampMode = "auto",
        clock: Callable[[], float] = time.monotonic,
        stopping: threading.Event | None = None,  # set by `stop`; pauses wait on it
    ) -> None:
        self.name = status.name
        self._status = status
        self._counters = status.capture
        self._make_source = make_source
        self._lanes = lanes
        self._pace = pace
        self._retry = retry
        self._on_frame = on_frame
        self._on_end = on_end
        self._on_permanent_failure = on_permanent_failure
        self._tap: PacketTap | None = None
        self._clock = clock
        self._timeline = CameraTimeline(live=not pace.file, mode=stream_clock)
        self._throttle = LogThrottle(log, clock)
        self._stopping = stopping or threading.Event()
        self._stop_reason = EndReason.MONITOR_STOPPED
        self._thread = threading.Thread(
            target=self._run_thread, name=f"capture-{self.name}", daemon=True
        )
        self._size: tuple[int, int] | None = None  # of the pictures, in pixels
        self._window_count = 0
        self._failures = 0
        self._lost_s = 0.0  # the clock when it was watched last

    def start(self, tap: PacketTap | None = None) -> None:
        """Begin to read, and show a tap what comes."""
        self._tap = tap
        self._thread.start()

    def stop(self, reason: EndReason) -> None:
        """Ask it to end, from any thread; the first reason counts."""
        if not self._stopping.is_set():
            self._stop_reason = reason
        self._stopping.set()

    def join(self, limit_s: float) -> bool:
        """Wait for its end; whether it came in time, or nothing was ever begun."""
        if self._thread.ident is not None:
            self._thread.join(limit_s)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """End what is open of it, because its thread does not end."""
        self._end_windows(self._stop_reason)

    def _run_thread(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self._on_end(error)
        else:
            self._on_end(None)

    def run(self) -> None:
        """Watch the camera; a file that cannot be read raises, a live camera is tried again."""
        counters = self._counters
        while not self._stopping.is_set():
            try:
                self._session()
                break
            except SourceError as error:
                if self._pace.file:
                    cause = error.cause if isinstance(error, SourceOpenError) else "lost"
                    counters.state, counters.cause = CameraState.FAILED, cause
                    raise
                self._wait(error)
        else:
            counters.state = CameraState.STOPPED if counters.frames else CameraState.FAILED
            return
        counters.state = CameraState.STOPPED if self._stopping.is_set() else CameraState.ENDED
        if counters.state == CameraState.ENDED and not self._window_count:
            log.warning(
                "camera %s: shorter than the %g s that the model needs: nothing was classified",
                self.name,
                self._lanes[0].windows[0].buffer.spec.span_s,
            )

    def _session(self) -> None:
        """One connection, from opening to its end; returns when a file ended or stop was asked."""
        source = self._make_source()
        reason: EndReason = EndReason.MONITOR_STOPPED
        self._timeline.connect()
        before = self._counters.frames
        try:
            source.open()
            self._read(source)
            reason = self._stop_reason if self._stopping.is_set() else EndReason.FILE_ENDED
        except SourceError:
            reason = EndReason.STREAM_LOST
            raise
        finally:
            source.close()
            if self._counters.frames > before:
                self._reset_windows()
                self._end_windows(reason)

    def _end_windows(self, reason: EndReason) -> None:
        for lane in self._lanes:
            for windows in lane.windows:
                lane.submit(StreamEnd(self.name, windows.buffer.region, reason))

    def _reset_windows(self) -> None:
        for lane in self._lanes:
            for windows in lane.windows:
                windows.buffer.reset()

    def _read(self, source: Source) -> None:
        connected, began_s = False, 0.0
        while not self._stopping.is_set():
            read = source.read()
            if read is None:
                return
            self._counters.frame_at_s = now_s = self._clock()
            if isinstance(read, NoFrameYet):
                self._note_pending(read)
                continue
            arrived_s = now_s if read.arrived_s is None else read.arrived_s
            placement = self._timeline.place(read.time_s, arrived_s)
            if not connected:
                connected, began_s = True, now_s
                self._connected()
            elif placement.jump_s is not None:
                self._start_afresh("jump", f"its timestamps jumped by {placement.jump_s:.1f} s")
            elif placement.rate is not None:
                text = f"its timestamps advance {placement.rate:.2f} s a second: frames are placed "
                self._start_afresh("rate", f"{text}by their arrival from now on (stream.clock)")
            else:
                self._counters.measure_fps(placement.step_s)
            if self._tap is not None and read.pts_s is not None:
                self._tap.align(placement.time_s - read.pts_s)
            if read.time_s > GOOD_S:
                self._failures = 0
            if self._pace is Pace.REALTIME:
                self._stopping.wait(began_s + placement.time_s - now_s)
                arrived_s = self._clock()
            self._make_windows(
                Frame(placement.time_s, read.picture, arrived_s, read.skipped, self.name), arrived_s
            )

    def _note_pending(self, pending: NoFrameYet) -> None:
        if pending is NoFrameYet.NO_KEY_FRAME:
            self._counters.state, self._counters.cause = CameraState.CONNECTING, "no key frame"
        else:
            waits = pending is NoFrameYet.WAITING
            self._counters.state = CameraState.WAITING if waits else CameraState.IDLE

    def _make_windows(self, frame: Frame, arrived_s: float) -> None:
        counters = self._counters
        counters.frames += 1
        if frame.skipped is not None:
            counters.passed_over += 1
            waits = frame.skipped == SkipReason.OVERLOAD
            counters.state = CameraState.WAITING if waits else CameraState.IDLE
            counters.classifiable_at_s = counters.frame_at_s
            for lane in self._lanes:
                for windows in lane.windows:
                    self._hand_on(lane, windows.skip(frame.time_s, arrived_s, frame.skipped))
            return
        assert frame.picture is not None
        counters.state = CameraState.LIVE
        self._look_at_size(frame.picture)
        for lane in self._lanes:
            for windows in lane.windows:
                self._hand_on(lane, windows.push(frame.time_s, frame.picture, arrived_s))
        if self._tap is not None:
            self._tap.see(frame.picture, frame.time_s)
        # Only now: two threads must never scale the same picture at once.
        counters.unshown += self._on_frame(frame)
        if self._pace.live and counters.fault in ("", *NOTHING_MOVES):
            blind_s = self._status.blind_s
            if blind_s:
                counters.fault = SkipReason.NO_WINDOWS
                text = f"camera {self.name}: no window could be cut from its frames for "
                text += f"{blind_s:.0f} s: nothing is classified"
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
        self._reset_windows()
        text = f"camera {self.name}: {why}: windows start afresh"
        self._throttle.log(logging.WARNING, kind, text)

    def _hand_on(self, lane: Lane, item: Window | Skipped | None) -> None:
        if item is not None:
            self._window_count += lane is self._lanes[0]
            self._counters.cpu_s = time.thread_time()  # asked for windows: they are few
            lane.hand_on(item, live=self._pace.live)

    def _connected(self) -> None:
        if self._counters.frames:
            self._counters.reconnects += 1
            text = f"camera {self.name}: back after {self._failures} tries"
            self._throttle.log(logging.INFO, "back", text)
        else:
            log.info("camera %s: watching %s", self.name, self._status.source)
        self._counters.state, self._counters.cause = CameraState.LIVE, ""
        self._counters.classifiable_at_s = self._counters.frame_at_s

    def _wait(self, error: SourceError) -> None:
        """Say what is wrong, in a counted line, and pause; stop cuts the pause short."""
        cause = error.cause if isinstance(error, SourceOpenError) else "lost"
        self._failures += 1
        if self._counters.state != CameraState.RETRYING:
            self._lost_s = self._clock()
        lasting = cause in PERMANENT
        self._counters.state, self._counters.cause = CameraState.RETRYING, cause
        if isinstance(error, SourceOpenError) and lasting and not self._counters.frames:
            self._on_permanent_failure(error)
        if not self._stopping.is_set():
            # Told apart from short ones, whose lines may be an hour apart: this one may never end.
            out_s = self._clock() - self._lost_s
            lasts = out_s >= LONG_S
            since = f"not watched for {out_s:.0f} s, " if lasts else ""
            text = f"camera {self.name}: {error}; {since}trying again"
            self._throttle.log(logging.WARNING, f"{cause} for long" if lasts else cause, text)
        self._stopping.wait(self._retry.pause_s(self._failures, lasting))
