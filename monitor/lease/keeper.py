"""Keeps a lease: takes it, renews it on a thread, and knows at any time whether it may be used."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from monitor.errors import OvertakenError, SinkError
from monitor.lease.clock import boot_time_s
from monitor.lease.granted import Grant
from monitor.records import LeaseStatus
from monitor.states import LeaseState
from monitor.store.database import StoreError
from monitor.store.lease import TTL_S, Fence, Holder, Leases, Overtaken, Site, Taken
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

RENEW_S = 2.0  # from one renewal to the next
RETRY_S = 1.0  # after one that failed
# After so long without a renewal nothing is written: others may take the lease `TTL_S` after it,
# and what was begun before has the rest of it to get there.
SURE_S = TTL_S - 1.0
# When the store answers again after a fault, whoever holds the lease has so long to renew it first.
GRACE_S = 5.0
END_S = 2.0  # that a renewal has to end, once the lease is no longer needed
LOOK_EVERY = 5  # renewals from one look at the other shards to the next


class LeaseKeeper:
    """One lease of this process. `acquire` is tried until it succeeds, then `keep` is called once.

    What is taken once is never taken again: a process that lost its lease ends.
    """

    def __init__(
        self,
        leases: Leases,
        name: str,
        holder: Holder,
        of: Site | None = None,  # of a shard
        clock: Callable[[], float] = boot_time_s,
    ) -> None:
        self._leases = leases
        self._name = name
        self._holder = holder
        self._of = of
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._fence: Fence | None = None
        self._sure_until_s = 0.0  # the clock
        self._patient_until_s = 0.0  # the clock
        self._taken: Taken | None = None  # who had it when it was tried last
        self._failure: StoreError | None = None  # of the last try
        self._lost: OvertakenError | None = None
        self._renewals = 0
        self._differing: set[str] = set()  # other shards that know other cameras
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def fence(self) -> Fence | None:
        """What it holds, or held; None before it was ever taken."""
        return self._fence

    @property
    def epoch(self) -> int | None:
        """Of what it holds, or held; None before it was ever taken."""
        return None if self._fence is None else self._fence.epoch

    @property
    def grant(self) -> Grant | None:
        """What processes that watch for this one go by; None if they may not write."""
        if self._fence is None or not self.may_write:
            return None
        return Grant(self._fence.epoch, self._sure_until_s)

    @property
    def may_write(self) -> bool:
        """Whether nobody else can have the lease just now."""
        held = self._fence is not None and self._lost is None and not self._ended.is_set()
        return held and self._clock() < self._sure_until_s

    def check(self, what: str) -> None:
        """SinkError that names `what` is not to be written, unless that is sure to be ours."""
        if not self.may_write:
            raise SinkError(f"{what}: {self._why_not()}")

    @property
    def status(self) -> LeaseStatus:
        """How it does."""
        if self.may_write:
            return LeaseStatus(self._name, LeaseState.HELD, self.epoch, "")
        if self._fence is None and self._failure is None and self._taken is not None:
            return LeaseStatus(self._name, LeaseState.STANDBY, self._taken.epoch, self._taken.by)
        return LeaseStatus(self._name, LeaseState.UNKNOWN, self.epoch, "")

    def acquire(self) -> bool:
        """Try to take it; whether it is ours now. ConfigError if this site must not."""
        began_s = self._clock()
        before = self._taken
        try:
            found = self._leases.acquire(
                self._name, self._holder, self._of, patient=began_s < self._patient_until_s
            )
        except StoreError as error:
            self._failure, self._patient_until_s = error, math.inf
            self._throttle.log(
                logging.WARNING, "store", f"{self._called}: {error}; it is waited for"
            )
            return False
        if self._failure is not None:
            self._patient_until_s = self._clock() + GRACE_S
        self._failure = None
        if isinstance(found, Fence):
            self._fence, self._taken = found, None
            self._sure_until_s = began_s + SURE_S
            log.info("%s: held, epoch %d", self._called, found.epoch)
            return True
        self._taken = found
        if before is None or before.epoch != found.epoch:
            log.info(
                "%s: held by %s, epoch %d; this process stands by, and takes it over if it is not "
                "renewed for %g s", self._called, found.by, found.epoch, TTL_S,
            )  # fmt: skip
        if self._of is not None and found.cameras != self._of.cameras:
            text = f"{self._called}: {found.by} knows other cameras than this process"
            self._throttle.log(logging.WARNING, "cameras", f"{text}: give both one configuration")
        return False

    def keep(self, on_lost: Callable[[BaseException], object]) -> None:
        """Renew it from now on; `on_lost` is told once, by the thread, if it was lost."""
        self._thread = threading.Thread(
            target=self._run, args=(on_lost,), name=f"lease {self._name}", daemon=True
        )
        self._thread.start()

    def know(self, of: Site) -> None:
        """Take note of which cameras the configuration names by now."""
        self._of = of

    def renew(self) -> None:
        """Renew it once; OvertakenError if it was lost."""
        assert self._fence is not None
        began_s = self._clock()
        cameras = "" if self._of is None else self._of.cameras
        try:
            self._leases.renew(self._fence, cameras)
            self._renewals += 1
            if self._of is not None and self._renewals % LOOK_EVERY == 0:
                self._compare(cameras)
        except Overtaken as error:
            self._lost = OvertakenError(f"{self._called} was taken over: {error}")
            raise self._lost from None
        except StoreError as error:
            self._failure = error
            text = (
                f"{self._called}: it cannot be renewed: {error}; "
                f"nothing is written if that lasts for {SURE_S:g} s"
            )
            self._throttle.log(logging.WARNING, "store", text)
            return
        if self._failure is not None:
            log.info("%s: it is renewed again", self._called)
        self._failure = None
        self._sure_until_s = began_s + SURE_S

    def close(self) -> None:
        """Give it back, once nothing is written under it any more; twice is fine."""
        if self._ended.is_set():
            return
        held = self.may_write
        self._ended.set()
        if self._thread is not None:
            self._thread.join(END_S)
            held = held and not self._thread.is_alive()  # it might renew what was given back
        if held and self._fence is not None:
            try:
                self._leases.release(self._fence)
            except StoreError as error:
                log.warning("%s: it cannot be given back: %s", self._called, error)

    @property
    def _called(self) -> str:
        return f"lease {self._name}"

    def _why_not(self) -> str:
        if self._lost is not None:
            return str(self._lost)
        if self._fence is None:
            return f"{self._called} is not held"
        if self._ended.is_set():
            return f"{self._called} was given back"
        return f"{self._called} was not renewed for {SURE_S:g} s: another may have taken it over"

    def _compare(self, cameras: str) -> None:
        """Say if another shard knows other cameras for long: some may be watched by nobody."""
        others = self._leases.others(self._name)
        differing = {one.by for one in others if one.cameras != cameras}
        for by in sorted(differing & self._differing):
            text = f"{self._called}: {by} knows other cameras than this process: some may be"
            text += " watched by nobody; give both one configuration, and reload them"
            self._throttle.log(logging.WARNING, f"cameras {by}", text)
        self._differing = differing

    def _run(self, on_lost: Callable[[BaseException], object]) -> None:
        try:
            while not self._ended.wait(RENEW_S if self._failure is None else RETRY_S):
                self.renew()
        except BaseException as error:  # of a thread that nobody waits for
            on_lost(error)
