"""Hands alerts to the sinks: each on a thread of its own, so that none holds up anything."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from monitor.errors import MonitorError, SinkError
from monitor.events.alert import AlertEvent
from monitor.events.sink import BeginningSink, ChoosingSink, Sink, WindowSink
from monitor.records import SinkStatus, Window
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

QUEUE_LIMIT = 10_000  # alerts that wait for a sink; of more, the oldest are lost
WINDOW_LIMIT = 50  # windows that wait with them, of about a megabyte each; then alerts come without
# A sink that failed is given the alert again: after the first pause, which doubles up to the other.
RETRY_MIN_S, RETRY_MAX_S = 0.25, 5.0
SLOW_S = 10.0  # a sink that has been at one alert for so long is told of
END_S = 2.0  # that a sink has, at the end, to take what waits


class Dispatcher:
    """Gives every alert to every sink, in order; one sink's failure or delay is not the others'.

    An alert of a shadow is given only to sinks that take those. `write` never waits. `close` ends
    the threads.
    """

    def __init__(self, sinks: Sequence[Sink], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._threads = [_SinkThread(sink, clock) for sink in sinks]
        self._started = False
        self._starting = threading.Lock()

    def add(self, sink: Sink) -> None:
        """Take one more sink; before `close`."""
        one = _SinkThread(sink, self._clock)
        with self._starting:
            if self._started:
                one.thread.start()
            self._threads.append(one)

    def start(self) -> None:
        """Start a thread for each sink."""
        with self._starting:
            self._started = True
            for one in self._threads:
                one.thread.start()

    def write(self, alert: AlertEvent, window: Window | None = None) -> None:
        """Leave an alert for every sink, with the window of its highest score; from any thread."""
        for one in self._threads:
            if one.takes(alert):
                one.put(alert, window)

    @property
    def sinks(self) -> tuple[SinkStatus, ...]:
        """How each sink does."""
        return tuple(one.status for one in self._threads)

    def report(self) -> None:
        """Log which sinks are slow or have lost alerts; called about once a second."""
        for one in self._threads:
            one.report()

    def close(self) -> list[MonitorError]:
        """Let every sink take what waits, then close it; what went wrong."""
        for one in self._threads:
            one.end()
        return [error for one in self._threads if (error := one.join()) is not None]


class _SinkThread:
    """A sink with its thread and what waits for it."""

    def __init__(self, sink: Sink, clock: Callable[[], float]) -> None:
        self._sink = sink
        self._clock = clock
        self._name = sink.name
        self._waiting: deque[tuple[AlertEvent, Window | None]] = deque()
        self._current: tuple[AlertEvent, Window | None] | None = (
            None  # that the sink is at, or failed at
        )
        self._changed = threading.Condition()
        self._ended = False
        self._end_s = 0.0  # the clock, when it has had its time at the end
        self._retried = self._lost = 0
        self._lost_why = ""
        self._busy_since_s: float | None = None  # the clock, while the sink is at an alert
        self._failure: Exception | None = None  # of the last try; None: it did not fail
        self._error: MonitorError | None = None
        self._throttle = LogThrottle(log, clock)
        # A sink that hangs does not keep the process from its end.
        self.thread = threading.Thread(target=self._run, name=f"sink {self._name}", daemon=True)

    def takes(self, alert: AlertEvent) -> bool:
        sink = self._sink
        return sink.takes(alert) if isinstance(sink, ChoosingSink) else not alert.shadow

    def put(self, alert: AlertEvent, window: Window | None) -> None:
        with self._changed:
            if not isinstance(self._sink, WindowSink) or len(self._waiting) >= WINDOW_LIMIT:
                window = None
            if len(self._waiting) >= QUEUE_LIMIT:
                self._waiting.popleft()
                self._lose(f"more than {QUEUE_LIMIT} waited")
            self._waiting.append((alert, window))
            self._changed.notify()

    def _lose(self, why: str) -> None:
        self._lost += 1
        self._lost_why = why

    @property
    def status(self) -> SinkStatus:
        return SinkStatus(self._name, self._undelivered, self._retried, self._lost)

    @property
    def _undelivered(self) -> int:
        return len(self._waiting) + (self._current is not None)

    def report(self) -> None:
        since_s, lost = self._busy_since_s, self._lost
        if since_s is not None and (busy_s := self._clock() - since_s) >= SLOW_S:
            waiting = len(self._waiting)
            text = f"{self._name} has been at one alert for {busy_s:.0f} s; {waiting} wait"
            self._throttle.log(logging.WARNING, "slow", text)
        if lost:
            text = f"{self._name}: {lost} alerts were lost: {self._lost_why}"
            self._throttle.log(logging.ERROR, "lost", text)

    def end(self) -> None:
        with self._changed:
            self._ended, self._end_s = True, self._clock() + END_S
            self._changed.notify()

    def join(self) -> MonitorError | None:
        """What went wrong, once the sink is closed or has had its time."""
        if self.thread.ident is None:  # it could not be started
            self._lost_why = "its thread was not started"
            self._close()
            return self._error
        limit_s = END_S + RETRY_MIN_S + 0.5  # and what the last try takes
        self.thread.join(limit_s)
        if self.thread.is_alive():
            return self._unwritten(f"it did not finish within {limit_s:g} s")
        return self._error

    def _unwritten(self, why: str) -> SinkError:
        count = self._undelivered + self._lost
        return SinkError(f"{self._name}: {count} alerts were not written: {why}")

    def _run(self) -> None:
        sink = self._sink
        if not isinstance(sink, BeginningSink) or self._until_done(sink.begin):
            while self._next():
                assert self._current is not None
                if not self._until_done(partial(self._give, *self._current)):
                    break
                self._current = None
        self._close()

    def _until_done(self, act: Callable[[], None]) -> bool:
        """Have the sink do something, again if it fails; False if the end comes first."""
        pause_s = RETRY_MIN_S
        while not self._done(act):
            if self._ended and (self._clock() >= self._end_s or not self._undelivered):
                return False
            self._pause(pause_s)
            pause_s = min(2 * pause_s, RETRY_MAX_S)
            self._retried += 1
        return True

    def _next(self) -> bool:
        """Take the alert that has waited longest; False if there is none, and none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                self._current = self._waiting.popleft()
            return self._current is not None

    def _pause(self, pause_s: float) -> None:
        with self._changed:
            if self._ended:  # little time is left
                self._changed.wait(min(pause_s, RETRY_MIN_S))
            else:
                self._changed.wait_for(lambda: self._ended, pause_s)

    def _give(self, alert: AlertEvent, window: Window | None) -> None:
        if isinstance(self._sink, WindowSink):
            self._sink.write_window(alert, window)
        else:
            self._sink.write(alert)

    def _done(self, act: Callable[[], None]) -> bool:
        """Have the sink do something once; whether that is done with."""
        self._busy_since_s = self._clock()
        try:
            act()
        except SinkError as error:
            if self._failure is None:
                log.warning("%s; alerts wait in memory", error)
            self._failure = error
            return False
        except Exception as error:  # its own fault: the same alert would fail again
            log.exception("%s could not take an alert", self._name)
            self._lose(f"{type(error).__name__}: {error}")
            return True
        finally:
            self._busy_since_s = None
        if self._failure is not None:
            log.warning("%s: writing works again", self._name)
        self._failure = None
        return True

    def _close(self) -> None:
        if self._undelivered or self._lost:
            why = str(self._failure or self._lost_why).removeprefix(f"{self._name}: ")
            self._error = self._unwritten(why)
        try:
            self._sink.close()
        except MonitorError as error:
            self._error = self._error or error
        except Exception:
            log.exception("%s could not be closed", self._name)
