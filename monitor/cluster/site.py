"""A site's configuration as the cluster carries it: as it was written, with secrets by name."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from monitor.atomic import write_private
from monitor.cluster.agent import SiteConfig
from monitor.config.options import MonitorOptions
from monitor.config.shard import Shard, of_shard
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
    for number in range(1, cluster.shards + 1):
        of_shard(options, Shard(number, cluster.shards))
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:12]
    return SiteConfig(store.site, cluster.shards, str(cluster.folder), fingerprint, text)


def options_of(text: str) -> MonitorOptions:
    """The options of a configuration's text, with the secrets of this process's environment."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "monitor.yaml"
        write_private(path, text)
        try:
            return load(path, MonitorOptions)
        except ConfigError as error:
            raise ConfigError(str(error).replace(f"{folder}/", "")) from None
