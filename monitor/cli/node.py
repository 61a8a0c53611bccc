"""Where a process that watches a shard listens for the page over all shards."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from contextlib import suppress

from monitor.cli.serving import Server, serving
from monitor.errors import MonitorError
from monitor.listening import authority, listen, local_address
from monitor.store.database import StoreError, server
from monitor.throttle import LogThrottle
from monitor.web.node import keep_marked, make_node_app
from monitor.web.state import WebState

log = logging.getLogger(__name__)

LOCAL = "127.0.0.1"  # for a store on this machine
RETRY_S = 10.0
MARKED_S = 3600.0  # from one look for events that were marked to the next


class NodeListener:
    """Listens, once the lease is held, at the address from which the event store is reached.

    All within one event loop.
    """

    def __init__(self, web: WebState) -> None:
        self._web = web
        self._server: Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._throttle = LogThrottle(log)

    def begin(self) -> None:
        """Listen if the lease is held; again is fine."""
        if self._task is None and self._web.settings.lease is not None:
            self._task = asyncio.create_task(self._serve())

    async def close(self) -> None:
        """End; twice is fine."""
        if self._task is None:
            return
        if self._server is None:
            self._task.cancel()
        else:
            self._server.should_exit = True
        with suppress(asyncio.CancelledError):
            await self._task

    async def _serve(self) -> None:
        try:
            await self._listen_and_serve()
        except Exception:  # of a task that nobody waits for
            log.exception("the listener for the page over all shards failed")

    async def _listen_and_serve(self) -> None:
        while True:
            try:
                listening = await asyncio.to_thread(_listen, self._web.settings.store)
                break
            except MonitorError as error:
                log.warning("the page over all shards cannot reach this one: %s", error)
                await asyncio.sleep(RETRY_S)
        secret = secrets.token_urlsafe(32)
        self._server = Server(serving(make_node_app(self._web, secret)), self._web.live)
        self._web.live.tell_listening(authority(*listening.getsockname()[:2]), secret)
        marking = asyncio.create_task(self._keep_marked())
        await self._server.serve(sockets=[listening])
        marking.cancel()

    async def _keep_marked(self) -> None:
        while True:
            try:
                await asyncio.to_thread(keep_marked, self._web)
            except (StoreError, OSError) as error:
                text = f"evidence of marked events: {error}; it is looked for again"
                self._throttle.log(logging.WARNING, "marked", text)
            await asyncio.sleep(MARKED_S)


def _listen(store: str) -> socket.socket:
    """At the address of this machine from which a store is reached; MonitorError."""
    there = server(store)
    host = LOCAL if there is None else local_address(*there)
    return listen("listener of the shard", host, 0, "no port is free")
