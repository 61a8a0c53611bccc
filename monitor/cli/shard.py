"""The lease of this process's shard: waited for, kept while its cameras are watched, given back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from monitor.config.options import MonitorOptions
from monitor.config.shard import ShardShare
from monitor.events.alert import AlertEvent
from monitor.events.sink import Sink
from monitor.lease.granted import Grant
from monitor.lease.holder import this_process
from monitor.lease.keeper import LeaseKeeper
from monitor.lease.sinks import leased
from monitor.records import LeaseStatus
from monitor.states import EndReason
from monitor.store.database import StoreError
from monitor.store.event import Event, Origin
from monitor.store.lease import SHARD, Fence, Holder, Leases, Site, left_open
from monitor.store.rebuild import KeptStore

log = logging.getLogger(__name__)

POLL_S = 0.5  # between two tries to take a lease that another holds


class ShardLease:
    """What watches under a lease is given this; without `--shard` there is none."""

    def __init__(self, options: MonitorOptions) -> None:
        share, store = options.share, options.store
        assert share is not None
        assert store is not None  # see monitor.config.shard.of_shard
        self.shard = str(share.shard)
        self._node = share.node
        self._store = KeptStore(store.url, None)
        name = f"{SHARD}{share.shard.number}"
        self._keeper = LeaseKeeper(
            Leases(self._store), name, holder_of(options), _site(options, share)
        )

    @property
    def fence(self) -> Fence | None:
        """What guards its writes; None until the lease was taken."""
        return self._keeper.fence

    @property
    def may_write(self) -> bool:
        """Whether nobody else can have the lease just now."""
        return self._keeper.may_write

    @property
    def grant(self) -> Grant | None:
        """What processes that watch for this one go by; None if they may not write."""
        return self._keeper.grant

    @property
    def status(self) -> LeaseStatus:
        """How the lease does, by the name of the shard."""
        return self._keeper.status._replace(name=self.shard)

    def left_logs(self) -> list[Path]:
        """The alert logs of a cluster's processes on this machine that are gone."""
        if self._node is None:
            return []
        from monitor.cluster.shard_process import left_logs

        return left_logs(self._node)

    def over(self, sinks: Iterable[Sink]) -> list[Sink]:
        """The sinks, which take alerts only while the lease is held."""
        return leased(sinks, self._keeper, self.shard)

    def wait(
        self,
        stopping: threading.Event,
        beat: Callable[[], object],
        on_lost: Callable[[BaseException], object],
    ) -> bool:
        """Wait until the lease is ours, and keep it from then on; False if it is to stop first.

        `beat` is called meanwhile, every half second. ConfigError if the store's leases are another
        site's. `on_lost` is told if it is lost later.
        """
        while not self._keeper.acquire():
            beat()
            if stopping.wait(POLL_S):
                return False
        self._keeper.keep(on_lost)
        return True

    def left_open(self, cameras: Iterable[str]) -> list[AlertEvent]:
        """The ends of activities that another process left open when it lost the lease."""
        fence, now = self._keeper.fence, datetime.now(UTC)
        assert fence is not None
        try:
            found = left_open(self._store, cameras, self.shard, fence)
        except StoreError as error:
            log.warning("shard %s: %s; what was left open stays so", self.shard, error)
            return []
        if found:
            log.warning(
                "shard %s: %d activities that were left open are ended", self.shard, len(found)
            )
        return [_ended(event, now) for event in found]

    def follow(self, options: MonitorOptions) -> None:
        """Take note of what the configuration says by now."""
        assert options.share is not None
        self._keeper.know(_site(options, options.share))

    def close(self) -> None:
        """Give the lease back; twice is fine."""
        self._keeper.close()
        self._store.close()


def _ended(event: Event, now: datetime) -> AlertEvent:
    """The end of an event, of which nobody knows when it was."""
    known = event.model_dump(include=AlertEvent.model_fields.keys() - {"shard", "epoch", "end_s"})
    return AlertEvent.model_validate(
        known
        | {"event": "end", "time": now, "reason": EndReason.MONITOR_DIED, "end_time": None}
        | {"decided_s": event.start_s, "shadow": event.origin == Origin.SHADOW, "latency_ms": None}
    )


def holder_of(options: MonitorOptions) -> Holder:
    """Who this process is to others: known again by its alert log, which it has locked."""
    return this_process(options.log_path)


def _site(options: MonitorOptions, share: ShardShare) -> Site:
    """Whose cameras these are."""
    assert options.store is not None  # see monitor.config.shard.of_shard
    assert options.store.site is not None
    return Site(options.store.site, share.shard.count, share.fingerprint)
