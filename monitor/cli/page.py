"""The process of the page: python -m monitor.cli.page [LISTENING] LINK.

Both are descriptors that it inherits. Without the first it serves no page, only what the page over
all shards asks for.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console

from monitor.cli.command import exit_codes, start_logging
from monitor.cli.node import NodeListener
from monitor.cli.serving import Server, quieten, serving
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

END_S = 4.0  # that requests have, once the watching process is gone


def main() -> None:
    """Serve until the watching process is gone, or says so."""
    # Ctrl-C and a closed terminal are for the watching process, which ends this one.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False, patient=False)
        quieten()
        settings = WebSettings.model_validate_json(sys.stdin.buffer.read())
        *served, link = (socket.socket(fileno=int(one)) for one in sys.argv[1:])
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
        try:
            _serve(web, next(iter(served), None), link)
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


def _serve(web: WebState, listening: socket.socket | None, link: socket.socket) -> None:
    asyncio.run(_run(web, listening, link))


async def _run(web: WebState, listening: socket.socket | None, link: socket.socket) -> None:
    """Serve the page, if there is an address for it, and what the page over all shards asks for."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    node = NodeListener(web)
    server = None
    if listening is not None:
        config = serving(make_app(web), web.settings.certificate, web.settings.key)
        server = Server(config, web.live, signal.SIGTERM)

    def stop() -> None:
        ended.set()
        if server is not None:
            server.should_exit = True
        # A request that hangs must not outlive the watching.
        late = threading.Timer(END_S, os._exit, (1,))
        late.daemon = True
        late.start()

    def renew(settings: bytes) -> None:
        web.renew(settings)
        node.begin()

    web.live.on_settings = renew
    following = asyncio.create_task(web.live.follow(link, stop))
    node.begin()
    if server is not None and listening is not None:
        await server.serve(sockets=[listening])
    else:
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        await web.live.end()
    following.cancel()
    await node.close()


if __name__ == "__main__":
    try:
        main()
    except typer.Exit as end:  # it was told why
        sys.exit(end.exit_code)
