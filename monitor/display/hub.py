"""Pictures of cameras and what is known of them, for whoever looks just now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.records import Activity, Frame, PictureBox
from monitor.windows.region import Region


@dataclass(frozen=True, eq=False)
class Channel:
    """A camera that can be looked at."""

    camera: str
    live: bool  # the newest frame counts, and not every one
    regions: Sequence[Region]  # none: the whole picture is watched
    thresholds: Mapping[str, float]  # of the labels that alert


@dataclass(frozen=True)
class Update:
    """What the worker found in a window, for the caption."""

    camera: str
    end_s: float | None  # time of the window's last frame; None: the stream ended
    scores: Mapping[str, float]  # smoothed
    open: tuple[Activity, ...]
    fps: float | None = None  # of the camera
    latency_ms: float | None = None
    region: str = ""
    skipped: str = ""  # why the window was not classified
    box: PictureBox | None = None  # the part of the picture that counted; None: all of it


class Subscriber(Protocol):
    """Looks at cameras; its methods are called by their threads, which it must not hold up."""

    def wants(self, camera: str) -> bool:
        """Whether it takes what comes of this camera now."""

    def wakes(self, camera: str) -> bool:
        """Whether every frame is to be decoded for it, though nothing moves."""

    def take(self, channel: Channel, item: Frame | Update) -> bool:
        """Take a frame or an update; whether an older frame was dropped for it."""

    def forget(self, channel: Channel) -> None:
        """The camera is no longer watched."""


class Hub:
    """Hands frames and updates to subscribers, which come and go.

    While nobody looks at a camera, nothing is made for it, and it may be decoded sparingly.
    """

    def __init__(self) -> None:
        # Replaced as a whole, so that the threads of the cameras need no lock.
        self._subscribers: tuple[Subscriber, ...] = ()

    def subscribe(self, subscriber: Subscriber) -> None:
        """Let somebody look from now on."""
        self._subscribers = (*self._subscribers, subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Let somebody look no longer."""
        self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)

    def looked_at(self, camera: str) -> bool:
        """Whether anybody looks at a camera who is to see every frame."""
        return any(one.wakes(camera) for one in self._subscribers)

    def publish(self, channel: Channel, item: Frame | Update) -> bool:
        """Hand an item to who looks; whether a frame was dropped for it."""
        took = [one.take(channel, item) for one in self._subscribers if one.wants(channel.camera)]
        return any(took)

    def close(self, channel: Channel) -> None:
        """Say that a camera is no longer watched."""
        for one in self._subscribers:
            one.forget(channel)
