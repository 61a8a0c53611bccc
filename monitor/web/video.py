"""A camera's own H.264 at full rate, as fragmented MP4 for a browser's Media Source."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

from av import VideoStream

from monitor.errors import SinkError
from monitor.evidence.clip_writer import ClipWriter
from monitor.evidence.ring import PacketRing, PacketRun, TappedPacket

log = logging.getLogger(__name__)

POLL_S = 0.03  # between two looks for new packets
_OPTIONS = {
    # A fragment for each frame, and the times of the stream in each: a viewer may begin at any key.
    "movflags": "+frag_every_frame+empty_moov+default_base_moof+omit_tfhd_offset",
    "flush_packets": "1",
}

Send = Callable[[dict[str, Any], bytes], None]


class VideoFeed:
    """Sends the packets of a camera's ring to the page, from the newest key frame on, until closed.

    First the beginning of an MP4 file with its codec, then fragments; each says if it begins with a
    key frame. A new connection of the camera begins a new file. So does a new ring: the camera was
    set up anew. Nothing is sent of other codecs.
    """

    def __init__(self, camera: str, ring: Callable[[], PacketRing | None], send: Send) -> None:
        self._camera = camera
        self._ring = ring
        self._send = send
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"video {camera}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; twice is fine."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        last: PacketRun | None = None
        while not self._ending.wait(POLL_S):
            if (ring := self._ring()) is None:
                continue
            gop = ring.since(math.inf)
            if not gop or gop[0].run is last:  # none yet, or one that failed
                continue
            last = gop[0].run
            codec = avc_codec(last.template)
            if codec is None:
                continue
            try:
                self._follow(ring, gop, codec)
            except SinkError as error:
                log.warning("camera %s: its video cannot be shown: %s", self._camera, error)

    def _follow(self, ring: PacketRing, packets: list[TappedPacket], codec: str) -> None:
        """Send a run of packets, from this GOP on."""
        run = packets[0].run
        writer = _FragmentWriter(run.template)
        key = False
        while packets and packets[-1].run is run:
            for one in packets:
                # A fragment comes out when the next frame goes in.
                for begins, data in writer.fragments(one):
                    head = {"type": "video", "camera": self._camera}
                    self._send(head | ({"codec": codec} if begins else {"key": key}), data)
                key = one.packet.is_keyframe
            packets = self._after(ring, packets[-1].number)

    def _after(self, ring: PacketRing, number: int) -> list[TappedPacket]:
        """The packets that come next; none if it ends first, or the camera has another ring."""
        while not self._ending.wait(POLL_S) and self._ring() is ring:
            if found := ring.after(number):
                return found
        return []


class _FragmentWriter(ClipWriter):
    """An MP4 file in memory, given away in pieces."""

    def __init__(self, template: VideoStream) -> None:
        self._pieces = _Pieces()
        reorder = 2 * int(template.codec_context.has_b_frames)
        super().__init__(None, template, target=self._pieces, options=_OPTIONS, reorder=reorder)

    def fragments(self, one: TappedPacket) -> Iterator[tuple[bool, bytes]]:
        """Write a packet; what is complete then, and whether it is the file's beginning."""
        self.write([one.packet])
        data = self._pieces.take()
        if not data:
            return
        begins = _length_of_beginning(data)
        if begins:
            yield True, data[:begins]
        if len(data) > begins:
            yield False, data[begins:]


class _Pieces:
    """What FFmpeg has written and nobody has taken yet."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data


def _length_of_beginning(data: bytes) -> int:
    """The length of `ftyp` and `moov` at the start of some MP4; 0 if it begins with neither."""
    at = 0
    while at + 8 <= len(data) and data[at + 4 : at + 8] in (b"ftyp", b"moov"):
        at += int.from_bytes(data[at : at + 4], "big")
    return at


def avc_codec(template: VideoStream) -> str | None:
    """What browsers call an H.264 stream, RFC 6381: avc1.PPCCLL; None for another codec.

    Profile, constraints and level are the second to fourth byte of its sequence parameter set.
    """
    context = template.codec_context
    if context.codec.canonical_name != "h264":
        return None
    extra = bytes(context.extradata or b"")
    if extra[:1] == b"\x01":
        return f"avc1.{extra[1:4].hex()}"
    at = extra.find(b"\x00\x00\x01")
    while at >= 0:
        if at + 6 < len(extra) and extra[at + 3] & 0x1F == 7:
            return f"avc1.{extra[at + 4 : at + 7].hex()}"
        at = extra.find(b"\x00\x00\x01", at + 3)
    return None
