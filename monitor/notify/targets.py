"""Makes the targets of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from monitor.config.mqtt import MqttOptions
from monitor.config.notifications import (
    AppriseOptions,
    JournaldOptions,
    SyslogOptions,
    TargetOptions,
    WebhookOptions,
)
from monitor.notify.notification import Order, Target

SHOW_PICTURES = (AppriseOptions, MqttOptions)  # targets for which a snapshot is waited


def make_target(
    options: TargetOptions,
    site: str,
    zone: ZoneInfo | None,
    on_order: Callable[[Order], None] | None,  # from any thread; None: it sends and does no more
) -> Target:
    """The target of these options; ConfigError if it cannot be."""
    match options:
        case WebhookOptions():
            from monitor.notify.webhook import WebhookTarget

            return WebhookTarget(options, site)
        case AppriseOptions():
            from monitor.notify.apprise_target import AppriseTarget

            return AppriseTarget(options, site, zone)
        case SyslogOptions():
            from monitor.notify.syslog import SyslogTarget

            return SyslogTarget(options, site)
        case JournaldOptions():
            from monitor.notify.journald import JournaldTarget

            return JournaldTarget(options, site)
        case MqttOptions():
            from monitor.notify.mqtt import MqttTarget

            return MqttTarget(options, site, on_order)
