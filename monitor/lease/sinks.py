"""Sinks that write only while a lease is held, and say under which epoch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from monitor.events.alert import AlertEvent
from monitor.events.sink import BeginningSink, ChoosingSink, Sink, WindowSink
from monitor.records import Window


class Lease(Protocol):
    """What is asked before anything is written."""

    @property
    def epoch(self) -> int | None:
        """Of the lease; None before it was ever taken."""

    def check(self, what: str) -> None:
        """SinkError that names `what` is not to be written, unless that is sure to be ours."""


def leased(sinks: Iterable[Sink], lease: Lease, shard: str) -> list[Sink]:
    """The sinks, each behind the lease of a shard."""
    return [
        (LeasedWindowSink if isinstance(one, WindowSink) else LeasedSink)(one, lease, shard)
        for one in sinks
    ]


class LeasedSink:
    """Hands alerts on while the lease is held, with their shard and its epoch.

    SinkError while it is not: the alerts wait, as for a sink that fails.
    """

    def __init__(self, sink: Sink, lease: Lease, shard: str) -> None:
        self._sink = sink
        self._lease = lease
        self._shard = shard

    @property
    def name(self) -> str:
        """What the sink is called."""
        return self._sink.name

    def takes(self, alert: AlertEvent) -> bool:
        """What the sink takes."""
        sink = self._sink
        return sink.takes(alert) if isinstance(sink, ChoosingSink) else not alert.shadow

    def begin(self) -> None:
        """Have the sink begin; SinkError if the lease is not held, or the sink fails now.

        A process that is stopped before it ever has the lease leaves that to the next one.
        """
        if isinstance(self._sink, BeginningSink) and self._lease.epoch is not None:
            self._lease.check(self.name)
            self._sink.begin()

    def write(self, alert: AlertEvent) -> None:
        """Hand on an alert; SinkError if the lease is not held, or the sink fails now."""
        self._sink.write(self._stamped(alert))

    def close(self) -> None:
        """Close the sink; twice is fine."""
        self._sink.close()

    def _stamped(self, alert: AlertEvent) -> AlertEvent:
        self._lease.check(self.name)
        return alert.model_copy(update={"shard": self._shard, "epoch": self._lease.epoch})


class LeasedWindowSink(LeasedSink):
    """The same, of a sink that is also shown what the model saw."""

    def write_window(self, alert: AlertEvent, window: Window | None) -> None:
        """As `write`, with the window of its highest score."""
        assert isinstance(self._sink, WindowSink)
        self._sink.write_window(self._stamped(alert), window)
