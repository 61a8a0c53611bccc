"""What the page over all shards knows: how each shard does, and what is live of its cameras."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from monitor.health.health_file import examine
from monitor.health.report import REPORT, Report, ShardView
from monitor.health.status import CameraSnapshot
from monitor.records import SinkStatus
from monitor.store.database import StoreError
from monitor.store.reports import HeardReport, ReportReader, shard_count, shard_number
from monitor.store.store import EventStore
from monitor.throttle import LogThrottle
from monitor.web.feed import camera_state
from monitor.web.live import UNKNOWN, LiveState
from monitor.web.node_link import NodeLink
from monitor.web.settings import CameraSettings, ShardSettings
from monitor.web.state import WebState

log = logging.getLogger(__name__)

READ_S = 1.0  # from one look at the reports to the next


@dataclass(frozen=True)
class Place:
    """Where a process that watches a shard serves pictures and evidence."""

    shard: str
    node: str  # the machine
    address: str  # HOST:PORT
    secret: str = field(repr=False)


@dataclass(frozen=True)
class SiteView:
    """The whole site at one moment."""

    shards: tuple[ShardView, ...] = ()  # all of them, in the order of their numbers
    settings: Mapping[str, ShardSettings] = field(default_factory=dict)  # by shard
    places: tuple[Place, ...] = ()  # of those that are heard of


class SiteReader:
    """Reads what all shards say of themselves; one thread at a time."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._reports = ReportReader(store)
        self._throttle = LogThrottle(log)
        self._parsed: dict[str, tuple[HeardReport, Report, ShardSettings]] = {}

    def read(self) -> SiteView:
        """The site as it is now; StoreError."""
        heard = self._reports.read()
        self._parsed = {one.report.shard: (one, *self._parse(one)) for one in heard}
        known = {shard: _view(*parsed[:2]) for shard, parsed in self._parsed.items()}
        count = shard_count(self._store)
        missing = (f"{number}/{count}" for number in range(1, count + 1))
        views = known | {shard: ShardView(shard) for shard in missing if shard not in known}
        return SiteView(
            tuple(sorted(views.values(), key=lambda view: shard_number(view.shard))),
            {shard: settings for shard, (_, _, settings) in self._parsed.items()},
            tuple(
                Place(one.report.shard, one.report.node, one.report.address, one.report.secret)
                for one in heard
                if one.report.address and known[one.report.shard].heard
            ),
        )

    def _parse(self, heard: HeardReport) -> tuple[Report, ShardSettings]:
        """What a report says; nothing, if it is of another version and cannot be read."""
        before = self._parsed.get(heard.report.shard)
        if before is not None and before[0].report is heard.report:
            return before[1:]
        try:
            settings = heard.report.settings
            return (
                REPORT.validate_json(heard.report.state),
                ShardSettings.model_validate_json(settings) if settings else ShardSettings(),
            )
        except ValidationError:
            said = heard.report
            text = f"shard {said.shard} on {said.node}: what it says cannot be read: "
            self._throttle.log(logging.WARNING, said.shard, f"{text}is it of another version?")
            return Report(), ShardSettings()


def _view(heard: HeardReport, report: Report) -> ShardView:
    said = heard.report
    return ShardView(said.shard, said.node, said.pid, heard.epoch, heard.age_s, report)


def site_states(view: SiteView, cameras: Iterable[str]) -> dict[str, dict[str, Any]]:
    """How cameras do, live; of those of which nothing is heard, since when."""
    found: dict[str, dict[str, Any]] = {}
    for shard in view.shards:
        for camera in shard.report.cameras:
            found[camera.name] = camera_state(camera) if shard.heard else _unknown(shard.silence)
    return found | {
        name: _unknown("no process watches it") for name in cameras if name not in found
    }


def _unknown(why: str) -> dict[str, Any]:
    return {"state": UNKNOWN, "cause": why, "score": 0.0, "open": []}


def site_health(view: SiteView, cameras: Sequence[CameraSettings]) -> dict[str, Any]:
    """How everything does, as in the health file, with the shards."""
    snapshots = {one.name: one for shard in view.shards for one in shard.report.cameras}
    known = [snapshots.get(one.name) or CameraSnapshot(one.name, one.source) for one in cameras]
    sinks = [one for shard in view.shards if shard.heard for one in shard.report.sinks]
    health = examine(known, _together(sinks)).model_dump(mode="json", by_alias=True)
    states = site_states(view, (one.name for one in cameras))
    for camera in health["cameras"]:
        state = states[camera["name"]]
        if state["state"] == UNKNOWN:
            camera |= {"state": UNKNOWN, "cause": state["cause"], "watched": False, "fps": None}
    health["shards"] = [
        {
            "shard": shard.shard,
            "node": shard.node,
            "pid": shard.pid,
            "epoch": shard.epoch,
            "version": shard.report.version,
            "heard": shard.heard,
            "age_s": None if shard.age_s is None else round(shard.age_s, 1),
            "cameras": len(shard.report.cameras),
            "watched": sum(one.watched for one in shard.report.cameras) if shard.heard else 0,
            "alerts_waiting": sum(one.waiting for one in shard.report.sinks),
            "alerts_lost": sum(one.lost for one in shard.report.sinks),
        }
        for shard in view.shards
    ]
    return health


