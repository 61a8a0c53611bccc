"""The page beside the watching: its process, its feed, and what it is told of the configuration."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from monitor.cli.check import describe
from monitor.config.options import CameraOptions, MonitorOptions
from monitor.errors import ConfigError
from monitor.health.health_file import examine
from monitor.health.status import CameraSnapshot
from monitor.pipeline.monitor import Monitor
from monitor.recognition.models import Models
from monitor.records import SinkStatus
from monitor.sources.address import redact
from monitor.web.feed import FeedSink, LiveFeed
from monitor.web.pictures import Pictures, Send
from monitor.web.process import WebProcess
from monitor.web.settings import (
    CameraSettings,
    ModelSettings,
    RegionSettings,
    ShadowSettings,
    WebSettings,
)

if TYPE_CHECKING:
    from monitor.cli.adding import CameraAdding
    from monitor.processes.processes import Processes
    from monitor.store.lease import Fence

log = logging.getLogger(__name__)


class Page:
    """The page of a monitor; to be made before the monitor runs."""

    def __init__(
        self,
        options: MonitorOptions,
        process: WebProcess,
        monitor: Monitor | Processes,
        pictures: Callable[[Send], Pictures],
        promoted: Collection[str] = (),  # cameras whose models have changed places
        on_promotion: Callable[[], object] = lambda: None,  # the journal says that others have
        adding: CameraAdding | None = None,  # None: nobody may add a camera
        fence: Callable[[], Fence | None] = lambda: None,  # of the lease under which is watched
    ) -> None:
        self._models = monitor.models
        self._adding = adding is not None
        self._fence = fence
        settings = self._settings(options, promoted)
        self._feed = LiveFeed(
            pictures,
            on_promotion=on_promotion,
            on_cameras=None if adding is None else adding.answer,
        )
        self._process = process
        process.serve(settings, self._feed.connect)
        monitor.add_sink(FeedSink(self._feed))
        if self.url:
            log.info("the page is at %s", self.url)

    @property
    def url(self) -> str:
        """Where it is; empty if this process serves none."""
        return self._process.url

    @property
    def listening(self) -> tuple[str, str]:
        """Where the page over all shards finds pictures and evidence, and by which secret."""
        return self._feed.listening

    @property
    def shard_settings(self) -> str:
        """What that page is told of the cameras, JSON."""
        return self._shard_settings

    def tell(self, cameras: Sequence[CameraSnapshot], sinks: Sequence[SinkStatus]) -> None:
        """Say how everything does."""
        self._feed.tell(examine(cameras, sinks), cameras)

    def renew(self, options: MonitorOptions, promoted: Collection[str]) -> None:
        """Show what the configuration says now."""
        settings = self._settings(options, promoted)
        self._process.renew(settings)
        self._feed.renew(settings)

    def _settings(self, options: MonitorOptions, promoted: Collection[str]) -> WebSettings:
        settings = page_settings(options, self._models, promoted)
        fence = self._fence()
        lease = None if fence is None else (fence.name, fence.epoch)
        self._shard_settings = settings.of_shard
        return settings.model_copy(update={"adding": self._adding, "lease": lease})

    def close(self) -> None:
        """End it; twice is fine."""
        self._process.close()
        self._feed.close()


def page_settings(
    options: MonitorOptions, models: Models, promoted: Collection[str] = ()
) -> WebSettings:
    """What the page is told of a configuration with `web`; ConfigError if it lacks something."""
    log_path, evidence = options.log_path, options.evidence
    assert evidence is not None  # see MonitorOptions.with_needed_sinks
    if log_path is None:
        raise ConfigError("web needs an alert log in a file: reviews are written beside it")
    if log_path.exists() and not log_path.is_file():
        raise ConfigError(f"web needs an alert log in a file; {log_path} is none")
    cameras = tuple(
        camera_settings(camera).model_copy(
            update={
                "tried": _tried(camera, models, camera.name in promoted),
                "labels": models.get(camera.model).metadata.alert_labels,
            }
        )
        for camera in options.cameras
    )
    told: dict[str, Any] = {
        # What is said of cameras and regions, not every user may see.
        "models": tuple(
            fact for fact in describe(options, models) if fact[0] not in ("camera", "region")
        ),
    }
    share = options.share
    if share is not None and share.node is not None:
        told["beside"] = _beside(share.node, evidence.folder)
    if share is not None and not share.serves:
        told |= {"users": None, "certificate": None, "key": None}
    return served_settings(options, log_path, cameras).model_copy(update=told)


def served_settings(
    options: MonitorOptions, log_path: Path, cameras: tuple[CameraSettings, ...]
) -> WebSettings:
    """What every page is told of a configuration with `web`; of its models nothing."""
    web, store, evidence = options.web, options.store, options.evidence
    assert web is not None
    assert store is not None  # see MonitorOptions.with_needed_sinks
    assert evidence is not None
    return WebSettings(
        host=web.host,
        port=web.port,
        hosts=web.hosts,
        users=web.users,
        certificate=web.certificate,
        key=web.key,
        store=store.url,
        log=log_path,
        evidence=evidence.folder,
        copies=evidence.copy_to,
        min_free_gib=evidence.min_free_gib,
        rolling_min=evidence.rolling_min,
        cameras=cameras,
        models=(),
        configuration=without_secrets(options),
        since=datetime.now(UTC),
    )


def camera_settings(camera: CameraOptions) -> CameraSettings:
    """What the page is told of a camera, without its models."""
    return CameraSettings(
        name=camera.name,
        source=str(camera.address),
        live=camera.address.live,
        regions=tuple(
            RegionSettings(name=one.name, corners=one.corners, bounds=one.bounds)
            for one in camera.region_shapes
        ),
    )


def _beside(node: Path, folder: Path) -> tuple[Path, str] | None:
    """Where all shards of a node have their evidence, if each has a folder of its own."""
    whole, mine = node.absolute(), folder.absolute()
    parts = mine.relative_to(whole).parts if mine.is_relative_to(whole) else ()
    return (whole, "/".join(("*", "*", *parts[2:]))) if len(parts) > 2 else None


def _tried(camera: CameraOptions, models: Models, promoted: bool) -> ShadowSettings | None:
    """The models of a camera of which one is tried out; None if none is."""
    shadow = models.shadow(camera.model, camera.shadow)
    if shadow is None:
        return None
    first, second = (
        ModelSettings(name=one.metadata.name, version=one.metadata.version, sha256=one.sha256)
        for one in (models.get(camera.model), shadow)
    )
    return ShadowSettings(model=first, shadow=second, promoted=promoted)


def without_secrets(options: MonitorOptions) -> str:
    """A configuration as people may see it, YAML."""
    values: dict[str, Any] = json.loads(options.model_dump_json())
    for camera, known in zip(values["cameras"], options.cameras, strict=True):
        camera["source"] = str(known.address)
    for sink in values["sinks"]:
        if sink["type"] == "store":
            sink["url"] = redact(sink["url"])
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
