"""A TCP proxy between a client and a real RTSP server, which goes wrong when it is told to.

RTSP over TCP carries text and, between the texts, packets of RTP and RTCP, each behind a `$`, a
channel and a length. The proxy takes the server's side apart, so that packets can be lost, damaged
or given another time, while what is around them stays whole; `garbled` damages anything.
"""

import asyncio
import random
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from testkit.patience import LIMIT_S

Fault = Literal[
    "none",
    "frozen",  # what is open stays open and silent
    "silent",  # new connections too: taken, and never answered
    "closing",  # every connection is closed at once
    "unauthorized",
    "not found",
    "babbling",  # answers with bytes that mean nothing
    "lossy",  # packets of video are left out
    "corrupt",  # bits of video are turned
    "garbled",  # bytes of anything are turned and left out
    "dripping",  # a byte at a time, and a packet would take for ever
]
_ANSWERS = {
    "unauthorized": '401 Unauthorized\r\nWWW-Authenticate: Basic realm="camera"',
    "not found": "404 Not Found",
}
_RTP_HZ = 90_000
_DRIP_S = 0.1
_SHARE = 0.05  # of the packets, or of the reads, that a fault touches


class Proxy:
    """Listens on a port of its own and passes on to `upstream`; `fault` may be set at any time."""

    def __init__(self, upstream: int, port: int = 0) -> None:
        self.upstream = upstream  # a port of this machine
        self.fault: Fault = "none"
        self.shift_s = 0.0  # added to the times of all packets
        self.accepted = 0
        self.accepted_s: list[float] = []  # the clock, of each
        self.packets = 0  # that were passed on
        self.sessions: list[tuple[float, float]] = []  # the clock at first and last packet, of each
        self.delay_s = 0.0  # by which everything from the server is held up
        self._port = port
        self._random = random.Random(1)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy")

    @property
    def base(self) -> str:
        """rtsp://host:port of it."""
        return f"rtsp://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(LIMIT_S)

    def cut(self) -> None:
        """Close every connection."""
        self._loop.call_soon_threadsafe(self._cut)

    def stop(self) -> None:
        """Close everything and end."""
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", self._port)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        server.close()
        self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self.accepted_s.append(time.monotonic())
        self._open.add(writer)
        # A cancelled handler would be logged as an error by asyncio of Python 3.11.
        ended = (ConnectionError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with suppress(*ended):
            await self._talk(reader, writer)
        self._open.discard(writer)
        writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault == "closing":
            return
        if self.fault == "silent":
            await self._until_healed("silent")
            return
        while self.fault in _ANSWERS:
            asked = (await reader.readuntil(b"\r\n\r\n")).decode()
            number = asked.partition("CSeq: ")[2].partition("\r\n")[0]
            answer = f"RTSP/1.0 {_ANSWERS.get(self.fault, '200 OK')}"
            writer.write(f"{answer}\r\nCSeq: {number}\r\n\r\n".encode())
            await writer.drain()
        if self.fault == "babbling":
            await reader.read(1)
            writer.write(self._random.randbytes(100_000))
            await writer.drain()
            return
        above_reader, above_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._open.add(above_writer)
        try:
            passing = [
                asyncio.ensure_future(self._requests(reader, above_writer)),
                asyncio.ensure_future(self._answers(above_reader, writer)),
            ]
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for one in passing:
                one.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
        finally:
            self._open.discard(above_writer)
            above_writer.transport.abort()

    async def _until_healed(self, *faults: Fault) -> None:
        while self.fault in faults:
            await asyncio.sleep(0.02)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._until_healed("frozen", "silent")
            writer.write(data)
            await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = None
        while True:
            first = await reader.readexactly(1)
            if first == b"$":
                head = await reader.readexactly(3)
                packet = await reader.readexactly(int.from_bytes(head[1:]))
                self.packets += 1
                changed = self._packet(packet, head[0])
                data = b"" if changed is None else first + head[:1] + _length(changed) + changed
            else:
                text = first + await reader.readuntil(b"\r\n\r\n")
                length = text.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip()
                data = text + await reader.readexactly(int(length or 0))
            await self._until_healed("frozen", "silent")
            if self.fault == "garbled" and self._random.random() < _SHARE:
                data = self._garble(data)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            while self.fault == "dripping" and data:
                writer.write(data[:1])
                data = data[1:]
                await asyncio.sleep(_DRIP_S)
            writer.write(data)
            await writer.drain()
            if first == b"$":
                now_s = time.monotonic()
                if session is None:
                    session = len(self.sessions)
                    self.sessions.append((now_s, now_s))
                self.sessions[session] = self.sessions[session][0], now_s

    def _packet(self, packet: bytes, channel: int) -> bytes | None:
        """What becomes of a packet; None if it is lost. Odd channels carry reports."""
        if channel % 2:
            return None if self.shift_s else packet  # a report would tell the time it was
        if self.fault == "lossy" and self._random.random() < _SHARE:
            return None
        if self.shift_s and len(packet) >= 12:
            (stamp,) = struct.unpack_from(">I", packet, 4)
            shifted = (stamp + round(self.shift_s * _RTP_HZ)) % 2**32
            packet = packet[:4] + struct.pack(">I", shifted) + packet[8:]
        if self.fault == "corrupt" and self._random.random() < _SHARE and len(packet) > 40:
            return packet[:20] + self._garble(packet[20:], leave_out=False)
        return packet

    def _garble(self, data: bytes, leave_out: bool = True) -> bytes:
        changed = bytearray(data)
        for _ in range(1 + len(changed) // 200):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        if leave_out and self._random.random() < 0.5:
            start = self._random.randrange(len(changed))
            del changed[start : start + self._random.randrange(1, 50)]
        return bytes(changed)


def _length(packet: bytes) -> bytes:
    return len(packet).to_bytes(2)


@contextmanager
def proxy(upstream: int) -> Iterator[Proxy]:
    """A proxy to a port of this machine."""
    running = Proxy(upstream)
    running.start()
    try:
        yield running
    finally:
        running.stop()
