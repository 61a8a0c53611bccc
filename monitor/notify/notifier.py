"""The notifier: plans what is to be told, and has a courier for each target."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from monitor.config.notifications import TargetOptions
from monitor.errors import ConfigError
from monitor.evidence.stored_evidence import StoredEvidence
from monitor.notify.arming import obey
from monitor.notify.cameras import Cameras
from monitor.notify.compose import Composer
from monitor.notify.courier import POLL_S, Courier
from monitor.notify.fetched import FetchedSnapshots
from monitor.notify.notification import Order
from monitor.notify.outbox import KEPT_MS, Outbox
from monitor.notify.planner import Planner
from monitor.notify.settings import NotifySettings
from monitor.notify.targets import SHOW_PICTURES, make_target
from monitor.store.database import StoreError
from monitor.store.store import EventStore
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks for news, if nobody says that there are any
_MINUTE_S, _HOUR_S = 60.0, 3600.0
_HOUR_MS = 3_600_000
_JUMP_MS = 60_000  # of the clock: a machine without a battery starts in the past
FRESH_S = 1.0  # that a listing of snapshots is gone by: a message waits a few seconds for its own
PLAN_S = 2.0  # that the last planning has


class Notifier:
    """Works by the settings until `close`; any thread may call it."""

    def __init__(
        self,
        settings: NotifySettings,
        store: EventStore,
        may_send: Callable[[], bool] = lambda: True,  # else another notifier may do so
    ) -> None:
        self._store = store
        self._may_send = may_send
        self._outbox = Outbox(store)
        self._cameras = Cameras()
        self._couriers: dict[str, tuple[object, Courier]] = {}  # with what each is made of
        self._throttle = LogThrottle(log)
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._ahead_ms = _ahead_ms(_now_ms())
        copies = settings.copies
        stored = () if copies is None else (StoredEvidence(copies, FRESH_S),)
        self._fetched = FetchedSnapshots(stored)
        self.renew(settings)
        self._thread = threading.Thread(target=self._run, name="notify plan", daemon=True)
        self._thread.start()

    def tell(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Take how the cameras do."""
        before = self._cameras.now
        self._cameras.tell(states)
        if self._cameras.now != before:
            self._wake_couriers()

    def wake(self) -> None:
        """Something is to be planned."""
        self._wake.set()

    def order(self, order: Order) -> None:
        """Obey a target's users."""
        if order.camera not in self._cameras.now:
            log.warning("notify: %s of an unknown camera %s", order.kind, order.camera)
            return
        try:
            obey(self._store, order, _now_ms())
        except StoreError as error:
            log.warning("notify: %s of %s: %s", order.kind, order.camera, error)
            return
        log.info("notify: %s of %s", order.kind, order.camera)
        self._refresh()

    def renew(self, settings: NotifySettings) -> None:
        """Work by these settings from now on; targets that are the same stay."""
        notify = settings.notify
        self._settings = settings
        composer = Composer(self._store, settings.evidence, notify.url, self._fetched)
        before, now = self._couriers.copy(), dict[str, tuple[object, Courier]]()
        for options in notify.targets:
            made_of = (options, notify.site, notify.zone, notify.url, settings.evidence)
            known = before.pop(options.name, None)
            if known is not None and known[0] == made_of:
                now[options.name] = known
                continue
            if known is not None:
                known[1].end()
            courier = self._courier(options, composer, None if known is None else known[1])
            if courier is not None:
                now[options.name] = made_of, courier
                courier.start()
        self._couriers = now
        for _, courier in before.values():
            courier.end()

    def close(self, limit_s: float) -> None:
        """End; what waits is tried for so long before."""
        self._ended.set()
        self._wake.set()
        self._thread.join(PLAN_S)
        couriers = [courier for _, courier in self._couriers.values()]
        for courier in couriers:
            courier.end(limit_s)
        deadline_s = time.monotonic() + limit_s
        for courier in couriers:
            courier.join(max(0.0, deadline_s - time.monotonic()))
        self._fetched.close()

    def _courier(
        self, options: TargetOptions, composer: Composer, before: Courier | None
    ) -> Courier | None:
        notify = self._settings.notify
        try:
            target = make_target(options, notify.site, notify.clock, self.order)
        except ConfigError as error:  # the others are not to suffer
            log.error("%s; its messages wait", error)
            return None
        return Courier(
            options.name,
            target,
            self._outbox,
            composer,
            lambda: self._cameras.now,
            pictures=isinstance(options, SHOW_PICTURES),
            before=before,
            may_send=self._may_send,
        )

    def _wake_couriers(self) -> None:
        for _, courier in tuple(self._couriers.values()):
            courier.wake()

    def _run(self) -> None:
        refresh_s = sweep_s = prune_s = -_HOUR_S
        while True:
            ending = self._ended.is_set()
            # Read once a turn: if it is set meanwhile, the next turn follows that first.
            now_ms = _now_ms()
            followed = self._try(partial(self._follow_clock, now_ms))
            if followed:
                self._plan(now_ms)
            if ending:
                return
            now_s = time.monotonic()
            if now_s - refresh_s >= POLL_S:
                refresh_s = now_s
                self._refresh()
            if followed and now_s - sweep_s >= _MINUTE_S:
                sweep_s = now_s
                self._try(partial(self._give_up, now_ms))
            if now_s - prune_s >= _HOUR_S:
                prune_s = now_s
                self._try(partial(self._outbox.prune, now_ms - KEPT_MS))
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _follow_clock(self, now_ms: int) -> None:
        """What waits has not waited for longer because the clock was set."""
        ahead_ms = _ahead_ms(now_ms)
        if abs(ahead_ms - self._ahead_ms) >= _JUMP_MS:
            self._outbox.put_off(ahead_ms - self._ahead_ms)
        self._ahead_ms = ahead_ms

    def _plan(self, now_ms: int) -> None:
        def plan() -> None:
            if Planner(self._outbox, self._settings.notify).plan(now_ms):
                self._give_up(now_ms)  # it may be old: perhaps nobody was notified for a long time
                self._wake_couriers()

        self._try(plan)

    def _refresh(self) -> None:
        def refresh() -> None:
            zone = self._settings.notify.clock
            self._cameras.refresh(self._store, zone, datetime.now(UTC))

        before = self._cameras.now
        self._try(refresh)
        if self._cameras.now != before:
            self._wake_couriers()

    def _give_up(self, now_ms: int) -> None:
        hours = self._settings.notify.give_up_h
        given_up = self._outbox.give_up(now_ms - round(hours * _HOUR_MS), now_ms)
        for target, (count, error) in given_up.items():
            why = f": {error}" if error else ""
            what = "1 message is" if count == 1 else f"{count} messages are"
            log.error("notify %s: %s given up after %g h%s", target, what, hours, why)

    def _try(self, act: Callable[[], object]) -> bool:
        """Whether the store did not fail."""
        try:
            act()
        except StoreError as error:
            self._throttle.log(logging.WARNING, "store", f"notify: {error}; it is tried again")
            return False
        return True


def _ahead_ms(now_ms: int) -> int:
    """The clock less the one that nobody sets."""
    return now_ms - round(time.monotonic() * 1000)


def _now_ms() -> int:
    return round(time.time() * 1000)
