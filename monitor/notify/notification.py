"""What is sent to a target, and what a target is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from monitor.errors import MonitorError
from monitor.events.alert import AlertEvent


class NotificationKind(StrEnum):
    """Why something is sent."""

    START = "start"  # an activity starts
    END = "end"  # it ended; the snapshot and the clip are there
    SUMMARY = "summary"  # counts the events that a limit held back
    ESCALATION = "escalation"  # nobody reviewed it in time
    TEST = "test"


@dataclass(frozen=True)
class Notification:
    """One message to one target; the same id is sent again if nobody knows that it arrived."""

    id: str
    kind: NotificationKind
    alert: AlertEvent  # that it is about; of a summary, the newest
    snapshot: Path | None = None  # JPEG, if there is one by now
    link: str | None = None  # of the event on the page
    held_back: int = 0  # events that a limit held back, for a summary


@dataclass(frozen=True)
class CameraState:
    """How a camera does just now."""

    state: str  # of monitor.states.CameraState
    cause: str  # of a state that is not well; else ""
    open: frozenset[str]  # labels of the activities that are open
    armed: bool  # whether its events are notified
    snoozed_until: datetime | None  # with a zone; not notified until then
    dismissed_today: int  # its events of today that a person called false alarms


class OrderKind(StrEnum):
    """What a target may be told by its users."""

    ARM = "arm"
    DISARM = "disarm"
    SNOOZE = "snooze"


@dataclass(frozen=True)
class Order:
    """That a camera's events are notified, or not."""

    kind: OrderKind
    camera: str
    minutes: float = 0.0  # of a snooze; 0 ends it


class TargetError(MonitorError):
    """A notification did not arrive; it is tried again unless it is `final`."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class Target(Protocol):
    """Takes notifications; all calls come from one thread of its own."""

    def send(self, notification: Notification) -> None:
        """Deliver it, or raise TargetError; returns when the other side has confirmed it."""

    def update(self, cameras: Mapping[str, CameraState]) -> None:
        """Take note of how all cameras do; called at changes, and every few seconds."""

    def close(self) -> None:
        """End; twice is fine."""
