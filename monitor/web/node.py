"""What a process that watches a shard serves: to the page over all shards, and to nobody else.

Pictures of its cameras, evidence of events, by their ids, and what is recorded all the time, by
cameras. It keeps what is taught from that. Whoever asks shows the secret that stands in the event
store beside the address.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Any, TypeVar

from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope
from starlette.types import Send as SendMessage
from starlette.websockets import WebSocket, WebSocketDisconnect

from monitor.errors import MonitorError
from monitor.evidence.folder import EventFiles
from monitor.evidence.segments import NotRecorded, Recorded, SegmentTimes, recorded
from monitor.link import pack
from monitor.store.event import PAGE_MAX, EventFilter, Origin, milliseconds
from monitor.store.journal import DeletedLine, SpanLine
from monitor.store.store import UnknownEvent
from monitor.web.live import LiveState, Look, Video
from monitor.web.media import EvidenceFile
from monitor.web.recordings import find_here, segments_here
from monitor.web.state import WebState, state_of

LIMIT_S = 5.0  # after which a socket is looked at, though nothing came
CAMERAS_MAX = 100  # whose recordings are told at once
SEND_S = 10.0  # that a page has to take what is sent to it; then its socket is closed
_Form = TypeVar("_Form", bound=BaseModel)
_GONE = (WebSocketDisconnect, RuntimeError, TimeoutError)


class Asked(BaseModel):
    """Events of which it is asked what there is."""

    ids: list[str] = Field(max_length=PAGE_MAX)


class AskedRecordings(BaseModel):
    """The cameras whose recordings are asked for."""

    cameras: list[str] = Field(max_length=CAMERAS_MAX)
    joined: bool  # whether segments that follow one another are told as one


def make_node_app(web: WebState, secret: str) -> ASGIApp:
    """It, for those who know the secret."""
    app = Starlette(
        routes=[
            WebSocketRoute("/link", follow),
            Route("/events", list_files, methods=["POST"]),
            Route("/events/{id}/marked", take_mark, methods=["POST"]),
            Route("/events/{id}/copy", make_copy, methods=["POST"]),
            Route("/events/{id}/files/{name}", give_file),
            Route("/events/{id}", take_back_event, methods=["DELETE"]),
            Route("/spans", teach_span, methods=["POST"]),
            Route("/recorded", list_recorded, methods=["POST"]),
            Route("/recorded/{camera}/{stamp}.mp4", give_segment),
        ],
        exception_handlers={
            UnknownEvent: _unknown,
            NotRecorded: _not_recorded,
            MonitorError: _failed,
        },
    )
    app.state.web = web
    return OnlyWith(app, secret)


class OnlyWith:
    """Lets nobody in who does not show the secret, as `Authorization: Bearer SECRET`."""

    def __init__(self, app: ASGIApp, secret: str) -> None:
        self._app = app
        self._wanted = f"Bearer {secret}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: SendMessage) -> None:
        """Serve one request or socket."""
        if scope["type"] in ("http", "websocket"):
            shown = Headers(scope=scope).get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(shown, self._wanted):
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                else:
                    await PlainTextResponse("the secret is needed\n", 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def give_file(request: Request) -> Response:
    """A file of an event, or the part of it that is asked for."""
    files = _files(request)
    found = [path for path in files.evidence if path.name == request.path_params["name"]]
    if not found or not found[0].is_file():
        raise HTTPException(404, "there is no such file")
    return EvidenceFile(found[0])


def make_copy(request: Request) -> Response:
    """Let the small copy of an event's clip be there; 503 with Retry-After while it is made."""
    state_of(request).copies.ensure(_files(request))
    return Response(status_code=204)


def take_mark(request: Request) -> Response:
    """Keep the evidence of an event if the event is marked, else no longer."""
    _files(request)
    web = state_of(request)
    web.mark(web.store.event(request.path_params["id"]))
    return Response(status_code=204)


async def teach_span(request: Request) -> Response:
    """Keep a span that is recorded here as an event, as somebody taught it."""
    line = await _asked(request, SpanLine, "camera, times and who taught it")
    try:
        await run_in_threadpool(state_of(request).teach_here, line)
    except ValueError:
        raise HTTPException(422, "no event has such an id") from None
    return Response(status_code=201)


async def take_back_event(request: Request) -> Response:
    """Delete an event that was taught, and whose clip is here."""
    line = await _asked(request, DeletedLine, "its id and who takes it back")
    if line.id != request.path_params["id"]:
        raise HTTPException(422, "it is said of another event")

    def delete() -> None:
        _files(request)
        web = state_of(request)
        web.take_back_here(web.store.event(line.id), line)

    await run_in_threadpool(delete)
    return Response(status_code=204)


def _files(request: Request) -> EventFiles:
    """Of the event that an address names; 404 if there is no evidence of it here."""
    web = state_of(request)
    files = web.files(web.store.event(request.path_params["id"]))
    if files is None or not files.there:
        raise HTTPException(404, "there is no evidence of it here")
    return files


async def _asked(request: Request, form: type[_Form], needed: str) -> _Form:
    """What a request asks for; 422 if it is not of the form."""
    try:
        return form.model_validate_json(await request.body())
    except ValidationError:
        raise HTTPException(422, f"{needed} are needed") from None


