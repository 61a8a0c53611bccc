"""Messages between the process that watches and those beside it, over a local socket.

A message is a JSON object and any bytes: eight bytes of lengths, then both.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

_LENGTHS = struct.Struct(">II")
_LONGEST = 1 << 26  # bytes: no message of ours comes near

Message = tuple[dict[str, Any], bytes]


class LinkClosed(Exception):
    """The other process is gone, or sends what is no message."""


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """A message as it goes over the socket."""
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def unpack(message: bytes) -> Message:
    """A message that came as a whole; LinkClosed if it is none."""
    try:
        head, body = _LENGTHS.unpack_from(message)
        if len(message) != _LENGTHS.size + head + body:
            raise LinkClosed
        begin = _LENGTHS.size + head
        return json.loads(message[_LENGTHS.size : begin]), message[begin:]
    except (struct.error, ValueError):
        raise LinkClosed from None


def receive(link: socket.socket) -> Message:
    """Wait for the next message; LinkClosed if there is none."""
    head, body = _LENGTHS.unpack(_exactly(link, _LENGTHS.size))
    if head + body > _LONGEST:
        raise LinkClosed
    return json.loads(_exactly(link, head)), _exactly(link, body)


def _exactly(link: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        try:
            part = link.recv(min(count, 1 << 16))
        except OSError:
            raise LinkClosed from None
        if not part:
            raise LinkClosed
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


async def receive_async(reader: asyncio.StreamReader) -> Message:
    """The same within an event loop."""
    try:
        head, body = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if head + body > _LONGEST:
            raise LinkClosed
        return json.loads(await reader.readexactly(head)), await reader.readexactly(body)
    except (asyncio.IncompleteReadError, OSError):
        raise LinkClosed from None
