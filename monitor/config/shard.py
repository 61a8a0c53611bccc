"""Which of a site's cameras are one process's: its shard, a share by the cameras' names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.errors import ConfigError

if TYPE_CHECKING:
    from monitor.config.options import CameraOptions, MonitorOptions

MOST = 1000  # shards of a site
_FORM = re.compile(r"([0-9]{1,4})/([0-9]{1,4})", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """One of `count` shares of a site's cameras, numbered from 1.

    Rendezvous hashing: a camera is of the shard that draws the highest number for its name. So its
    shard depends on nothing but its name and `count`: no other camera moves when one comes or goes,
    and no two shards of the same count share a camera, whatever cameras each of them knows.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that is written I/N; ConfigError if it is none."""
        found = _FORM.fullmatch(text)
        number, count = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= count <= MOST:
            raise ConfigError(
                f"--shard {text}: I/N is needed, such as 1/3; I from 1 to N, N up to {MOST}"
            )
        return cls(number, count)

    def has(self, camera: str) -> bool:
        """Whether a camera of this name is of it."""
        drawn = {number: _draw(camera, number) for number in range(1, self.count + 1)}
        return self.number == max(drawn, key=drawn.__getitem__)


@dataclass(frozen=True)
class ShardShare:
    """A shard of a configuration: what is known of the cameras that others watch."""

    shard: Shard
    cameras: int  # of all shards together
    fingerprint: str  # of their names and zones: the same in every process of a site
    serves: bool = (
        True  # false: the page and the metrics are not its own, `har-monitor page` has them
    )
    node: Path | None = (
        None  # of a cluster: the folder of this machine, in which its shards have theirs
    )

    def __str__(self) -> str:
        return str(self.shard)

    @property
    def node_name(self) -> str:
        """What this machine is called."""
        return os.uname().nodename if self.node is None else self.node.name

    @classmethod
    def of(cls, shard: Shard, cameras: Iterable[CameraOptions]) -> ShardShare:
        """The share of a shard in all cameras of a configuration."""
        names = sorted(f"{one.zone}/{one.name}" if one.zone else one.name for one in cameras)
        text = "\n".join(names).encode()
        return cls(shard, len(names), hashlib.sha256(text).hexdigest()[:16])


def zones_of(options: MonitorOptions) -> tuple[str, ...]:
    """The zones of its cameras, in a fixed order; the one of those that name none is empty."""
    return tuple(sorted({camera.zone or "" for camera in options.cameras})) or ("",)


def of_shard(
    options: MonitorOptions, shard: Shard, *, serves: bool = True, node: Path | None = None
) -> MonitorOptions:
    """With the cameras of a shard alone, perhaps none; ConfigError without a store to share.

    Each zone has as many shards, with numbers of its own: 1 to 4 the first one, 5 to 8 the next.
    For `serves` and `node` see `ShardShare`.
    """
    if options.store is None or options.store.site is None:
        raise ConfigError(
            f"--shard {shard}: a sink of the type store is needed, which all shards share, "
            "with site: a name of your own for its cameras"
        )
    zones = zones_of(options)
    each, rest = divmod(shard.count, len(zones))
    if options.cluster is not None and options.cluster.shards * len(zones) != shard.count:
        needed = (
            "that many are needed"
            if len(zones) == 1
            else f"for {len(zones)} zones {options.cluster.shards * len(zones)} are needed"
        )
        raise ConfigError(f"--shard {shard}: cluster.shards is {options.cluster.shards}: {needed}")
    if rest:
        raise ConfigError(
            f"--shard {shard}: the cameras are of {len(zones)} zones: as many shards of each are "
            f"needed, such as {len(zones)} or {2 * len(zones)}"
        )
    zone, number = divmod(shard.number - 1, each)
    within = Shard(number + 1, each)
    own = tuple(
        camera
        for camera in options.cameras
        if (camera.zone or "") == zones[zone] and within.has(camera.name)
    )
    found = options.model_copy(update={"cameras": own})
    share = ShardShare.of(shard, options.cameras)
    found._share = replace(share, serves=serves, node=node)
    return found


def _draw(camera: str, number: int) -> bytes:
    return hashlib.blake2b(f"{number}\n{camera}".encode(), digest_size=8).digest()
