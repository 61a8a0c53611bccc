"""What Home Assistant is told so that it makes a device of each camera: MQTT discovery.

Keys and rules: homeassistant 2026.2.3, components/mqtt/schemas.py, discovery.py, and the modules
of the platforms there.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from monitor import __version__
from monitor.health.status import WATCHED
from monitor.notify.notification import NotificationKind
from monitor.notify.topics import MOST_MINUTES, Topics
from monitor.states import CameraState

NAME = "har-monitor"
# What the attributes of an event show of it. The trace of scores would fill the database of Home
# Assistant's recorder.
_TOLD = ("title", "link", "held_back")
_ALERT = ("id", "label", "region", "score", "peak_score", "start_time", "end_time", "reason")
_EVENT = "".join(f", '{key}': value_json.{key}" for key in _TOLD)
_EVENT += "".join(f", '{key}': value_json.alert.{key}" for key in _ALERT)
_EVENT = "{{ {'event_type': value_json.kind" + _EVENT + "} | to_json }}"
_WATCHED = ", ".join(f"'{state}'" for state in WATCHED)
_WATCHED = "{{ 'online' if value in [" + _WATCHED + "] else 'offline' }}"


def identifier(name: str) -> str:
    """A name in [A-Za-z0-9_-] only; no two names make the same, and none has a double hyphen."""
    return re.sub(
        r"[^A-Za-z0-9_]", lambda sign: "".join(f"-{byte:02x}" for byte in sign[0].encode()), name
    )


def site_prefix(site: str) -> str:
    """What the ids of all devices of a site begin with, and of no other."""
    return f"har--{identifier(site)}--"


def device_id(site: str, camera: str) -> str:
    """The id of a camera's device."""
    return site_prefix(site) + identifier(camera)


def config_topic(discovery_prefix: str, device: str) -> str:
    """Where Home Assistant looks for a device; an empty payload removes it."""
    return f"{discovery_prefix}/device/{device}/config"


@lru_cache(maxsize=1024)
def discovery(topics: Topics, camera: str) -> str:
    """The payload that makes a camera's device with all that it has: JSON, about 2 kB."""
    device = device_id(topics.site, camera)
    bridge = {"t": topics.status}
    parts = _components(topics, camera, bridge)
    payload = {
        "dev": {"ids": [device], "name": camera, "mf": NAME, "mdl": "camera", "sw": __version__},
        "o": {"name": NAME, "sw": __version__},
        "avty": [bridge],
        "cmps": {
            key: {**part, "qos": 1, "uniq_id": f"{device}--{key}"} for key, part in parts.items()
        },
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))


def _components(topics: Topics, camera: str, bridge: dict[str, str]) -> dict[str, dict[str, Any]]:
    def topic(what: str) -> str:
        return topics.of(camera, what)

    return {
        "event": {
            "p": "event",
            "name": "Event",
            "ic": "mdi:motion-sensor",
            "stat_t": topic("event"),
            "evt_typ": [kind.value for kind in NotificationKind],
            "val_tpl": _EVENT,
        },
        "activity": {
            "p": "binary_sensor",
            "name": "Activity",
            "dev_cla": "safety",
            "stat_t": topic("activity"),
            "json_attr_t": topic("info"),
            # Only this one says nothing while the camera is not watched: nobody knows then. The
            # others tell of the camera, of the past, or take orders.
            "avty": [bridge, {"t": topic("state"), "val_tpl": _WATCHED}],
            "avty_mode": "all",
        },
        "snapshot": {"p": "image", "name": "Snapshot", "img_t": topic("snapshot")},
        "state": {
            "p": "sensor",
            "name": "State",
            "ent_cat": "diagnostic",
            "ic": "mdi:cctv",
            "dev_cla": "enum",
            "ops": [state.value for state in CameraState],
            "stat_t": topic("state"),
            "json_attr_t": topic("info"),
        },
        "dismissed_today": {
            "p": "sensor",
            "name": "False alarms today",
            "ent_cat": "diagnostic",
            "ic": "mdi:bell-cancel",
            "stat_cla": "measurement",
            "stat_t": topic("dismissed_today"),
        },
        "armed": {
            "p": "switch",
            "name": "Armed",
            "ic": "mdi:shield",
            "stat_t": topic("armed"),
            "cmd_t": topic("arm/set"),
        },
        "snooze": {
            "p": "number",
            "name": "Snooze",
            "ic": "mdi:bell-sleep",
            "stat_t": topic("snooze"),
            "cmd_t": topic("snooze/set"),
            "min": 0,
            "max": MOST_MINUTES,
            "step": 1,
            "mode": "box",
            "unit_of_meas": "min",
        },
    }
