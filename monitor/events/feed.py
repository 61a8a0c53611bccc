"""Alerts for a program: one by one, or by a call for each."""

from collections.abc import Callable, Iterator
from queue import Queue

from monitor.errors import SinkError
from monitor.events.alert import AlertEvent

QUEUE_LIMIT = 10_000  # alerts that wait to be asked for


class Feed:
    """A sink that gives what it takes to whoever iterates over it, until it is closed.

    If nobody asks, it takes no more; the dispatcher then keeps what comes.
    """

    name = "feed"

    def __init__(self) -> None:
        self._alerts: Queue[AlertEvent | None] = Queue()

    def write(self, alert: AlertEvent) -> None:
        """Keep an alert until it is asked for; SinkError if too many wait."""
        if self._alerts.qsize() >= QUEUE_LIMIT:
            raise SinkError(f"{QUEUE_LIMIT} alerts wait to be asked for")
        self._alerts.put(alert)

    def close(self) -> None:
        """End the iteration once everything was taken."""
        self._alerts.put(None)

    def __iter__(self) -> Iterator[AlertEvent]:
        return iter(self._alerts.get, None)


class Callback:
    """A sink that calls a function with each alert."""

    name = "callback"

    def __init__(self, call: Callable[[AlertEvent], object]) -> None:
        self._call = call

    def write(self, alert: AlertEvent) -> None:
        """Call the function."""
        self._call(alert)

    def close(self) -> None:
        """There is nothing to finish."""