def _together(sinks: Iterable[SinkStatus]) -> list[SinkStatus]:
    """Those of one name as one."""
    found: dict[str, SinkStatus] = {}
    for name, *counts in sinks:
        before = found.get(name, SinkStatus(name, 0, 0, 0))
        found[name] = SinkStatus(name, *map(sum, zip(before[1:], counts, strict=True)))
    return list(found.values())


def show(web: WebState, configured: Sequence[CameraSettings], view: SiteView) -> None:
    """Have the page show the site as it is now; cameras in the order of the configuration."""
    told = {one.name: one for shard in view.settings.values() for one in shard.cameras}
    cameras = tuple({one.name: told.pop(one.name, one) for one in configured}.values())
    cameras += tuple(told.values())  # its own configuration is older than theirs
    models = next((one.models for one in view.settings.values() if one.models), ())
    settings = web.settings
    if (settings.cameras, settings.models) != (cameras, models):
        web.settings = settings.model_copy(update={"cameras": cameras, "models": models})
    web.live.states = site_states(view, (one.name for one in cameras))
    web.live.health = site_health(view, cameras)


@dataclass
class SiteLive(LiveState):
    """The newest of everything, of all shards; all within one event loop."""

    view: SiteView = SiteView()
    on_view: Callable[[SiteView], object] = lambda view: None
    _links: dict[str, tuple[Place, NodeLink]] = field(default_factory=dict)  # by shard
    _throttle: LogThrottle = field(default_factory=lambda: LogThrottle(log))

    @property
    def connected(self) -> bool:
        """The page goes on, whoever watches."""
        return True

    async def watch(self, reader: SiteReader) -> None:
        """Look at what all shards say, until this is cancelled."""
        loop = asyncio.get_running_loop()
        known, read_s = self.view, loop.time()
        try:
            while True:
                try:
                    known, read_s = await asyncio.to_thread(reader.read), loop.time()
                    self._follow(known)
                except StoreError as error:
                    self._throttle.log(logging.WARNING, "store", f"{error}; it is waited for")
                    self._follow(_aged(known, loop.time() - read_s))
                await self.told_anew()
                await asyncio.sleep(READ_S)
        finally:
            for _, link in self._links.values():
                link.close()

    async def take(self, shard: str, head: dict[str, Any], body: bytes) -> None:
        """Take what the process of a shard sends: pictures, video and alerts of its cameras."""
        if head.get("type") not in ("still", "video", "alert"):
            return
        camera = head["alert"]["camera"] if head["type"] == "alert" else head["camera"]
        if camera in self._names(shard):
            await self._take(head, body)

    def _follow(self, view: SiteView) -> None:
        self.view = view
        self.on_view(view)
        wanted = {place.shard: place for place in view.places}
        for shard, (place, link) in list(self._links.items()):
            if wanted.get(shard) != place:
                link.close()
                del self._links[shard]
        for shard, place in wanted.items():
            if shard not in self._links:
                link = NodeLink(
                    place.address, place.secret, self._orders(shard), self._taker(shard)
                )
                self._links[shard] = place, link

    def _taker(self, shard: str) -> Callable[[dict[str, Any], bytes], Any]:
        return lambda head, body: self.take(shard, head, body)

    def _orders(self, shard: str) -> dict[str, list[str]]:
        """At which cameras of a shard somebody looks."""
        own = self._names(shard)
        return {
            look: [name for name in names if name in own] for look, names in self._wanted().items()
        }

    def _names(self, shard: str) -> set[str]:
        return {one.name for one in self.view.settings.get(shard, ShardSettings()).cameras}

    def _order(self) -> None:
        for shard, (_, link) in self._links.items():
            link.look(self._orders(shard))


def _aged(view: SiteView, by_s: float) -> SiteView:
    """A site of which nothing new is known for some time."""
    shards = (
        one if one.age_s is None else replace(one, age_s=one.age_s + by_s) for one in view.shards
    )
    return replace(view, shards=tuple(shards))
