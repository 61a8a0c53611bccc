"""Notifications beside the watching: the notifier's process, and what it is told."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence

from monitor.child import ChildProcess
from monitor.config.base import REVEALED
from monitor.config.mqtt import MqttOptions
from monitor.config.notifications import AppriseOptions, NotifyOptions, RuleOptions
from monitor.config.options import MonitorOptions
from monitor.errors import ConfigError
from monitor.health.status import CameraSnapshot
from monitor.notify.feed import NotifyFeed
from monitor.notify.settings import NotifySettings
from monitor.notify.tls import tls_context
from monitor.recognition.models import Models

log = logging.getLogger(__name__)

END_S = 4.0  # that the process has to end


class Notifications:
    """The notifier of a monitor; its process begins at once."""

    def __init__(self) -> None:
        self._process = ChildProcess(
            "monitor.cli.notifier", "the notifier", "notifier", END_S, by_signal=False
        )
        self._feed = NotifyFeed(self._process.kill)

    def serve(self, options: MonitorOptions) -> None:
        """Notify by this configuration, which has `notify`; to be called once."""
        text = notify_settings(options).model_dump_json(context=REVEALED)
        self._process.give(text, self._feed.connect)

    @property
    def pid(self) -> int | None:
        """Of the process that runs just now."""
        return self._process.pid

    def wake(self) -> None:
        """Say that the store has something to notify."""
        self._feed.wake()

    def tell(self, cameras: Sequence[CameraSnapshot]) -> None:
        """Say how the cameras do."""
        self._feed.tell(cameras)

    def renew(self, options: MonitorOptions) -> None:
        """Notify by what the configuration says now."""
        settings = notify_settings(options)
        self._process.change(settings.model_dump_json(context=REVEALED))
        self._feed.renew(settings)

    def close(self) -> None:
        """End it, once it has tried what waits; twice is fine."""
        self._feed.close()
        self._process.close()


def notify_settings(options: MonitorOptions) -> NotifySettings:
    """What the notifier is told of a configuration; ConfigError without `notify`."""
    if options.notify is None:
        raise ConfigError("the configuration has no notify")
    assert options.store is not None  # see MonitorOptions.with_needed_sinks
    holder = None
    if options.share is not None:
        from monitor.cli.shard import holder_of  # with SQLAlchemy: only if it is needed

        known = holder_of(options)
        holder = known.identity, known.described
    return NotifySettings(
        notify=options.notify,
        store=options.store.url,
        log=options.log_path,
        evidence=None if options.evidence is None else options.evidence.folder,
        copies=None if options.evidence is None else options.evidence.copy_to,
        holder=holder,
    )


def check_notify(options: MonitorOptions) -> None:
    """ConfigError if a target needs what is not there: a package, a certificate."""
    targets = () if options.notify is None else options.notify.targets
    for target in targets:
        if isinstance(target, AppriseOptions) and importlib.util.find_spec("apprise") is None:
            raise ConfigError(f"notify {target.name}: needs pip install 'har-monitor[apprise]'")
        if isinstance(target, MqttOptions) and target.tls:
            tls_context(target)


def check_labels(options: MonitorOptions, models: Models) -> None:
    """ConfigError if a rule names a label that no model alerts of: it would never be told."""
    rules = () if options.notify is None else options.notify.rules
    wanted = dict.fromkeys(label for rule in rules for label in rule.labels)
    if not wanted or options.share is not None:  # the models of other shards may alert of them
        return
    watched = options.cameras or (options.defaults,)
    used = [one.model for one in watched]
    used += [one.shadow for one in watched if one.shadow is not None]  # it may be promoted
    found = (models.get(path).metadata.alert_labels for path in dict.fromkeys(used))
    known = dict.fromkeys(label for labels in found for label in labels)
    for label in wanted:
        if label not in known:
            raise ConfigError(f"notify: no model alerts of {label}; labels: {', '.join(known)}")


def describe_notify(notify: NotifyOptions | None) -> Iterator[tuple[str, str]]:
    """What --check says of notifications, without a secret."""
    if notify is None:
        return
    for target in notify.targets:
        yield "notify", f"{target.name}: {target.type} {target.where}"
    for rule in notify.rules:
        yield "rule", _rule(rule)


def _rule(rule: RuleOptions) -> str:
    chosen = (*rule.cameras, *rule.labels, *rule.regions)
    parts = [f"{', '.join(chosen) or 'every event'} to {', '.join(rule.to)}"]
    if rule.schedule or rule.quiet:
        parts.append("at some times")
    if rule.at_most is not None:
        parts.append(f"at most {rule.at_most.count} in {rule.at_most.minutes:g} min")
    if rule.escalate_min is not None:
        parts.append(
            f"after {rule.escalate_min:g} min without a review to {', '.join(rule.escalate_to)}"
        )
    return "; ".join(parts)
