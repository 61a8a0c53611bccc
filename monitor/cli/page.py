"""The process of the page: python -m monitor.cli.page LISTENING LINK, descriptors it inherits."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import typer
import uvicorn
from fastapi import FastAPI
from rich.console import Console
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.cli.command import exit_codes, start_logging
from monitor.evidence.stored_evidence import StoredEvidence
from monitor.health.status import WATCHED
from monitor.states import SkipReason
from monitor.store.database import StoreError
from monitor.store.journal import Journal, journal_path
from monitor.store.rebuild import KeptStore
from monitor.store.skips import SkipLog, WindowCounts
from monitor.store.states import StateLog
from monitor.store.tables import pairs
from monitor.throttle import LogThrottle
from monitor.web.app import make_app
from monitor.web.copies import Copies
from monitor.web.live import LiveState
from monitor.web.sessions import Sessions
from monitor.web.settings import WebSettings
from monitor.web.state import WebState
from monitor.web.users import Users

log = logging.getLogger(__name__)

REQUEST_S = 10.0  # that a new connection has for its first request
END_S = 4.0  # that requests have, once the watching process is gone


def main() -> None:
    """Serve until the watching process is gone, or says so."""
    # Ctrl-C and a closed terminal are for the watching process, which ends this one.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False, patient=False)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.error").addFilter(_Seldom())
        settings = WebSettings.model_validate_json(sys.stdin.buffer.read())
        listening = socket.socket(fileno=int(sys.argv[1]))
        link = socket.socket(fileno=int(sys.argv[2]))
        store = KeptStore(settings.store, settings.log)
        users = None if settings.users is None else Users(settings.users)
        web = WebState(
            settings,
            store,
            Journal(journal_path(settings.log)),
            LiveState(),
            users,
            None if users is None else Sessions(users),
            Copies(settings.min_free_gib),
            () if settings.copies is None else (StoredEvidence(settings.copies),),
        )
        web.guard_store()
        recorder = _Recorder(web)
        web.live.on_told = recorder.note
        web.live.on_settings = web.renew
        try:
            _serve(web, listening, link)
        finally:
            web.copies.close()
            recorder.close()
            web.store.close()
            web.journal.close()


class _Recorder:
    """Records how the cameras do, what of them was not classified, and which models watch them."""

    def __init__(self, web: WebState) -> None:
        self._web = web
        self._states = StateLog(web.store)
        self._models = StateLog(web.store, pairs)
        self._skips = SkipLog(web.store)
        self._throttle = LogThrottle(log)

    def note(self, health: dict[str, Any], states: dict[str, dict[str, Any]]) -> None:
        """Take what the watching process says each second."""
        now = datetime.now(UTC)
        found = {name: (one["state"], _cause(one)) for name, one in states.items()}
        counted = {
            one["name"]: WindowCounts(one["windows"], one["dropped"]) for one in health["cameras"]
        }
        settings = self._web.settings
        tried = {one.name: one.tried for one in settings.cameras if one.tried is not None}
        models = {name: (one.model.sha256, one.shadow.sha256) for name, one in tried.items()}
        self._try("states", lambda: self._states.note(found, now))
        self._try("models", lambda: self._models.note(models, now, settings.since))
        self._try("skipped windows", lambda: self._skips.note(counted, now))

    def close(self) -> None:
        """Write what is left."""
        self._try("skipped windows", self._skips.close)

    def _try(self, what: str, act: Callable[[], object]) -> None:
        try:
            act()
        except StoreError as error:
            self._throttle.log(logging.WARNING, what, f"{error}; {what} are not recorded")


def _cause(camera: dict[str, Any]) -> str:
    """Why a camera is not watched or gives no windows; windows that are skipped are counted."""
    watched, cause = camera["state"] in WATCHED, str(camera["cause"])
    return "" if watched and cause != SkipReason.NO_WINDOWS else cause


class _Seldom(logging.Filter):
    """Makes repeated lines of the server one counted line: every refused connection brings one."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle(log)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged, with how often it came."""
        text = self._throttle.due(str(record.msg), record.getMessage())
        if text is not None:
            record.msg, record.args = text, None
        return text is not None


class _Server(uvicorn.Server):
    """Takes SIGTERM alone for its end; then it lets go of those who wait for changes."""

    def __init__(self, config: uvicorn.Config, live: LiveState) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; open sockets first, which would else be cut off."""
        await self._live.end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Inside the block the server ends by it."""
        signal.signal(signal.SIGTERM, self.handle_exit)
        yield


class _Connection(H11Protocol):
    """Closes a connection on which no whole request comes for some time."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(REQUEST_S, self._give_up)

    def _give_up(self) -> None:
        if self.transport is None or self.transport.get_protocol() is not self:  # a WebSocket now
            return
        if self.cycle is None:
            self.transport.close()


def _serve(web: WebState, listening: socket.socket, link: socket.socket) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(web.live.follow(link, stop))
        yield
        following.cancel()

    def stop() -> None:
        server.should_exit = True
        # A request that hangs must not outlive the watching.
        late = threading.Timer(END_S, os._exit, (1,))
        late.daemon = True
        late.start()

    config = uvicorn.Config(
        make_app(web, lifespan),
        log_config=None,
        http=_Connection,
        access_log=False,
        timeout_graceful_shutdown=1,
        ws_per_message_deflate=False,  # JPEGs do not get smaller
        server_header=False,
        limit_concurrency=1000,
        ssl_certfile=web.settings.certificate,
        ssl_keyfile=web.settings.key,
    )
    server = _Server(config, web.live)
    asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    try:
        main()
    except typer.Exit as end:  # it was told why
        sys.exit(end.exit_code)
