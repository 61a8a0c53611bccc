"""A notification in words for people, and as JSON for programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from monitor.events.alert import AlertEvent, utc
from monitor.notify.notification import Notification, NotificationKind
from monitor.records import camera_key

SCHEMA = "har-monitor.notification.v1"


def title(notification: Notification) -> str:
    """What it is about, in one line."""
    alert = notification.alert
    subject = f"{camera_key(alert.camera, alert.region or '')}: {alert.label}"
    match notification.kind:
        case NotificationKind.START:
            return subject
        case NotificationKind.END:
            return f"{subject} has ended"
        case NotificationKind.SUMMARY:
            events = "event" if notification.held_back == 1 else "events"
            return f"{notification.held_back} more {events}, the last: {subject}"
        case NotificationKind.ESCALATION:
            return f"Not reviewed yet: {subject}"
        case NotificationKind.TEST:
            return "Test of har-monitor"


def body(notification: Notification, site: str, zone: ZoneInfo | None) -> str:
    """What else there is to say of it, in lines."""
    if notification.kind is NotificationKind.TEST:
        return f"If you can read this at {site}, notifications arrive."
    alert = notification.alert
    began = (alert.start_time or alert.time).astimezone(zone)
    lines = [f"{site}, {began:%Y-%m-%d %H:%M:%S %Z}, score {alert.peak_score:.2f}"]
    if alert.end_s is not None:
        lines.append(f"It lasted {alert.end_s - alert.start_s:.0f} s.")
    if notification.link is not None:
        lines.append(notification.link)
    return "\n".join(lines)


def payload(notification: Notification, site: str) -> dict[str, Any]:
    """The same for a program, JSON."""
    return {
        "schema": SCHEMA,
        "id": notification.id,
        "kind": notification.kind.value,
        "site": site,
        "title": title(notification),
        "link": notification.link,
        "held_back": notification.held_back,
        "alert": notification.alert.model_dump(mode="json"),
    }


def trial() -> Notification:
    """What `har-monitor notify test` sends."""
    at = datetime.now(UTC)
    alert = AlertEvent(
        id=str(uuid4()),
        event="start",
        camera="test",
        label="test",
        score=1.0,
        peak_score=1.0,
        time=at,
        start_time=at,
        start_s=0.0,
        decided_s=0.0,
        window_s=0.0,
        model="",
        model_name="",
    )
    return Notification(str(uuid4()), NotificationKind.TEST, alert)


def fields(notification: Notification) -> dict[str, str]:
    """The facts of a notification by name, for logs that keep such."""
    alert = notification.alert
    found = {
        "id": notification.id,
        "kind": notification.kind.value,
        "event": alert.id,
        "camera": alert.camera,
        "region": alert.region or "",
        "label": alert.label,
        "peak_score": f"{alert.peak_score:.4f}",
        "time": utc(alert.time),
        "link": notification.link or "",
    }
    return {name: value for name, value in found.items() if value}
