"""The MQTT topics of a site: what stands at those that are retained, what orders mean."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from monitor.events.alert import utc
from monitor.names import printable
from monitor.notify.notification import CameraState, Order, OrderKind

ON, OFF = "ON", "OFF"  # as Home Assistant has them, too
ONLINE, OFFLINE = "online", "offline"
NO_CAMERA = "no camera of this name is watched"
MOST_MINUTES = 10_080  # of a snooze: a week
# What is retained of each camera, beside its open activities.
RETAINED = ("state", "info", "activity", "armed", "snooze", "dismissed_today", "snapshot")
_ARM, _SNOOZE = "arm/set", "snooze/set"
_MOST_BYTES = 16  # of the payload of an order that are read
_MINUTES = re.compile(r"[0-9]{1,5}(\.[0-9]{1,6})?")  # shorter than that


def level(name: str) -> str:
    """A name as one level of a topic; no two names make the same."""
    return re.sub(r"[%/+#]", lambda sign: f"%{ord(sign[0]):02X}", name)


def _on_off(state: bool) -> str:
    return ON if state else OFF


@dataclass(frozen=True)
class Topics:
    """The topics of a site."""

    prefix: str
    site: str

    @property
    def base(self) -> str:
        """What all of them begin with."""
        return f"{self.prefix}/{level(self.site)}"

    @property
    def status(self) -> str:
        """Whether har-monitor is connected; the last will says that it is not."""
        return f"{self.base}/status"

    @property
    def orders(self) -> tuple[str, str]:
        """The command topics of all cameras."""
        return self.any(_ARM), self.any(_SNOOZE)

    def of(self, camera: str, what: str) -> str:
        """Of a camera."""
        return f"{self.base}/{level(camera)}/{what}"

    def any(self, what: str) -> str:
        """The same of every camera, to be read."""
        return f"{self.base}/+/{what}"

    def open(self, camera: str, label: str) -> str:
        """Whether an activity of this label is open."""
        return self.of(camera, f"open/{level(label)}")

    def is_ours(self, topic: str) -> bool:
        """Whether it is of the site."""
        return topic.startswith(f"{self.base}/")

    def is_state(self, topic: str) -> bool:
        """Whether it is the state of a camera, which stands for all that is retained of it."""
        return bool(re.fullmatch(f"{re.escape(self.base)}/[^/]+/{RETAINED[0]}", topic))

    def is_order(self, topic: str) -> bool:
        """Whether orders come there."""
        return self.is_ours(topic) and topic.endswith((f"/{_ARM}", f"/{_SNOOZE}"))

    def retained(
        self, cameras: Mapping[str, CameraState], labels: Iterable[tuple[str, str]], now: datetime
    ) -> dict[str, str]:
        """The payload of each retained topic of these cameras, but for snapshots.

        `labels` are the cameras with labels of which it is said whether they are open.
        """
        payloads: dict[str, str] = {}
        for name, camera in cameras.items():
            until = camera.snoozed_until
            left_s = max(0.0, (until - now).total_seconds()) if until else 0.0
            info = {
                "cause": camera.cause or None,
                "open": sorted(camera.open),
                "snoozed_until": utc(until) if until and left_s else None,
            }
            told = {
                "state": camera.state,
                "info": json.dumps(info, ensure_ascii=False),
                "activity": _on_off(bool(camera.open)),
                "armed": _on_off(camera.armed),
                "snooze": str(min(MOST_MINUTES, math.ceil(left_s / 60))),
                "dismissed_today": str(camera.dismissed_today),
            }
            payloads |= {self.of(name, what): payload for what, payload in told.items()}
        for name, label in labels:
            payloads[self.open(name, label)] = _on_off(label in cameras[name].open)
        return payloads


def read_order(
    topics: Topics, cameras: Iterable[str], topic: str, payload: bytes
) -> tuple[Order | None, str]:
    """The order that came at a command topic; or None, and what is wrong with it."""
    text = payload[:_MOST_BYTES].decode(errors="replace")
    found = f"found {printable(text)}"
    for camera in cameras:
        if topic == topics.of(camera, _ARM):
            kinds = {ON: OrderKind.ARM, OFF: OrderKind.DISARM}
            if text in kinds:
                return Order(kinds[text], camera), ""
            return None, f"{found}, allowed: {ON}, {OFF}"
        if topic == topics.of(camera, _SNOOZE):
            if _MINUTES.fullmatch(text) and float(text) <= MOST_MINUTES:
                return Order(OrderKind.SNOOZE, camera, float(text)), ""
            return None, f"{found}, allowed: minutes from 0 to {MOST_MINUTES}"
    return None, NO_CAMERA
