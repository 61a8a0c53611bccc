"""WebSockets: the wall of stills, and the camera that somebody watches."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from monitor.web.access import Viewer, Visit
from monitor.web.live import Look

router = APIRouter()

_GONE = (WebSocketDisconnect, RuntimeError, TimeoutError)

SEND_S = 10.0  # that a browser has to take what is sent to it; then its socket is closed
VIDEO_S = 3.0  # after which a camera that has sent no video is said to have none
LIMIT_S = 5.0  # after which a socket is sent to, though nothing came: so it is known if it is gone


@router.websocket("/live")
async def live(
    socket: WebSocket,
    visit: Viewer,
    camera: str = "",
    watch: str = "",
) -> None:
    """States as text, and stills as bytes: length of the JSON head, the head, and the JPEG.

    With `camera`, of that camera alone. With `watch`, the same, larger and often: it is woken.
    """
    wanted = watch or camera
    seen = frozenset(one.name for one in visit.cameras if wanted in ("", one.name))
    await socket.accept()
    sent: dict[str, int] = {}
    look = Look.PICTURES if watch else Look.STILLS
    with visit.web.live.looking(seen, look), suppress(*_GONE):
        await _show(socket, visit, seen, sent)  # until it is gone


@router.websocket("/video")
async def video(socket: WebSocket, visit: Viewer, camera: str) -> None:
    """A camera's H.264 for Media Source: its codec as text, then fragmented MP4 as bytes.

    A new connection of the camera begins with its codec again. `{"codec": null}`: there is none.
    """
    web = visit.web
    await socket.accept()
    if web.camera(camera) is None or not visit.user.sees(camera):
        await socket.close(1008)
        return
    with web.live.looking(frozenset((camera,)), Look.VIDEO), suppress(*_GONE):
        await _play(socket, visit, camera)


async def _play(socket: WebSocket, visit: Visit, camera: str) -> None:
    live, shown, number = visit.web.live, None, 0
    until_s = asyncio.get_running_loop().time() + VIDEO_S
    told = 0

    while visit.holds:
        video = live.videos.get(camera)
        if video is None and shown is None and asyncio.get_running_loop().time() > until_s:
            await _send(socket, json.dumps({"codec": None}))
            break
        if video is not None and video is not shown:
            shown, number = video, video.first
            await _send(socket, json.dumps({"codec": video.codec}))
            await _send(socket, video.beginning)
        while shown is not None and number < shown.first + len(shown.fragments):
            number = max(number, shown.first)
            await _send(socket, shown.fragments[number - shown.first])
            number += 1
        told = await live.changed(told, min(LIMIT_S, VIDEO_S))
    await socket.close(1000)


async def _show(
    socket: WebSocket, visit: Visit, seen: frozenset[str], sent: dict[str, int]
) -> None:
    live, said, told = visit.web.live, "", 0

    while visit.holds:
        states = {name: one for name, one in live.states.items() if name in seen}
        text = json.dumps({"states": states, "alerts": live.alerts, "alive": live.connected})
        if text != said:
            said = text
            await _send(socket, text)
        for name in seen:
            still = live.stills.get(name)
            if still is not None and still.number != sent.get(name):
                sent[name] = still.number
                head = {"camera": name, "width": still.width, "height": still.height}
                packed = json.dumps(head).encode()
                await _send(socket, len(packed).to_bytes(2, "big") + packed + still.data)
        before, told = told, await live.changed(told, LIMIT_S)
        if told == before:
            await _send(socket, "{}")
    await socket.close(1008)


async def _send(socket: WebSocket, data: str | bytes) -> None:
    """TimeoutError if the browser does not take it in time."""
    async with asyncio.timeout(SEND_S):
        await (socket.send_text(data) if isinstance(data, str) else socket.send_bytes(data))
