"""The capture thread's work: one camera's frames, sampled into windows, for as long as it takes."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.errors import LASTING, SourceError, SourceOpenError
from monitor.mailbox import Mailbox
from monitor.records import IDLE, OVERLOAD, Frame, Skipped, Window, place
from monitor.sequence import WindowSequence
from monitor.source import Picture, Source
from monitor.status import CameraStatus

log = logging.getLogger(__name__)

# A connection that gave frames for this long was a good one: the next pause is the shortest again.
GOOD_S = 10.0
# An address or a password that is wrong is tried again more slowly: cameras lock out who insists.
LASTING_PAUSE_S = 30.0


@dataclass(frozen=True)
class StreamEnd:
    """A camera's stream ended or was lost: no window of the region spans it."""

    camera: str
    region: str


# What goes from a capture to the worker, by the key of its camera and region.
Captured = Window | Skipped | StreamEnd


@dataclass(frozen=True)
class Retry:
    """Pauses between two tries to connect: they double, with jitter, up to the longest."""

    min_s: float
    max_s: float

    def pause_s(self, failures: int, lasting: bool) -> float:
        """Seconds to wait after the given number of failures in a row, from 1."""
        longest_s = LASTING_PAUSE_S if lasting else self.max_s
        return float(min(longest_s, self.min_s * 2.0 ** min(failures - 1, 16))) * random.uniform(
            0.75, 1
        )


class Capture:
    """Reads one camera until its file ends or `stop` is set; connects again where it is lost."""

    def __init__(
        self,
        status: CameraStatus,
        make_source: Callable[[], Source],
        sequences: Sequence[WindowSequence],
        windows: Mailbox[Captured],
        *,
        file: bool,
        realtime: bool,
        retry: Retry,
        stop: threading.Event,
        on_frame: Callable[[Frame], None] | None = None,
        on_hopeless: Callable[[SourceOpenError], None] = lambda error: None,
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
        self._on_hopeless = on_hopeless
        self._clock = clock
        self._started_s: float | None = None  # clock at the first frame: time 0 of the axis
        self._index = 0
        self._cut = 0  # windows
        self._failures = 0

    def run(self) -> None:
        """Watch the camera; a file that cannot be read raises, a live camera is tried again."""
        while not self._stop.is_set():
            try:
                self._session()
                break
            except SourceError as error:
                if self._file:
                    cause = error.cause if isinstance(error, SourceOpenError) else "lost"
                    self.status.state, self.status.cause = "failed", cause
                    raise
                self._wait(error)
        else:
            self.status.state = "stopped" if self._index else "failed"
            return
        self.status.state = "stopped" if self._stop.is_set() else "ended"
        if self.status.state == "ended" and not self._cut:
            log.warning(
                "camera %s: shorter than the %g s that the model needs: nothing was classified",
                self.name,
                self._sequences[0].buffer.spec.span_s,
            )

    def _session(self) -> None:
        """One connection, from opening to its end; returns where a file ended or stop was set."""
        source = self._make_source()
        try:
            source.open()
            self._read(source)
        finally:
            source.close()
            for buffer in (sequence.buffer for sequence in self._sequences):
                if buffer.started:
                    buffer.reset()
                    self._put(StreamEnd(self.name, buffer.region))

    def _read(self, source: Source) -> None:
        offset_s = started_s = last_s = last_captured_s = 0.0
        connected = False
        while not self._stop.is_set():
            moment = source.read()
            if moment is None:
                return
            if moment.time_s is None:
                self.status.state = "idle"
                continue
            now_s = self._clock()
            if not connected:
                connected, started_s = True, now_s
                if self._started_s is None:
                    self._started_s = now_s
                # After a loss the axis goes on with the time that passed.
                offset_s = last_s = now_s - self._started_s
                self._connected()
            elif offset_s + moment.time_s < last_s:
                # The stream's clock stepped back. The axis does not, and no window spans the step.
                passed_s = 0.0 if self._file else now_s - last_captured_s
                offset_s = last_s + passed_s - moment.time_s
                for sequence in self._sequences:
                    sequence.buffer.reset()
            else:
                self.status.measure_fps(offset_s + moment.time_s - last_s)
            if moment.time_s > GOOD_S:
                self._failures = 0
            last_s = offset_s + moment.time_s
            if self._paced:
                # Stop cuts the wait short.
                self._stop.wait(started_s + last_s - now_s)
                now_s = self._clock()
            last_captured_s = now_s
            arrived_s = now_s if moment.arrived_s is None else moment.arrived_s
            index, self._index = self._index, self._index + 1
            self.status.frames += 1
            if not isinstance(moment, Picture):
                self.status.state = "waiting" if moment.waiting else "idle"
                reason = OVERLOAD if moment.waiting else IDLE
                for sequence in self._sequences:
                    self._take(sequence.pass_over(last_s, arrived_s, reason))
                continue
            self.status.state = "live"
            frame = Frame(self.name, index, last_s, arrived_s, moment.frame)
            for sequence in self._sequences:
                self._take(sequence.push(frame))
            if self._on_frame is not None:
                # Only now: two threads must never scale the same picture at once.
                self._on_frame(frame)

    def _take(self, item: Window | Skipped | None) -> None:
        if item is None:
            return
        self._cut += 1
        if isinstance(item, Skipped) and item.reason == OVERLOAD:
            self.status.dropped[OVERLOAD] += 1
        if not self._live:
            self._put(item)
            return
        replaced = self._windows.offer(place(item.camera, item.region), item)
        self.status.measure_stride(isinstance(replaced, Window))

    def _put(self, item: Captured) -> None:
        self._windows.put(place(item.camera, item.region), item)

    def _connected(self) -> None:
        if self._index:
            self.status.reconnects += 1
            log.info("camera %s: back after %d tries", self.name, self._failures)
        else:
            log.info("camera %s: watching %s", self.name, self.status.source)
        self.status.state, self.status.cause = "live", ""

    def _wait(self, error: SourceError) -> None:
        """Say what is wrong, once for the same thing, and pause; stop cuts the pause short."""
        cause = error.cause if isinstance(error, SourceOpenError) else "lost"
        self._failures += 1
        lasting = cause in LASTING
        known = self.status.cause == cause
        self.status.state, self.status.cause = "retrying", cause
        if isinstance(error, SourceOpenError) and lasting and not self._index:
            self._on_hopeless(error)
        if not known and not self._stop.is_set():
            log.warning("camera %s: %s; trying again", self.name, error)
        self._stop.wait(self._retry.pause_s(self._failures, lasting))
