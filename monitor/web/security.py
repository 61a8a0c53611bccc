"""What a browser is told and asked, so that no other page can use this one."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # without a referrer, browsers send forms from no origin
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
BODY_MAX = 256 * 1024  # bytes of a request
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))


class Guard:
    """Refuses requests under a foreign name or from a foreign page, and sets the headers.

    A foreign name: DNS that leads here (rebinding). A foreign page: one that writes, or opens a
    socket, from another origin.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (fault := self._fault(scope, headers)) is not None:
            await self._refuse(scope, receive, send, fault)
            return

        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own.setdefault(name, value)
                own.setdefault("cache-control", "no-store")
            await send(message)

        got = 0

        async def receive_guarded() -> Message:
            nonlocal got
            message = await receive()
            if message["type"] == "http.request":
                got += len(message.get("body", b""))
                if got > BODY_MAX:
                    raise _TooLongError
            return message

        try:
            length = headers.get("content-length", "0")
            if length.isdecimal() and int(length) > BODY_MAX:
                raise _TooLongError
            await self._app(scope, receive_guarded, send_guarded)
        except _TooLongError:
            if not begun:
                text = f"a request has at most {BODY_MAX} bytes"
                await self._refuse(scope, receive, send, text, 413)
        except Exception:
            log.exception("%s %s failed", scope.get("method", "socket"), scope["path"])
            if not begun:
                await self._refuse(scope, receive, send, "this failed; the log says why", 500)

    def _fault(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "").lower()
        if (named := _HOST.fullmatch(host)) is None or named[1].strip("[]") not in self._hosts:
            return "unknown host name: name it under web.hosts"
        writes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and _place(origin) != host
        if writes and (foreign or site not in ("same-origin", "none")):
            return "a foreign page may not do this"
        return None

    @staticmethod
    async def _refuse(
        scope: Scope, receive: Receive, send: Send, fault: str, code: int = 403
    ) -> None:
        if scope["type"] == "websocket":
            with suppress(RuntimeError):  # it may be closed already
                await send({"type": "websocket.close", "code": 1008, "reason": fault})
            return
        headers = _HEADERS | {"cache-control": "no-store"}
        await PlainTextResponse(f"{fault}\n", code, headers)(scope, receive, send)


class _TooLongError(Exception):
    """A request's body is too long."""


def _place(origin: str) -> str:
    """Host and port of an origin; empty if it is none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
