"""Evidence that lies on the machines of a site, asked for from the processes that watch there."""

from __future__ import annotations

import http.client
import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from monitor.errors import MonitorError
from monitor.evidence.places import EventKey, RemoteFile
from monitor.evidence.segments import NotRecorded, SegmentTimes, covers
from monitor.store.event import PAGE_MAX, moment_of
from monitor.store.journal import DeletedLine, SpanLine
from monitor.throttle import LogThrottle
from monitor.web.keeper import RecordedElsewhere
from monitor.web.node import CAMERAS_MAX
from monitor.web.site import Place

log = logging.getLogger(__name__)

ANSWER_S = 3.0  # that a process has to answer
KEEP_S = 30.0  # that it has to keep what somebody taught
SPARED_S = 10.0  # for so long one that did not is not asked again
FRESH_S = 3.0  # that what was found out is gone by
AT_ONCE = 16  # processes that are asked the same
_MOST_BYTES = 1 << 21  # of an answer
_KEPT = 10_000  # events of which it is known what there is
_NAMES: TypeAdapter[dict[str, list[str]]] = TypeAdapter(dict[str, list[str]])
_Ms = Annotated[int, Field(ge=0, lt=1 << 47)]  # since 1970
_RECORDED: TypeAdapter[dict[str, list[tuple[_Ms, _Ms]]]] = TypeAdapter(
    dict[str, list[tuple[_Ms, _Ms]]]
)
_NO_COPY = (422, 500, 507)  # it has the clip, and no copy of it can be made
_AGAIN = ("retry-after", "refresh")  # when a copy may be there that is being made


