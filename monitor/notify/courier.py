"""Delivers what waits for one target, in its order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from monitor.names import printable
from monitor.notify.compose import Composer
from monitor.notify.notification import CameraState, Notification, Target, TargetError
from monitor.notify.outbox import Outbox, Row
from monitor.sources.address import redact
from monitor.store.database import StoreError
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0  # pauses after a target took nothing; they double
POLL_S = 5.0  # between two looks at what is due, and two updates of the states
STORE_S = 1.0  # after the store failed
SNAPSHOT_S, LOOK_S = 5.0, 0.2  # that a message waits for its snapshot, and between two looks


class Courier:
    """Gives a target its notifications one after another, each until it is confirmed.

    The next one waits until this one has arrived, is refused for good, or is given up.
    """

    def __init__(
        self,
        name: str,
        target: Target,
        outbox: Outbox,
        composer: Composer,
        cameras: Callable[[], Mapping[str, CameraState]] = dict,
        *,
        pictures: bool = False,  # a snapshot is waited for
        before: Courier | None = None,  # that ends, and had the same target
        may_send: Callable[[], bool] = lambda: True,  # else nothing is done
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._target = target
        self._outbox = outbox
        self._composer = composer
        self._cameras = cameras
        self._pictures = pictures and composer.has_pictures
        self._before = before
        self._may_send = may_send
        self._clock = clock
        self._now = now
        self._throttle = LogThrottle(log, clock)
        self._retry_s = 0.0  # the clock, before which nothing is tried
        self._pause_s = RETRY_MIN_S
        self._failing = False
        self._unnoted: Callable[[], None] | None = None  # what became of a row, for the store
        self._shown: Mapping[str, CameraState] | None = None
        self._shown_s = 0.0
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._end_s = 0.0
        self._thread = threading.Thread(target=self._run, name=f"notify {name}", daemon=True)

    def start(self) -> None:
        """Deliver on a thread."""
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def end(self, limit_s: float = 0.0) -> None:
        """End; before that, try for so long to deliver what waits."""
        self._end_s = self._clock() + limit_s
        self._ended.set()
        self._wake.set()

    def join(self, limit_s: float | None = None) -> None:
        """Wait until it has ended."""
        self._thread.join(limit_s)

    def step(self) -> float:
        """Do the one thing that is to be done next; the seconds until there may be more."""
        if not self._may_send():
            return STORE_S
        self._update()
        if (pause_s := self._retry_s - self._clock()) > 0:
            return min(pause_s, POLL_S)
        try:
            if self._unnoted is None:
                row = self._outbox.head(self._name, self._now_ms)
                if row is None:
                    return POLL_S
                notification = self._composer.compose(row, fetch=self._pictures)
                if self._waits_for_snapshot(row, notification):
                    return LOOK_S
                self._unnoted = self._deliver(row, notification)
            # Until it is known what became of it, nothing else is sent: it would come twice.
            self._unnoted()
            self._unnoted = None
        except StoreError as error:
            self._throttle.log(logging.WARNING, "store", f"notify {self._name}: {error}")
            return STORE_S
        return 0.0

    @property
    def _now_ms(self) -> int:
        return round(self._now() * 1000)

    def _waits_for_snapshot(self, row: Row, notification: Notification) -> bool:
        if not (self._pictures and row.snapshot) or notification.snapshot is not None:
            return False
        waited_s = (self._now_ms - row.at_ms) / 1000  # below 0, if the clock was set back
        return 0 <= waited_s < SNAPSHOT_S and not self._ended.is_set()

    def _deliver(self, row: Row, notification: Notification) -> Callable[[], None]:
        """Send it; what the store is then to be told."""
        try:
            self._target.send(notification)
        except TargetError as error:
            return self._failed(row, printable(redact(str(error))), final=error.final)
        except Exception as error:
            log.exception("notify %s: a message could not be sent", self._name)
            # A fault of its own: the same would fail again, unless the machine lacked something.
            lacked = isinstance(error, OSError | MemoryError)
            return self._failed(row, type(error).__name__, final=not lacked)
        if self._failing:
            self._throttle.log(logging.INFO, "up", f"notify {self._name}: it works again")
        self._failing, self._pause_s = False, RETRY_MIN_S
        at_ms = self._now_ms
        return lambda: self._outbox.sent(row, at_ms)

    def _failed(self, row: Row, error: str, *, final: bool) -> Callable[[], None]:
        if final:
            text = f"notify {self._name}: {error}; a message is given up"
            self._throttle.log(logging.WARNING, "refused", text)
            at_ms = self._now_ms
            return lambda: self._outbox.refused(row, error, at_ms)
        if not self._failing:
            text = f"notify {self._name}: {error}; messages wait"
            self._throttle.log(logging.WARNING, "down", text)
        self._failing = True
        self._retry_s = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, RETRY_MAX_S)
        return lambda: self._outbox.failed(row, error)

    def _update(self) -> None:
        cameras, now_s = self._cameras(), self._clock()
        if cameras == self._shown and now_s - self._shown_s < POLL_S:
            return
        self._shown, self._shown_s = cameras, now_s
        try:
            self._target.update(cameras)
        except TargetError as error:
            self._throttle.log(logging.WARNING, "update", f"notify {self._name}: {error}")
        except Exception:
            text = f"notify {self._name}: the states of cameras could not be told"
            if (told := self._throttle.due("states", text)) is not None:
                log.exception("%s", told)

    def _run(self) -> None:
        if self._before is not None:
            self._before.join()
        while not self._ended.is_set():
            self._wake.wait(self.step())
            self._wake.clear()
        while self._clock() < self._end_s and self.step() == 0:
            pass
        with suppress(TargetError):
            self._target.close()
