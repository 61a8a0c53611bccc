"""Logging in and out."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from monitor.names import printable
from monitor.web.html import render
from monitor.web.sessions import COOKIE, LONGEST_S
from monitor.web.state import state_of

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)

_FORM_MAX = 4096  # bytes


def login_address(request: Request) -> str:
    """Where to log in, to come back to what was asked for."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(asked, safe='')}"


@router.get("/login")
def login_form(request: Request, next: str = "/") -> HTMLResponse:
    """The form."""
    return _form(request, next)


@router.post("/login")
async def login(request: Request) -> Response:
    """Begin a session."""
    web = state_of(request)
    fields = parse_qs((await _body(request)).decode("utf-8", "replace"))
    name, password, following = (
        fields.get(field, [""])[0] for field in ("name", "password", "next")
    )
    if web.sessions is None:
        return RedirectResponse("/", 303)
    address = request.client.host if request.client else ""
    if (wait_s := web.sessions.wait_s(name, address)) > 0:
        log.warning("login of %s from %s refused: too many have failed", printable(name), address)
        return _form(request, following, f"Too many tries. Wait {wait_s:.0f} s.", 429)
    token = await run_in_threadpool(web.sessions.login, name, password, address)
    if token is None:
        log.warning("login of %s from %s failed", printable(name), address)
        return _form(request, following, "The name or the password is wrong.", 401)
    log.info("login of %s from %s", name, address)
    answer = RedirectResponse(_inside(following), 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(LONGEST_S),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/logout")
def logout(request: Request) -> Response:
    """End the session."""
    web = state_of(request)
    token = request.cookies.get(COOKIE)
    if web.sessions is not None and token:
        user = web.sessions.user(token)
        web.sessions.logout(token)
        if user is not None:
            log.info("logout of %s", user.name)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE)
    return answer


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _FORM_MAX:
            return b""
    return body


def _inside(address: str) -> str:
    """The address, if it is one of this page; the first page if it leads elsewhere."""
    parts = urlsplit(address.replace("\\", "/"))
    inside = not parts.scheme and not parts.netloc and address.startswith("/")
    return address if inside and not address.startswith("//") and address.isprintable() else "/"


def _form(request: Request, following: str, fault: str = "", code: int = 200) -> HTMLResponse:
    return render(request, "login", code, following=_inside(following), fault=fault, alive=True)
