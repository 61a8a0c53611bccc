"""The application: routes, and what becomes of errors."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response

from monitor import __version__
from monitor.errors import MonitorError
from monitor.evidence.segments import NotRecorded
from monitor.store.store import UnknownEvent
from monitor.web import adding, api, login, media, pages, recorded, shadows, sockets
from monitor.web.access import check_routes
from monitor.web.html import error_page
from monitor.web.security import Guard
from monitor.web.state import WebState, state_of

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
STATIC = Path(__file__).with_name("static")

_LONGEST = 500  # characters of an error


def make_app(web: WebState) -> FastAPI:
    """The page and its API; RuntimeError if a route does not say whom it lets in."""
    app = FastAPI(
        title="har-monitor",
        version=__version__,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.web = web
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(api.router)
    app.include_router(shadows.router)
    app.include_router(adding.router)
    app.include_router(media.router)
    app.include_router(recorded.router)
    app.include_router(sockets.router)
    app.include_router(login.router)
    app.include_router(pages.router)
    app.add_api_route("/healthz", _alive, include_in_schema=False)
    app.add_api_route("/readyz", _ready, include_in_schema=False)
    app.add_exception_handler(UnknownEvent, _unknown_event)
    app.add_exception_handler(NotRecorded, _not_recorded)
    app.add_exception_handler(MonitorError, _failed)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_middleware(Guard, hosts=(*LOCAL_HOSTS, web.settings.host, *web.settings.hosts))
    check_routes(app.routes)
    return app


async def _alive() -> PlainTextResponse:
    """The process of the page answers."""
    return PlainTextResponse("ok\n")


def _ready(request: Request) -> PlainTextResponse:
    """The store answers, and the watching process says how it does."""
    web = state_of(request)
    web.store.count(most=1)
    if not web.live.health:
        return PlainTextResponse("nothing is known of the cameras yet\n", 503)
    return PlainTextResponse("ok\n")


async def _unknown_event(request: Request, error: Exception) -> Response:
    return _error(request, 404, f"there is no event {error.args[0]}; it may have been pruned")


async def _not_recorded(request: Request, error: Exception) -> Response:
    return _error(request, 422, str(error))


async def _failed(request: Request, error: Exception) -> Response:
    """The store, or the disk."""
    return _error(request, 503, str(error))


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [
        f"{'.'.join(map(str, one['loc'][1:])) or one['loc'][0]}: {one['msg'].lower()}"
        for one in error.errors()
    ]
    return _error(request, 422, "; ".join(faults)[:_LONGEST])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = _error(request, error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _error(request: Request, code: int, text: str) -> Response:
    """An error as whoever asked can read it: a person or a program."""
    if "text/html" in request.headers.get("accept", ""):
        if code == 401:
            return RedirectResponse(login.login_address(request), 303)
        return error_page(request, code, text)
    return JSONResponse({"detail": text}, code)