async def list_files(request: Request) -> Response:
    """The names of the files that there are of some events, by their ids."""
    asked = await _asked(request, Asked, "ids of events")
    web = state_of(request)

    def found() -> dict[str, list[str]]:
        files = {event.id: web.files(event) for event in web.store.some(asked.ids)}
        return {
            id: [path.name for path in one.evidence if path.is_file()]
            for id, one in files.items()
            if one is not None and one.there
        }

    return JSONResponse(await run_in_threadpool(found))


async def list_recorded(request: Request) -> Response:
    """What is recorded of some cameras: starts and ends in ms since 1970, by camera."""
    asked = await _asked(request, AskedRecordings, "names of cameras")
    web = state_of(request)

    def found() -> dict[str, list[tuple[int, int]]]:
        return {
            camera: [(milliseconds(one.start), milliseconds(one.end)) for one in times]
            for camera in asked.cameras
            if (times := _times(web, camera, joined=asked.joined))
        }

    return JSONResponse(await run_in_threadpool(found))


def _times(web: WebState, camera: str, *, joined: bool) -> Sequence[SegmentTimes | Recorded]:
    segments = segments_here(web, camera)
    return recorded(segments) if joined else segments


def give_segment(request: Request) -> Response:
    """A segment of what is recorded, or the part of it that is asked for."""
    found = find_here(state_of(request), **request.path_params)
    if found is None:
        raise HTTPException(404, "there is no such segment")
    return EvidenceFile(found.path)


def keep_marked(web: WebState) -> None:
    """Keep the evidence of what was marked while this process could not be told; StoreError."""
    for event in web.store.all(EventFilter(marked=True, origin=tuple(Origin))):
        files = web.files(event)
        if files is not None and files.there and not files.keep.exists():
            web.mark(event)


async def follow(socket: WebSocket) -> None:
    """Pictures, video and alerts, as `monitor.link` has messages; it sends what it looks at."""
    live = state_of(socket).live
    await socket.accept()
    viewer = _Viewer(socket, live)
    with suppress(*_GONE, ValueError), viewer.looks:
        sending = asyncio.create_task(viewer.send())
        try:
            while True:
                viewer.look(await socket.receive_json())
                await live.told_anew()  # it may wait for what is known already
        finally:
            sending.cancel()


class _Viewer:
    """One page over all shards."""

    def __init__(self, socket: WebSocket, live: LiveState) -> None:
        self._socket = socket
        self._live = live
        self.looks = ExitStack()  # as whom it counts among those who look
        self._wanted: dict[Look, frozenset[str]] = {}
        self._stills: dict[str, int] = {}  # numbers of those that were sent
        self._videos: dict[str, tuple[Video, int]] = {}  # and of the fragment that comes next

    def look(self, order: dict[str, Any]) -> None:
        """Follow its newest order."""
        wanted = {look: frozenset(map(str, order.get(look.value, ()))) for look in Look}
        looks = ExitStack()
        for look, cameras in wanted.items():
            looks.enter_context(self._live.looking(cameras, look))
        self.looks.close()  # after the new ones: a camera that stays is not let go
        self.looks.push(looks.pop_all())
        self._wanted = wanted

    async def send(self) -> None:
        """Send what comes, until it is gone."""
        live, told, alerts = self._live, 0, self._live.alerts
        with suppress(*_GONE):
            while not live.ended:
                for alert in live.alerts_after(alerts):
                    await self._send({"type": "alert", "alert": alert})
                alerts = live.alerts
                await self._send_stills()
                await self._send_videos()
                told = await live.changed(told, LIMIT_S)
            await self._socket.close()

    async def _send_stills(self) -> None:
        wanted = self._wanted.get(Look.STILLS, frozenset())
        for camera in wanted | self._wanted.get(Look.PICTURES, frozenset()):
            still = self._live.stills.get(camera)
            if still is not None and still.number != self._stills.get(camera):
                self._stills[camera] = still.number
                size = {"width": still.width, "height": still.height}
                await self._send({"type": "still", "camera": camera} | size, still.data)

    async def _send_videos(self) -> None:
        wanted = self._wanted.get(Look.VIDEO, frozenset())
        self._videos = {camera: one for camera, one in self._videos.items() if camera in wanted}
        for camera in wanted:
            video = self._live.videos.get(camera)
            if video is None:
                continue
            head = {"type": "video", "camera": camera}
            shown, number = self._videos.get(camera, (None, 0))
            if shown is not video:
                number = video.first
                await self._send(head | {"codec": video.codec}, video.beginning)
            while number < video.first + len(video.fragments):
                number = max(number, video.first)
                key = number == video.first
                await self._send(head | {"key": key}, video.fragments[number - video.first])
                number += 1
            self._videos[camera] = video, number

    async def _send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """TimeoutError if the page does not take it in time."""
        async with asyncio.timeout(SEND_S):
            await self._socket.send_bytes(pack(head, body))


async def _unknown(request: HTTPConnection, error: Exception) -> Response:
    return PlainTextResponse("there is no such event\n", 404)


async def _not_recorded(request: HTTPConnection, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 422)


async def _failed(request: HTTPConnection, error: Exception) -> Response:
    return PlainTextResponse(f"{error}\n", 503)
