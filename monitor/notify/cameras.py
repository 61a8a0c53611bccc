"""How the cameras do, as targets are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.notify.arming import Arming, all_arming, dismissed_since
from monitor.notify.notification import CameraState
from monitor.store.event import milliseconds, moment_of
from monitor.store.store import EventStore


class Cameras:
    """Puts together what the watching process says and what the store knows."""

    def __init__(self) -> None:
        self._told: Mapping[str, dict[str, Any]] = {}
        self._arming: Mapping[str, Arming] = {}
        self._dismissed: Mapping[str, int] = {}
        self._now: Mapping[str, CameraState] = {}

    @property
    def now(self) -> Mapping[str, CameraState]:
        """All of them."""
        return self._now

    def tell(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Take what the watching process says each second: state, cause, open labels."""
        self._told = states
        self._put_together()

    def refresh(self, store: EventStore, zone: ZoneInfo | None, now: datetime) -> None:
        """Look up what people said; StoreError."""
        midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        self._arming = all_arming(store)
        self._dismissed = dismissed_since(store, milliseconds(midnight))
        self._put_together()

    def _put_together(self) -> None:
        found = {}
        for name, told in self._told.items():
            arming = self._arming.get(name, Arming())
            found[name] = CameraState(
                state=told["state"],
                cause=told["cause"],
                open=frozenset(told["open"]),
                armed=arming.armed,
                snoozed_until=moment_of(arming.snoozed_ms),
                dismissed_today=self._dismissed.get(name, 0),
            )
        self._now = found
