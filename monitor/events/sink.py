"""Where alerts go."""

from typing import Protocol

from monitor.events.alert import AlertEvent


class Sink(Protocol):
    """Takes alerts; every call is made on one thread, the sink's own."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def write(self, alert: AlertEvent) -> None:
        """Take an alert; SinkError if that fails now: it is given again later."""

    def close(self) -> None:
        """Finish; twice is fine."""
