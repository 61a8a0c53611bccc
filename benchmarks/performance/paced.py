"""An RTSP server that knows when it handed each frame to the socket.

It sends one H.264 file over TCP, each frame when it is due. Each client begins at another frame,
because cameras do not see the same thing at the same time. Unlike a full server it paces, sends and
takes the time in one place, so nothing lies between them.
"""

import base64
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av

_CLOCK_HZ = 90_000
_FIRST_STAMP = 24301  # any but 0, which FFmpeg overlooks: it would date all frames one earlier
_PAYLOAD = 1400  # bytes in a packet
_TYPE = 96
_PARAMETERS = {7, 8}  # NAL units that describe the stream


@dataclass(frozen=True)
class EncodedFrame:
    """One encoded frame."""

    units: tuple[bytes, ...]  # NAL units
    key: bool


@dataclass
class Sending:
    """What went to one client: `at_s[n]` is when its frame n was handed to the socket."""

    at_s: list[float] = field(default_factory=list)


class PacedServer:
    """Serves rtsp://127.0.0.1:PORT/N to client N, which begins at a frame of its own."""

    def __init__(self, path: Path, clients: int) -> None:
        self.frames, self.fps = read_frames(path)
        self.sent: dict[int, Sending] = {}
        self.again: set[int] = set()  # clients that hung up, or were let go, and came again
        self._clients = clients
        self._keys = [number for number, frame in enumerate(self.frames) if frame.key]
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=clients)
        self._listener.settimeout(0.2)  # `stop` is seen so soon

    def url(self, client: int) -> str:
        """The address of a client's stream."""
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/{client}"

    def start(self) -> None:
        """Answer until `stop`."""
        self._begin(self._accept)

    def stop(self) -> None:
        """Close all connections."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="paced")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(5.0)  # a client that takes no frame for so long is let go
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests = stack.enter_context(connection.makefile("rb"))
            try:
                client = self._handshake(connection, requests)
                if client is not None:
                    self._send(connection, client)
            except (OSError, ValueError):
                return  # it hung up

    def _handshake(self, connection: socket.socket, requests: object) -> int | None:
        """Answer up to PLAY; return the number of the client, None if it hung up."""
        for method, url, sequence in _requests(requests):
            head, body = "", ""
            if method == "OPTIONS":
                head = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = self._description()
                head = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n"
                head += f"Content-Length: {len(body)}\r\n"
            elif method == "SETUP":
                head = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            elif method == "PLAY":
                head = "Session: 1\r\nRange: npt=0.000-\r\n"
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{head}\r\n{body}"
            connection.sendall(answer.encode())
            if method == "PLAY":
                return int(url.rstrip("/").rpartition("/")[2])
        return None

    def _description(self) -> str:
        parameters = [u for u in self.frames[self._keys[0]].units if u[0] & 31 in _PARAMETERS]
        sprop = ",".join(base64.b64encode(unit).decode() for unit in parameters)
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nc=IN IP4 0.0.0.0\r\n"
            f"m=video 0 RTP/AVP {_TYPE}\r\na=rtpmap:{_TYPE} H264/{_CLOCK_HZ}\r\n"
            f"a=fmtp:{_TYPE} packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
            "a=control:video\r\n"
        )

    def _send(self, connection: socket.socket, client: int) -> None:
        if client in self.sent:
            self.again.add(client)
        sending = self.sent[client] = Sending()
        place = self._keys[client * len(self._keys) // self._clients % len(self._keys)]
        sequence = 0
        start_s = time.monotonic()
        while True:
            due_s = start_s + len(sending.at_s) / self.fps
            if self._stopping.wait(max(0.0, due_s - time.monotonic())):
                return
            stamp = _FIRST_STAMP + int(len(sending.at_s) * _CLOCK_HZ / self.fps)
            packets = list(packetized(self.frames[place].units, stamp, sequence))
            sequence += len(packets)
            sending.at_s.append(time.monotonic())
            connection.sendall(b"".join(packets))
            place = (place + 1) % len(self.frames)


@contextmanager
def paced_server(path: Path, clients: int) -> Iterator[PacedServer]:
    """A running server."""
    server = PacedServer(path, clients)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def read_frames(path: Path) -> tuple[list[EncodedFrame], float]:
    """The encoded frames of an H.264 file, and the frame rate."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            if packet.dts is None:
                continue  # the end
            for whole in to_annex_b.filter(packet):
                frames.append(EncodedFrame(_units(bytes(whole)), whole.is_keyframe))
        return frames, float(stream.average_rate or Fraction(25))


def _units(data: bytes) -> tuple[bytes, ...]:
    """The units between the start codes 00 00 01 and 00 00 00 01."""
    return tuple(part.rstrip(b"\0") for part in data.split(b"\0\0\1") if part.strip(b"\0"))


def packetized(units: Sequence[bytes], stamp: int, sequence: int) -> Iterator[bytes]:
    """RTP packets of one frame, as they go over the RTSP connection.

    Source: RFC 6184; RFC 2326, 10.12.
    """
    for number, unit in enumerate(units):
        last = number == len(units) - 1
        if len(unit) <= _PAYLOAD:
            yield _packet(unit, last, stamp, sequence)
            sequence += 1
            continue
        head, body = unit[0], unit[1:]
        for start in range(0, len(body), _PAYLOAD):
            first, ends = start == 0, start + _PAYLOAD >= len(body)
            fragment = bytes([head & 0xE0 | 28, first << 7 | ends << 6 | head & 31])
            part = fragment + body[start : start + _PAYLOAD]
            yield _packet(part, last and ends, stamp, sequence)
            sequence += 1


def _packet(payload: bytes, marker: bool, stamp: int, sequence: int) -> bytes:
    head = struct.pack(
        ">BBHII", 0x80, marker << 7 | _TYPE, sequence & 0xFFFF, stamp & 0xFFFFFFFF, 1
    )
    return struct.pack(">cBH", b"$", 0, len(head) + len(payload)) + head + payload


def _requests(lines: object) -> Iterator[tuple[str, str, str]]:
    """Method, URL and CSeq of each request; none of these requests has a body."""
    words: list[str] = []
    sequence = "0"
    for line in lines:  # type: ignore[attr-defined]
        text = line.decode("ascii", "replace").strip()
        if not words:
            words = text.split()
        elif text.lower().startswith("cseq:"):
            sequence = text.partition(":")[2].strip()
        elif not text:
            yield words[0], words[1], sequence
            words, sequence = [], "0"
