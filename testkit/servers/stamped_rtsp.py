"""An RTSP camera whose timestamps are the test's: H.264 over TCP, for any number of viewers."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import av
from av.bitstream import BitStreamFilterContext

_MOST_BYTES = 1400  # of an RTP payload
_TICKS_PER_S = 90_000
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
    "a=control:track\r\n"
)


@contextmanager
def stamped_camera(
    film: Path, stamp: Callable[[int], float], *, fps: float = 25, first: int = 0
) -> Iterator[str]:
    """The URL of a camera that sends `film` over and over, from its picture `first` on.

    Picture n is sent n / fps seconds after the first one, and stamped with `stamp(n)` seconds.
    """
    with ThreadingTCPServer(("127.0.0.1", 0), StampedViewer) as server:
        server.daemon_threads = False
        server.pictures = pictures(film)  # type: ignore[attr-defined]
        server.stamp, server.fps, server.first = stamp, fps, first  # type: ignore[attr-defined]
        server.closing = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="camera")
        thread.start()
        try:
            yield f"rtsp://127.0.0.1:{server.server_address[1]}/cam"
        finally:
            server.closing.set()  # type: ignore[attr-defined]
            server.shutdown()
            thread.join()


def pictures(film: Path) -> list[list[bytes]]:
    """The NAL units of each picture."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = [p for packet in container.demux(stream) for p in annex_b.filter(packet)]
    return [
        [unit for unit in re.split(rb"\x00*\x00\x00\x01", bytes(packet)) if unit]
        for packet in packets
    ]


class Viewer(StreamRequestHandler):
    """Who looks at a camera. `play` sends pictures until it hangs up, or the server closes."""

    url = ""  # what was asked for last
    _sequence = 0

    def handle(self) -> None:
        """Answer until it is told to play; then send."""
        try:
            while lines := [*takewhile(bytes.strip, self.rfile)]:
                method, self.url, _ = lines[0].decode().split()
                headers = dict(line.split(b": ", 1) for line in lines[1:])
                self._answer(method, headers[b"CSeq"].strip().decode())
                if method == "PLAY":
                    self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.play()
        except OSError:
            pass  # it hung up

    def play(self) -> None:
        """Send pictures."""
        raise NotImplementedError

    def send(self, units: list[bytes], at_s: float) -> None:
        """Send a picture, stamped with these seconds; OSError if the viewer has hung up."""
        ticks = round(at_s * _TICKS_PER_S) & 0xFFFFFFFF
        payloads = [part for unit in units for part in _parts(unit)]
        for number, payload in enumerate(payloads):
            last = number == len(payloads) - 1
            header = struct.pack("!BBHII", 0x80, 96 | last << 7, self._sequence & 0xFFFF, ticks, 1)
            data = header + payload
            self.wfile.write(b"$\x00" + struct.pack("!H", len(data)) + data)
            self._sequence += 1

    def _answer(self, method: str, number: str) -> None:
        more, body = "Session: 1\r\n", ""
        if method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            more, body = f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n", _SDP
        elif method == "SETUP":
            more += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        self.wfile.write(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{more}\r\n{body}".encode())


class StampedViewer(Viewer):
    """A viewer of a camera whose film begins with whoever looks."""

    def play(self) -> None:
        """Send the film over and over."""
        camera, began_s, sent = self.server, time.monotonic(), 0
        while not camera.closing.wait(began_s + sent / camera.fps - time.monotonic()):  # type: ignore[attr-defined]
            units = camera.pictures[(camera.first + sent) % len(camera.pictures)]  # type: ignore[attr-defined]
            self.send(units, camera.stamp(sent))  # type: ignore[attr-defined]
            sent += 1


def _parts(unit: bytes) -> Iterator[bytes]:
    """A NAL unit in payloads: itself, or fragments (RFC 6184, 5.8)."""
    if len(unit) <= _MOST_BYTES:
        yield unit
        return
    indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    for start in range(1, len(unit), _MOST_BYTES):
        ends = start + _MOST_BYTES >= len(unit)
        marks = (start == 1) << 7 | ends << 6
        yield bytes((indicator, marks | kind)) + unit[start : start + _MOST_BYTES]
