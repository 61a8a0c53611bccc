"""What is said of this process's shard, for the page and the metrics over all shards."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from monitor.cli.metrics import fact_reader
from monitor.config.options import MonitorOptions
from monitor.health.report import REPORT, Report
from monitor.lease.reporter import Reporter
from monitor.names import printable
from monitor.records import CopyStatus
from monitor.store.reports import ShardReport
from monitor.store.store import EventStore

if TYPE_CHECKING:
    from monitor.cli.shard import ShardLease
    from monitor.cli.watching import Watching
    from monitor.cli.web import Page


class ShardReports:
    """Says every two seconds how the shard does, until `close`; its lease is held."""

    def __init__(
        self,
        options: MonitorOptions,
        lease: ShardLease,
        watching: Watching,
        page: Page | None,  # None: the site has none
        copies: Callable[[], CopyStatus] | None,  # of evidence; None: it is not copied
    ) -> None:
        assert options.share is not None
        assert options.store is not None  # see monitor.config.shard.of_shard
        assert lease.fence is not None
        self._share = options.share
        self._monitor = watching.monitor
        self._page = page
        self._facts = fact_reader(options, None, watching.evidence_bytes, copies)
        self._facts.start()
        store = EventStore(options.store.url, at_once=False)  # the watching waits for no server
        self._reporter = Reporter(store, lease.fence, self._report)

    def close(self) -> None:
        """End, and take back what was said; twice is fine."""
        self._reporter.close()
        self._facts.close()

    def _report(self) -> ShardReport:
        facts = self._facts.newest()
        used = facts.evidence
        found = Report(
            cameras=tuple(self._monitor.cameras),
            # A name may hold a path that is no text.
            sinks=tuple(one._replace(name=printable(one.name)) for one in self._monitor.sinks),
            workers=tuple(self._monitor.workers),
            evidence=None if used is None else (used.used_bytes, used.limit_bytes),
            copies=None if used is None else used.copies,
            disks={name: (one.free_bytes, one.size_bytes) for name, one in facts.disks.items()},
        )
        address, secret = ("", "") if self._page is None else self._page.listening
        return ShardReport(
            shard=str(self._share.shard),
            node=self._share.node_name,
            pid=os.getpid(),
            address=address,
            secret=secret,
            settings="" if self._page is None else self._page.shard_settings,
            state=REPORT.dump_json(found).decode(),
        )
