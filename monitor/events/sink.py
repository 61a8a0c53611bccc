"""Where alerts go."""

from typing import Protocol, runtime_checkable

from monitor.events.alert import AlertEvent
from monitor.records import Window


class Sink(Protocol):
    """Takes alerts; every call is made on one thread, the sink's own."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    def write(self, alert: AlertEvent) -> None:
        """Take an alert; SinkError if that fails now: it is given again later."""

    def close(self) -> None:
        """Finish; twice is fine."""


@runtime_checkable
class ChoosingSink(Sink, Protocol):
    """A sink that says which alerts it takes; others take all but those of shadows."""

    def takes(self, alert: AlertEvent) -> bool:
        """Whether it is given this alert; called by any thread."""


@runtime_checkable
class BeginningSink(Sink, Protocol):
    """A sink that has something to do before it is given anything."""

    def begin(self) -> None:
        """Do it; SinkError if that fails now: it is tried again."""


@runtime_checkable
class WindowSink(Sink, Protocol):
    """A sink that is also shown what the model saw."""

    def write_window(self, alert: AlertEvent, window: Window | None) -> None:
        """Take an alert with the window of its highest score, if it is known; else as `write`."""
