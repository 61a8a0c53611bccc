"""What a browser is told and asked, so that no other page can use this one."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
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

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    own.setdefault(name, value)
                own.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _fault(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if _name(f"//{host}") not in self._hosts:
            return "unknown host name: name it under web.hosts"
        writes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
        if writes and (foreign or site not in ("same-origin", "none")):
            return "a foreign page may not do this"
        return None

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send, fault: str) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": fault})
            return
        await PlainTextResponse(fault, 403, dict(_HEADERS))(scope, receive, send)


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
