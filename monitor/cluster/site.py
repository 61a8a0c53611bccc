"""A site's configuration as the cluster carries it: as it was written, with secrets by name."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from monitor.atomic import write_private
from monitor.cluster.agent import SiteConfig
from monitor.cluster.controller import ClusterStatus
from monitor.config.options import MonitorOptions
from monitor.config.shard import MOST, Shard, of_shard, zones_of
from monitor.config.yaml_file import load
from monitor.errors import ConfigError


def cluster_config(path: Path) -> SiteConfig:
    """What a file says for a cluster; ConfigError if its shards could not watch by it."""
    options = load(path, MonitorOptions)
    text = path.read_text("utf-8")
    cluster, store = options.cluster, options.store
    if cluster is None:
        raise ConfigError(f"{path}: cluster is needed, such as cluster: {{shards: 4}}")
    if store is None or "://" not in store.url or store.site is None:
        raise ConfigError(
            f"{path}: a sink of the type store is needed, with site and the url of a PostgreSQL "
            "server that all machines reach: postgresql://USER:PASSWORD@HOST/DATABASE"
        )
    if options.save_video is not None:
        raise ConfigError(f"{path}: save_video: not with --cluster: each of its shards would save")
    if not options.cameras:
        raise ConfigError(f"{path}: no cameras")
    zones = tuple(zone for zone in zones_of(options) for _ in range(cluster.shards))
    if len(zones) > MOST:
        raise ConfigError(
            f"{path}: cluster.shards: {cluster.shards} for each zone are {len(zones)} shards; up "
            f"to {MOST} are allowed"
        )
    of_shard(options, Shard(1, len(zones)))
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
    cameras = {camera.name: camera.zone or "" for camera in options.cameras}
    return SiteConfig(store.site, zones, cameras, str(cluster.folder), fingerprint, text)


def check_change(known: ClusterStatus, config: SiteConfig) -> None:
    """ConfigError if a site that is watched cannot change over to this configuration."""
    first = "end it first: har-monitor cluster stop"
    if (known.zones, known.folder) != (config.zones, config.folder):
        raise ConfigError(
            f"site {config.site}: it has {known.shards} shards in {known.folder}; to change "
            f"cluster.shards, cluster.folder or which zones there are, {first}"
        )
    for camera, zone in config.cameras.items():
        # Its shard in the old zone and the one in the new would both watch it for a while.
        if (was := known.cameras.get(camera, zone)) != zone:
            raise ConfigError(
                f"site {config.site}: camera {camera}: its zone was {was or 'none'} and is "
                f"{zone or 'none'}; to change that, {first}"
            )


def options_of(text: str) -> MonitorOptions:
    """The options of a configuration's text, with the secrets of this process's environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "monitor.yaml"
        write_private(path, text)
        try:
            return load(path, MonitorOptions)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{folder}/", "")) from None
