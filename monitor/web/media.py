"""The evidence of events, by their ids: no path comes from outside."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.types import Message, Receive, Scope, Send

from monitor.evidence.folder import EventFiles
from monitor.evidence.places import RemoteFile
from monitor.store.event import Event
from monitor.web.access import Viewer
from monitor.web.remote import remote_response
from monitor.web.state import WebState

router = APIRouter(prefix="/media", include_in_schema=False)

Kind = Literal["clip.mp4", "h264.mp4", "snapshot.jpg", "thumbnail.jpg", "strip.jpg"]
_COPY: Kind = "h264.mp4"
_OPEN = "no-cache"  # a clip grows, and a picture is replaced: asked for again by its ETag
_KEPT = "private, max-age=86400"
_GROWS = timedelta(minutes=10)  # after the end, too: it shows what came then, and evidence may wait


class EvidenceFile(FileResponse):
    """A file that may be deleted at any moment: a 404, if it is before it is opened."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and begin to only when there is something of the file."""
        begin: Message | None = None

        async def send_opened(message: Message) -> None:
            nonlocal begin
            if message["type"] == "http.response.start":
                begin = message
                return
            if begin is not None:
                await send(begin)
                begin = None
            await send(message)

        try:
            self.stat_result = await asyncio.to_thread(Path(self.path).stat)
            self.set_stat_headers(self.stat_result)
            await super().__call__(scope, receive, send_opened)
        except FileNotFoundError:
            raise HTTPException(404, "it has just been deleted") from None


@router.get("/{id}/{kind}")
def get_media(request: Request, visit: Viewer, id: str, kind: Kind) -> Response:
    """A file of an event, or the part of it that is asked for."""
    event = visit.event(id)
    files = visit.web.files(event)
    if files is not None and kind == _COPY:
        _ensure_copy(visit.web, event, files)
    path = None if files is None else _paths(files)[kind]
    found = None if path is None else visit.web.finder.find(event, path)
    if path is None or found is None:
        raise HTTPException(404, f"event {id} has no {kind}")
    mime = "video/mp4" if path.suffix == ".mp4" else "image/jpeg"
    name = f"{event.camera} {event.at:%Y-%m-%d %H.%M.%S} {event.label} {kind}"
    response: Response
    if isinstance(found, RemoteFile):
        response = remote_response(found, mime, request.headers)
    else:
        response = EvidenceFile(
            found, media_type=mime, filename=name, content_disposition_type="inline"
        )
    is_new = datetime.now(UTC) - (event.end_time or event.at) < _GROWS
    is_open = event.open or is_new or kind == _COPY
    response.headers["cache-control"] = _OPEN if is_open else _KEPT
    return response


class Media(BaseModel):
    """The addresses of an event's evidence; null for what there is not."""

    clip: str | None = None
    h264: str | None = None  # a small copy of the clip, if that is H.265; made when it is asked for
    snapshot: str | None = None
    thumbnail: str | None = None
    strip: str | None = None


def media_of(web: WebState, *events: Event) -> list[Media]:
    """The evidence that there is of each event."""
    web.finder.prepare(events)
    return [_media_of(web, event) for event in events]


def _media_of(web: WebState, event: Event) -> Media:
    files = web.files(event)
    if files is None:
        return Media()
    paths = _paths(files)
    there = web.finder.there(event, [path for kind, path in paths.items() if kind != _COPY])
    return Media.model_validate(
        {
            kind.partition(".")[0]: f"/media/{event.id}/{kind}"
            for kind, path in paths.items()
            if (_is_copyable(web, event, files) if kind == _COPY else path in there)
        }
    )


def _paths(files: EventFiles) -> dict[Kind, Path]:
    return {
        "clip.mp4": files.clip,
        "h264.mp4": files.copy,
        "snapshot.jpg": files.snapshot,
        "thumbnail.jpg": files.thumbnail,
        "strip.jpg": files.strip,
    }


def _is_copyable(web: WebState, event: Event, files: EventFiles) -> bool:
    """Whether its clip is here, or with somebody who can make a copy of it."""
    kept = web.keeper is not None and files.clip.name in web.keeper.names(event)
    return kept or files.clip.is_file()


def _ensure_copy(web: WebState, event: Event, files: EventFiles) -> None:
    if web.keeper is None or files.clip.is_file():
        web.copies.ensure(files)
    else:
        web.keeper.ensure_copy(event)
