"""The connection of the page over all shards to a process that watches one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from monitor.link import LinkClosed, unpack
from monitor.throttle import LogThrottle

log = logging.getLogger(__name__)

OPEN_S = 5.0
RETRY_S = 2.0

Take = Callable[[dict[str, Any], bytes], Awaitable[None]]


class NodeLink:
    """Tells a process what is looked at, and takes what it sends, until `close`."""

    def __init__(self, address: str, secret: str, order: dict[str, list[str]], take: Take) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._order = order
        self._take = take
        self._ordered = asyncio.Event()
        self._throttle = LogThrottle(log)
        self._task = asyncio.create_task(self._run())

    def look(self, order: dict[str, list[str]]) -> None:
        """Tell it what is looked at from now on."""
        if order != self._order:
            self._order = order
            self._ordered.set()

    def close(self) -> None:
        """End; twice is fine."""
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            try:
                async with connect(
                    f"ws://{self._address}/link",
                    additional_headers=self._headers,
                    open_timeout=OPEN_S,
                    compression=None,
                    max_size=None,
                    proxy=None,
                ) as socket:
                    await self._follow(socket)
            except (OSError, WebSocketException, LinkClosed, TimeoutError) as error:
                why = str(error) or type(error).__name__
                text = f"no pictures from {self._address}: {why}"
                self._throttle.log(logging.WARNING, "link", text)
            except Exception:  # of a task that nobody waits for
                log.exception("the link to %s failed", self._address)
            await asyncio.sleep(RETRY_S)

    async def _follow(self, socket: ClientConnection) -> None:
        ordering = asyncio.create_task(self._give_orders(socket))
        try:
            async for message in socket:
                if isinstance(message, bytes):
                    await self._take(*unpack(message))
        finally:
            ordering.cancel()

    async def _give_orders(self, socket: ClientConnection) -> None:
        while True:
            self._ordered.clear()
            await socket.send(json.dumps(self._order))
            await self._ordered.wait()