@dataclass(frozen=True)
class _Found:
    """What is known of an event."""

    until_s: float  # the clock
    names: tuple[str, ...] = ()
    place: Place | None = None  # who has them


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class NodeEvidence:
    """What those processes have that are heard of; any thread may ask."""

    def __init__(
        self,
        places: Callable[[], Sequence[Place]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._places = places
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._spared: dict[str, float] = {}  # the clock when an address did not answer
        self._found: dict[str, _Found] = {}  # by event
        self._recorder: dict[str, Place] = {}  # by camera: who had the segment that was asked for

    def prepare(self, events: Sequence[EventKey]) -> None:
        """Ask for what there is of several events at once."""
        now_s = self._clock()
        left = [
            event
            for event in events
            if (known := self._found.get(event.id)) is None or now_s >= known.until_s
        ]
        if len(self._found) > _KEPT:
            self._found = {}
        for event in left:
            self._found[event.id] = _Found(now_s + FRESH_S)
        for own in (True, False):  # first whoever watches the shard that recorded it, then others
            for place in self._usable():
                asked = [one for one in left if (one.shard == place.shard) is own]
                for begin in range(0, len(asked), PAGE_MAX):
                    found = self._ask_names(place, asked[begin : begin + PAGE_MAX])
                    for id, names in found.items():
                        self._found[id] = _Found(now_s + FRESH_S, tuple(names), place)
                    left = [one for one in left if one.id not in found]

    def names(self, event: EventKey) -> Collection[str]:
        """The files that they have of an event; none, if nobody answers who has it."""
        return self._know(event).names

    def find(self, event: EventKey, name: str) -> RemoteFile | None:
        """One of them; MonitorError if who has it does not answer."""
        found = self._know(event)
        if found.place is None or name not in found.names:
            return None
        path = _path(event, "files", name)
        answer = self._ask(found.place, "HEAD", path)
        if answer is None:
            raise MonitorError(f"{found.place.address} does not answer")
        if answer.status != 200:
            return None
        return self._file(found.place, path, answer, grows=False)

    def ensure_copy(self, event: EventKey) -> None:
        """Let the small copy of an event's clip be there; HTTPException if it is not yet."""
        place = self._know(event).place
        answer = None if place is None else self._ask(place, "POST", _path(event, "copy"))
        if answer is None:
            raise HTTPException(404, "the event has no clip")
        again = {name: answer.headers[name] for name in _AGAIN if name in answer.headers}
        if again or answer.status in _NO_COPY:
            text = answer.body.decode(errors="replace").strip()
            raise HTTPException(answer.status, text, again)
        self._found.pop(event.id, None)  # there is one file more

    def mark(self, event: EventKey) -> None:
        """Keep its evidence where that is, if it is marked; MonitorError if nobody has it now."""
        place = self._know(event).place
        answer = None if place is None else self._ask(place, "POST", _path(event, "marked"))
        if answer is None or answer.status != 204:
            raise MonitorError(f"event {event.id}: no machine that has its evidence answers")

    def teach(self, line: SpanLine) -> None:
        """Have it kept as an event where all of it is recorded; NotRecorded, or MonitorError."""
        start, end = line.start_time, line.end_time
        unclear: dict[Place, str] = {}
        for place, told in self._ask_recorded([line.camera], joined=True):
            if isinstance(told, str):
                unclear[place] = told
            elif any(covers(one, start, end) for one in told.get(line.camera, ())):
                self._have(place, "POST", "/spans", line, 201)
                return
        why = f"no machine that answers has recorded all of {start:%Y-%m-%d %H:%M:%S} to "
        why += "; ".join((f"{end:%H:%M:%S} UTC", *self._silent(unclear)))
        raise NotRecorded(f"camera {line.camera}: {why}")

    def take_back(self, event: EventKey, line: DeletedLine) -> None:
        """Have it deleted where its clip is; MonitorError if nobody has that now, or it fails."""
        place = self._know(event).place
        if place is None:
            raise MonitorError(f"event {event.id}: no machine that has its clip answers")
        self._have(place, "DELETE", _path(event), line, 204)
        self._found.pop(event.id, None)

    def _have(self, place: Place, method: str, path: str, line: BaseModel, done: int) -> None:
        """Have a process do what somebody said; NotRecorded, or MonitorError if it does not."""
        body = line.model_dump_json(exclude_none=True).encode()
        answer = self._ask(place, method, path, body, limit_s=KEEP_S)
        who = f"shard {place.shard} on {place.node}"
        if answer is None:
            raise MonitorError(f"{who} does not answer: look whether it did it")
        if answer.status in (422, 503):
            kind = NotRecorded if answer.status == 422 else MonitorError
            raise kind(answer.body.decode(errors="replace").strip())
        if answer.status != done:
            raise MonitorError(f"{who} cannot do it (HTTP {answer.status})")

    def recorded(self, cameras: Sequence[str], *, joined: bool) -> RecordedElsewhere:
        """What is recorded of cameras; joined: segments that follow one another as one."""
        segments: dict[str, list[SegmentTimes]] = defaultdict(list)
        unclear: dict[Place, str] = {}
        for begin in range(0, len(cameras), CAMERAS_MAX):
            asked = cameras[begin : begin + CAMERAS_MAX]
            for place, told in self._ask_recorded(asked, joined=joined):
                if isinstance(told, str):
                    unclear[place] = told
                    continue
                for camera in asked:
                    segments[camera] += told.get(camera, ())
        return RecordedElsewhere(segments, self._silent(unclear))

    def _ask_recorded(
        self, cameras: Sequence[str], *, joined: bool
    ) -> Iterator[tuple[Place, dict[str, list[SegmentTimes]] | str]]:
        """What each that answers has recorded, by camera; or why it cannot say."""
        body = json.dumps({"cameras": cameras, "joined": joined}).encode()
        for place, answer in self._ask_all(self._usable(), "POST", "/recorded", body):
            if answer is None:
                continue
            try:
                found = _RECORDED.validate_json(answer.body)
            except ValidationError:  # it has no such answer, or one that is too long
                yield place, f"cannot say what it recorded (HTTP {answer.status})"
                continue
            yield place, {name: [_times(*one) for one in times] for name, times in found.items()}

    def find_segment(self, camera: str, stamp: str) -> RemoteFile | None:
        """A segment of a camera; MonitorError if it is perhaps where nobody answers."""
        path = f"/recorded/{quote(camera, safe='')}/{stamp}.mp4"
        likely = self._recorder.get(camera)
        for first in (True, False):
            places = [place for place in self._usable() if (place == likely) is first]
            for place, answer in self._ask_all(places, "HEAD", path):
                if answer is not None and answer.status == 200:
                    self._recorder[camera] = place
                    return self._file(place, path, answer, grows=True)
        if silent := self._silent():
            raise MonitorError(f"camera {camera}: {stamp} is not found: {'; '.join(silent)}")
        return None

    def _silent(self, unclear: Mapping[Place, str] | None = None) -> tuple[str, ...]:
        """Who is not asked or gives no clear answer just now, and why."""
        usable = self._usable()
        why = dict(unclear or {}) | {
            place: "does not answer" for place in self._places() if place not in usable
        }
        return tuple(f"shard {place.shard} on {place.node} {said}" for place, said in why.items())

    def _know(self, event: EventKey) -> _Found:
        self.prepare([event])
        return self._found.get(event.id, _Found(0.0))

    def _ask_names(self, place: Place, events: Sequence[EventKey]) -> dict[str, list[str]]:
        if not events:
            return {}
        body = json.dumps({"ids": [event.id for event in events]}).encode()
        answer = self._ask(place, "POST", "/events", body)
        try:
            found = {} if answer is None else _NAMES.validate_json(answer.body)
        except ValidationError:  # it cannot say just now
            return {}
        return {event.id: found[event.id] for event in events if event.id in found}

    def _file(self, place: Place, path: str, answer: _Answer, *, grows: bool) -> RemoteFile:
        """A file by what was told of it; of one that grows, what there is now, as it was written.

        One that does not grow is read only as long as it is the same.
        """
        tag = answer.headers.get("etag", "")
        size = int(answer.headers.get("content-length", "0"))
        same = {} if grows else {"If-Range": tag}
        return RemoteFile(size, tag, partial(self._read, place, path, same))

    def _read(
        self, place: Place, path: str, same: Mapping[str, str], start: int, end: int
    ) -> bytes:
        """Bytes of a file; MonitorError if it is another one by now, or cannot be had."""
        part = {"Range": f"bytes={start}-{end - 1}"} | dict(same)
        answer = self._ask(place, "GET", path, headers=part)
        if answer is None or answer.status != 206 or len(answer.body) != end - start:
            raise MonitorError(f"evidence at {place.address}: the file has changed, or is gone")
        return answer.body

    def _usable(self) -> list[Place]:
        now_s = self._clock()
        return [
            place
            for place in self._places()
            if now_s - self._spared.get(place.address, -SPARED_S) >= SPARED_S
        ]

    def _ask_all(
        self, places: Sequence[Place], method: str, path: str, body: bytes | None = None
    ) -> list[tuple[Place, _Answer | None]]:
        """The answers of several at once: they take as long as the slowest, not all together."""
        if not places:
            return []
        with ThreadPoolExecutor(min(len(places), AT_ONCE)) as threads:
            answers = threads.map(lambda place: self._ask(place, method, path, body), places)
            return list(zip(places, answers, strict=True))

    def _ask(
        self,
        place: Place,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit_s: float = ANSWER_S,
    ) -> _Answer | None:
        """The answer to a request; None if there is none."""
        host, _, port = place.address.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=limit_s)
        shown = {"Authorization": f"Bearer {place.secret}", "Connection": "close"}
        with closing(connection):
            try:
                connection.request(method, path, body, shown | dict(headers or {}))
                answer = connection.getresponse()
                told = {name.lower(): value for name, value in answer.getheaders()}
                return _Answer(answer.status, told, answer.read(_MOST_BYTES))
            except (OSError, http.client.HTTPException) as error:
                self._spared[place.address] = self._clock()
                text = f"no evidence from shard {place.shard} at {place.address}: {error}"
                self._throttle.log(logging.WARNING, place.address, text)
                return None


def _path(event: EventKey, *parts: str) -> str:
    """An id from an alert log of elsewhere may have any signs."""
    return "/".join(("/events", quote(event.id, safe=""), *(quote(one, safe="") for one in parts)))


def _times(start_ms: int, end_ms: int) -> SegmentTimes:
    return SegmentTimes(moment_of(start_ms), moment_of(max(start_ms, end_ms)))
