"""The notifier of a store that several processes share: one of them notifies at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from monitor.lease.keeper import LeaseKeeper
from monitor.notify.notifier import Notifier
from monitor.notify.settings import NotifySettings
from monitor.store.lease import Holder, Leases
from monitor.store.rebuild import KeptStore
from monitor.store.store import EventStore

LEASE = "notifier"  # the name of the lease
POLL_S = 1.0  # between two tries to take it
JOIN_S = 1.0  # that a try has to end


class NotifierInTurn:
    """Takes what a notifier takes, and notifies once the lease of the store's notifier is its own.

    A notifier that loses it fails: its process ends, and waits for its turn again.
    """

    def __init__(self, settings: NotifySettings, store: EventStore) -> None:
        assert settings.holder is not None
        self._settings = settings
        self._store = store
        self._leasing = KeptStore(settings.store, None)
        self._keeper = LeaseKeeper(Leases(self._leasing), LEASE, Holder(*settings.holder))
        self._states: Mapping[str, dict[str, Any]] = {}
        self._notifier: Notifier | None = None
        self._lock = threading.Lock()  # of what the notifier is to know when it begins
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notify turn", daemon=True)
        self._thread.start()

    def tell(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Take how the cameras do."""
        with self._lock:
            self._states = states
            if self._notifier is not None:
                self._notifier.tell(states)

    def wake(self) -> None:
        """Something is to be planned."""
        with self._lock:
            if self._notifier is not None:
                self._notifier.wake()

    def renew(self, settings: NotifySettings) -> None:
        """Work by these settings from now on."""
        with self._lock:
            self._settings = settings
            if self._notifier is not None:
                self._notifier.renew(settings)

    def close(self, limit_s: float) -> None:
        """End; what waits is tried for so long before, if it is our turn."""
        self._ended.set()
        self._thread.join(JOIN_S)
        with self._lock:
            notifier = self._notifier
        if notifier is not None:
            notifier.close(limit_s)
        self._keeper.close()
        self._leasing.close()

    def _run(self) -> None:
        """Wait for the lease, then keep it."""
        while not self._keeper.acquire():
            if self._ended.wait(POLL_S):
                return
        with self._lock:
            if self._ended.is_set():
                return
            self._store.fence = self._keeper.fence
            self._notifier = Notifier(self._settings, self._store, lambda: self._keeper.may_write)
            self._notifier.tell(self._states)
        self._keeper.keep(_fail)


def _fail(error: BaseException) -> None:
    raise error
