"""Hands activities to the sinks: each on a thread of its own, so that none holds up anything."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from monitor.errors import MonitorError, SinkError
from monitor.events.sink import Sink
from monitor.records import Activity, SinkStatus
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

ROOM = 10_000  # activities that wait for a sink; of more, the oldest are lost
RETRY_S = 1.0  # between two tries of a sink to write what waits in it
SLOW_S = 10.0  # a sink that has been at one activity for so long is told of
END_S = 2.0  # that a sink has, at the end, to take what waits


class Dispatcher:
    """Gives every activity to every sink, in order; one sink's failure or delay is not the others'.

    `write` never waits. `close` ends the threads.
    """

    def __init__(self, sinks: Sequence[Sink], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deliveries = [_Delivery(sink, clock) for sink in sinks]

    def add(self, sink: Sink) -> None:
        """Take one more sink; before `start`."""
        self._deliveries.append(_Delivery(sink, self._clock))

    def start(self) -> None:
        """Start a thread for each sink."""
        for delivery in self._deliveries:
            delivery.thread.start()

    def write(self, activity: Activity) -> None:
        """Leave an activity for every sink; from any thread."""
        for delivery in self._deliveries:
            delivery.put(activity)

    @property
    def sinks(self) -> tuple[SinkStatus, ...]:
        """How each sink does."""
        return tuple(delivery.status for delivery in self._deliveries)

    def report(self) -> None:
        """Log which sinks are slow or have lost activities; called about once a second."""
        for delivery in self._deliveries:
            delivery.report()

    def close(self) -> list[MonitorError]:
        """Let every sink take what waits, then close it; what went wrong."""
        for delivery in self._deliveries:
            delivery.end()
        return [error for delivery in self._deliveries if (error := delivery.join()) is not None]


class _Delivery:
    """A sink with its thread and what waits for it."""

    def __init__(self, sink: Sink, clock: Callable[[], float]) -> None:
        self._sink = sink
        self._clock = clock
        self._name = sink.name
        self._waiting: deque[Activity] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._lost = 0
        self._busy_since_s: float | None = None  # the clock, while the sink takes something
        self._error: MonitorError | None = None
        self._throttle = LogThrottle(log, clock)
        # A sink that hangs does not keep the process from its end.
        self.thread = threading.Thread(target=self._run, name=f"sink {self._name}", daemon=True)

    def put(self, activity: Activity) -> None:
        with self._changed:
            if len(self._waiting) >= ROOM:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(activity)
            self._changed.notify()

    @property
    def status(self) -> SinkStatus:
        waiting = len(self._waiting) + self._sink.waiting
        return SinkStatus(self._name, waiting, self._lost + self._sink.lost)

    def report(self) -> None:
        since_s, waiting, lost = self._busy_since_s, len(self._waiting), self._lost
        if since_s is not None and (busy_s := self._clock() - since_s) >= SLOW_S:
            text = f"{self._name} has been at one activity for {busy_s:.0f} s; {waiting} wait"
            self._throttle.log(logging.WARNING, "slow", text)
        if lost:
            text = f"{self._name} takes too few activities: {lost} were lost"
            self._throttle.log(logging.ERROR, "lost", text)

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def join(self) -> MonitorError | None:
        """What went wrong, once the sink is closed or has had its time."""
        if self.thread.ident is None:  # it could not be started
            self._close()
            return self._error
        self.thread.join(END_S)
        if self.thread.is_alive():
            undelivered = len(self._waiting) + self._lost
            return SinkError(
                f"{self._name}: did not finish within {END_S:g} s; "
                f"{undelivered} activities were not handed over"
            )
        return self._error

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended, RETRY_S)
                activity = self._waiting.popleft() if self._waiting else None
                if activity is None and self._ended:
                    break
            self._busy_since_s = self._clock()
            try:
                if activity is None:
                    self._sink.flush()
                else:
                    self._sink.write(activity)
            except Exception:
                log.exception("%s could not take an activity", self._name)
            self._busy_since_s = None
        self._close()

    def _close(self) -> None:
        try:
            self._sink.close()
        except MonitorError as error:
            self._error = error
        except Exception:
            log.exception("%s could not be closed", self._name)
