"""What the page knows of the watching process just now, and who looks at what."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from monitor.link import LinkClosed, pack, receive_async

log = logging.getLogger(__name__)


class Look(StrEnum):
    """How somebody looks at a camera; the value is its name in orders to the watching process."""

    STILLS = "looked_at"  # a picture a second of what is decoded anyway
    PICTURES = "watched"  # a few a second: the camera is woken
    VIDEO = "videos"  # its own packets


# What is to be done with the health of everything, and the states by camera, once a second.
Told = Callable[[dict[str, Any], dict[str, dict[str, Any]]], object]
ALERTS = 200  # that are remembered for those who follow
UNKNOWN = "unknown"  # state of a camera of which nothing is heard


@dataclass(frozen=True)
class Still:
    """A picture of a camera."""

    number: int  # counts the pictures of all cameras
    data: bytes  # JPEG
    width: int  # of the camera's own picture
    height: int


@dataclass
class Video:
    """A camera's video as it comes: the beginning of an MP4 file, and fragments of it."""

    codec: str  # RFC 6381
    beginning: bytes
    fragments: list[bytes] = field(default_factory=list)  # from the newest key frame on
    first: int = 0  # number of the first of them, counted from the beginning


@dataclass
class LiveState:
    """The newest of everything; all within one event loop."""

    health: dict[str, Any] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)  # by camera
    stills: dict[str, Still] = field(default_factory=dict)
    videos: dict[str, Video] = field(default_factory=dict)  # those that somebody watches
    number: int = 0  # of the newest still
    told: int = 0  # counts what came
    ended: bool = False  # the page ends
    alerts: int = 0  # that came so far
    _newest_alerts: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=ALERTS))
    on_told: Told = lambda health, states: None
    on_settings: Callable[[bytes], object] = lambda settings: None
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _viewers: dict[Look, Counter[str]] = field(  # how many, of each camera
        default_factory=lambda: {look: Counter() for look in Look}
    )
    _asked: int = 0  # counts the orders that are answered
    _answers: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _writer: asyncio.StreamWriter | None = None
    _noting: asyncio.Task[object] | None = None

    @property
    def connected(self) -> bool:
        """Whether the watching process is there."""
        return self._writer is not None

    def alerts_after(self, count: int) -> list[dict[str, Any]]:
        """The alerts that came after the first `count`, as far as they are still known."""
        fresh = min(self.alerts - count, len(self._newest_alerts))
        return list(self._newest_alerts)[len(self._newest_alerts) - fresh :]

    async def follow(self, link: socket.socket, on_end: Callable[[], object]) -> None:
        """Take what the watching process says, until it is gone."""
        reader, self._writer = await asyncio.open_connection(sock=link)
        self._order()  # somebody may look already
        try:
            while True:
                head, body = await receive_async(reader)
                await self._take(head, body)
        except LinkClosed:
            pass
        finally:
            self._writer.close()
            self._writer = None
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(LinkClosed())
            on_end()

    async def end(self) -> None:
        """Let everybody go who waits for changes: the page ends."""
        async with self._changed:
            self.ended = True
            self.told += 1
            self._changed.notify_all()

    async def changed(self, told: int, limit_s: float) -> int:
        """Wait until something came after `told`, or the time is over; what was told by then."""
        async with self._changed:
            try:
                async with asyncio.timeout(limit_s):
                    await self._changed.wait_for(lambda: self.told != told)
            except TimeoutError:
                pass
            return self.told

    @contextmanager
    def looking(self, cameras: frozenset[str], how: Look) -> Iterator[None]:
        """Inside the block somebody looks at these cameras."""
        counter = self._viewers[how]
        counter.update(cameras)
        self._order()
        try:
            yield
        finally:
            counter.subtract(cameras)
            self._order()

    async def ask(self, order: dict[str, Any], limit_s: float) -> dict[str, Any]:
        """The watching process's answer to an order about cameras; within the event loop.

        LinkClosed if it is gone, TimeoutError if it does not answer.
        """
        if self._writer is None:
            raise LinkClosed
        self._asked += 1
        number, answer = self._asked, asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._writer.write(pack({"type": "cameras", "number": number, "order": order}))
        try:
            async with asyncio.timeout(limit_s):
                told: dict[str, Any] = await answer
                return told
        finally:
            del self._answers[number]

    def tell_listening(self, address: str, secret: str) -> None:
        """Say where this process serves the page over all shards; within the event loop."""
        if self._writer is not None:
            self._writer.write(pack({"type": "listening", "address": address, "secret": secret}))

    def tell_of_promotion(self) -> None:
        """Have the watching process read the journal; within the event loop."""
        if self._writer is not None:
            self._writer.write(pack({"type": "promotion"}))

    def _order(self) -> None:
        if self._writer is not None:
            self._writer.write(pack({"type": "look"} | self._wanted()))

    def _wanted(self) -> dict[str, list[str]]:
        """The cameras that somebody looks at, by how; videos of others are forgotten."""
        wanted = {
            look.value: sorted(name for name, count in counter.items() if count > 0)
            for look, counter in self._viewers.items()
        }
        for camera in self.videos.keys() - set(wanted[Look.VIDEO]):
            del self.videos[camera]
        return wanted

    def _take_video(self, head: dict[str, Any], body: bytes) -> None:
        camera = head["camera"]
        if "codec" in head:
            self.videos[camera] = Video(head["codec"], body)
        elif (video := self.videos.get(camera)) is not None:
            if head["key"]:
                video.first += len(video.fragments)
                video.fragments = []
            video.fragments.append(body)

    async def _take(self, head: dict[str, Any], body: bytes) -> None:
        if head["type"] == "state":
            self.health, self.states = head["health"], head["states"]
            if self._noting is None or self._noting.done():  # a store that is slow holds up nobody
                told = asyncio.to_thread(self.on_told, self.health, self.states)
                self._noting = asyncio.create_task(told)
        elif head["type"] == "still":
            self.number += 1
            self.stills[head["camera"]] = Still(self.number, body, head["width"], head["height"])
        elif head["type"] == "video":
            self._take_video(head, body)
        elif head["type"] == "settings":
            self.on_settings(body)
        elif head["type"] == "cameras":
            answer = self._answers.get(head["number"])
            if answer is not None and not answer.done():
                answer.set_result(head["answer"])
        elif head["type"] == "alert":
            self.alerts += 1
            self._newest_alerts.append(head["alert"])
        await self.told_anew()

    async def told_anew(self) -> None:
        """Let those know who wait for changes."""
        async with self._changed:
            self.told += 1
            self._changed.notify_all()
