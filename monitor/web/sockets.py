"""WebSockets: the wall of stills, and the camera that somebody watches."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect

from monitor.web.access import Visit, needs
from monitor.web.users import Role

router = APIRouter()

_GONE = (WebSocketDisconnect, RuntimeError, TimeoutError)

SEND_S = 10.0  # that a browser has to take what is sent to it; then its socket is closed
LIMIT_S = 5.0  # after which a socket is sent to, though nothing came: so it is known if it is gone


@router.websocket("/live")
async def live(
    socket: WebSocket,
    visit: Annotated[Visit, Depends(needs(Role.VIEWER))],
    watch: str = "",
) -> None:
    """States as text, and stills as bytes: lengths of the JSON head, the head, and the JPEG.

    With `watch`, of that camera alone, larger and often: it is woken if it is idle.
    """
    web = visit.web
    names = [watch] if watch else [one.name for one in web.settings.cameras]
    seen = frozenset(name for name in names if web.camera(name) and visit.user.sees(name))
    await socket.accept()
    sent: dict[str, int] = {}
    with web.live.looking(seen, watched=bool(watch)), suppress(*_GONE):
        await _show(socket, visit, seen, sent)  # until it is gone


async def _show(
    socket: WebSocket, visit: Visit, seen: frozenset[str], sent: dict[str, int]
) -> None:
    live, said, told = visit.web.live, "", 0

    async def send(data: str | bytes) -> None:
        async with asyncio.timeout(SEND_S):
            await (socket.send_text(data) if isinstance(data, str) else socket.send_bytes(data))

    while visit.holds:
        states = {name: one for name, one in live.states.items() if name in seen}
        text = json.dumps({"states": states, "alerts": live.alerts, "alive": live.connected})
        if text != said:
            said = text
            await send(text)
        for name in seen:
            still = live.stills.get(name)
            if still is not None and still.number != sent.get(name):
                sent[name] = still.number
                head = {"camera": name, "width": still.width, "height": still.height}
                packed = json.dumps(head).encode()
                await send(len(packed).to_bytes(2, "big") + packed + still.data)
        before, told = told, await live.changed(told, LIMIT_S)
        if told == before:
            await send("{}")
    await socket.close(1008)
