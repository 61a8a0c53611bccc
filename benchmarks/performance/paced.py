"""An RTSP server that knows when it handed each picture to the socket.

It sends one H.264 file over TCP, each picture when its time has come, to each client a picture of
its own to begin with: cameras do not see the same at the same moment. Unlike a full server it
paces, sends and takes the time in one place, so that nothing lies between them.
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
_PAYLOAD = 1400  # bytes of a packet
_TYPE = 96
_PARAMETERS = {7, 8}  # NAL units that describe the stream


@dataclass(frozen=True)
class Picture:
    """One encoded picture."""

    units: tuple[bytes, ...]  # NAL units
    key: bool


@dataclass
class Sending:
    """What went to one client: `at_s[n]` is when its picture n was handed to the socket."""

    at_s: list[float] = field(default_factory=list)


class PacedServer:
    """Serves rtsp://127.0.0.1:PORT/N to client N, which gets pictures from a place of its own."""

    def __init__(self, path: Path, clients: int) -> None:
        self.pictures, self.fps = read_pictures(path)
        self.sent: dict[int, Sending] = {}
        self._clients = clients
        self._keys = [number for number, picture in enumerate(self.pictures) if picture.key]
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=clients)
        self._listener.settimeout(0.2)  # how soon it sees that it is to stop

    def url(self, client: int) -> str:
        """Where a client finds its stream."""
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/{client}"

    def start(self) -> None:
        """Answer until `stop`."""
        self._begin(self._accept)

    def stop(self) -> None:
        """Hang up on everybody."""
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
            connection.settimeout(5.0)  # of one picture: a client that takes none is let go
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            requests = stack.enter_context(connection.makefile("rb"))
            try:
                client = self._handshake(connection, requests)
                if client is not None:
                    self._send(connection, client)
            except (OSError, ValueError):
                return  # it hung up

    def _handshake(self, connection: socket.socket, requests: object) -> int | None:
        """Answer up to PLAY; the number of the client, None if it went away."""
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
        parameters = [u for u in self.pictures[self._keys[0]].units if u[0] & 31 in _PARAMETERS]
        sprop = ",".join(base64.b64encode(unit).decode() for unit in parameters)
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nc=IN IP4 0.0.0.0\r\n"
            f"m=video 0 RTP/AVP {_TYPE}\r\na=rtpmap:{_TYPE} H264/{_CLOCK_HZ}\r\n"
            f"a=fmtp:{_TYPE} packetization-mode=1;sprop-parameter-sets={sprop}\r\n"
            "a=control:video\r\n"
        )

    def _send(self, connection: socket.socket, client: int) -> None:
        sending = self.sent[client] = Sending()
        place = self._keys[client * len(self._keys) // self._clients % len(self._keys)]
        sequence = 0
        start_s = time.monotonic()
        while True:
            due_s = start_s + len(sending.at_s) / self.fps
            if self._stopping.wait(max(0.0, due_s - time.monotonic())):
                return
            stamp = int(len(sending.at_s) * _CLOCK_HZ / self.fps)
            packets = list(packetized(self.pictures[place].units, stamp, sequence))
            sequence += len(packets)
            sending.at_s.append(time.monotonic())
            connection.sendall(b"".join(packets))
            place = (place + 1) % len(self.pictures)


@contextmanager
def paced_server(path: Path, clients: int) -> Iterator[PacedServer]:
    """A server that runs."""
    server = PacedServer(path, clients)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def read_pictures(path: Path) -> tuple[list[Picture], float]:
    """The encoded pictures of an H.264 file, and how many a second there are."""
    pictures = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        to_annex_b = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        for packet in container.demux(stream):
            if packet.dts is None:
                continue  # the end
            for whole in to_annex_b.filter(packet):
                pictures.append(Picture(_units(bytes(whole)), whole.is_keyframe))
        return pictures, float(stream.average_rate or Fraction(25))


def _units(data: bytes) -> tuple[bytes, ...]:
    """What lies between the start codes 00 00 01 and 00 00 00 01."""
    return tuple(part.rstrip(b"\0") for part in data.split(b"\0\0\1") if part.strip(b"\0"))


def packetized(units: Sequence[bytes], stamp: int, sequence: int) -> Iterator[bytes]:
    """RTP packets of one picture as they go over the RTSP connection (RFC 6184, RFC 2326 10.12)."""
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
    """Method, URL and CSeq of each request; those that are read here have no body."""
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
