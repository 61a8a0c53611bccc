"""An RTSP session (RFC 2326): a camera plays its video, and its RTP packets are handed out."""

from __future__ import annotations

import logging
import re
import secrets
import struct
import time
from collections import deque
from contextlib import suppress
from string import punctuation
from typing import Literal
from urllib.parse import SplitResult, quote

from monitor.sources.authentication import Challenge, Login, challenges, chosen
from monitor.sources.connection import UnfitError, refuse
from monitor.sources.rtp import HEADER_BYTES, InOrder
from monitor.sources.rtp_ports import RtpPorts
from monitor.sources.rtp_video import Pictures
from monitor.sources.rtsp_connection import Camera
from monitor.sources.rtsp_messages import Interleaved, Message, Parts
from monitor.sources.sdp import Description, Medium
from monitor.sources.source import SourceSettings

log = logging.getLogger(__name__)

_SESSION_S = 60.0  # that a camera keeps a session nobody asks for, if it does not say
_REPORT_S = 5.0  # between two reports, which some take for a sign of life (RFC 3550, 6.2)
_HANG_UP_S = 0.5  # to say goodbye
_MOST_CHANNEL = 254  # of packets: the next one is that of their reports
_BYE = 203  # a report: the stream ends
_INTERLEAVED = re.compile(r"(?i)\binterleaved=([0-9]{1,3})")
_TIMEOUT = re.compile(r"(?i);[ \t]*timeout[ \t]*=[ \t]*([0-9]{1,6})")
_SERVER_PORT = re.compile(r"(?i)\bserver_port=([0-9]{1,5})(?:-([0-9]{1,5}))?")
_SOURCE = re.compile(r"(?i)\bsource=([0-9a-f.:]+)")
_KNOWN = ("OPTIONS", "GET_PARAMETER", "SET_PARAMETER")  # that a camera may ask


# In which packets come: each in its own datagram, or among the answers, which HTTP may carry.
Way = Literal["tcp", "udp", "http"]


class TransportError(UnfitError):
    """The camera does not send in the way that it was asked to."""

    def __init__(self, way: Way) -> None:
        words = f"the camera does not send over {way.upper()}: set stream.transport to auto"
        super().__init__(words)


class CodecError(Exception):
    """The camera's video has a form that is left to FFmpeg."""

    def __init__(self, codec: str, sound: str | None, asked: Challenge | None) -> None:
        super().__init__()
        self.codec = codec
        self.sound = sound
        self.asked = asked  # for the password


class RtspSession:
    """One camera's video. A thread plays it and takes its packets."""

    def __init__(
        self, url: SplitResult, settings: SourceSettings, camera: Camera, deadline_s: float
    ) -> None:
        """`deadline_s` is the moment, on the monotonic clock, when `play` must be done."""
        self.took = False  # set it whenever a picture was made of packets
        self.sound: str | None = None  # the codec that the description names, if there is any
        self._camera = camera
        self._transport = settings.transport
        self._limit_s = settings.read_timeout_s
        self._deadline_s: float | None = deadline_s
        self._login = Login.of(url)
        self._challenge: Challenge | None = None
        self._accepted = False  # whether the camera took an answer
        host = url.netloc.rpartition("@")[2]
        place = url._replace(scheme="", netloc="", fragment="", path=url.path or "/")
        self._url = f"{url.scheme}://{host}{quote(place.geturl(), punctuation)}"
        self._control = self._url  # what is asked to play
        self._parts = Parts()
        self._warned = False  # of bytes that were skipped
        self._ready: deque[bytes] = deque()  # packets
        self._order = InOrder()
        self._count = 0  # of requests
        self._name = ""  # of the session, as the camera gave it
        self._alive = "OPTIONS"  # what keeps it
        self._alive_told = False  # whether the password was said again for it
        self._alive_every_s = self._alive_at_s = 0.0
        self._report_at_s = 0.0
        self._took_s = 0.0
        self._channel = 0
        self._payload_type = -1
        self._came = False  # whether any packet has
        self._ended = False
        self._ssrc = secrets.token_bytes(4)
        self._ports: RtpPorts | None = None

    @property
    def over_udp(self) -> bool:
        """Whether the packets come over UDP."""
        return self._ports is not None

    def play(self, way: Way) -> Pictures:
        """Have the camera send; what makes pictures of its packets.

        CodecError if that is not known here. OSErrors and FFmpeg's errors say why it does not send.
        """
        options = self._ask("OPTIONS", self._url, must=False)
        if "GET_PARAMETER" in " ".join(options.all("public")).upper():
            self._alive = "GET_PARAMETER"
        answer = self._ask("DESCRIBE", self._url, "Accept: application/sdp")
        base = answer.get("content-base") or answer.get("content-location") or self._url
        found = Description.parse(answer.body, base if "://" in base else self._url)
        video, sound = found.first("video"), found.first("audio")
        self.sound = sound.codec if sound else None
        if video is None:
            raise UnfitError("holds no video stream")
        pictures = Pictures.of(video)
        if pictures is None:
            raise CodecError(video.codec, self.sound, self._challenge)
        self._payload_type = video.payload_type
        self._set_up(video, way)
        self._control = found.control
        self._ask("PLAY", self._control, "Range: npt=0.000-")
        now_s = self._took_s = time.monotonic()
        self._alive_at_s, self._report_at_s = now_s + self._alive_every_s, now_s + _REPORT_S
        self._deadline_s = None
        self._camera.limit(self._limit_s)
        return pictures

    def packet(self) -> bytes:
        """The next RTP packet of the video; nothing at its end.

        TimeoutError if none came for `read_timeout_s`, or no picture was made of those that did.
        """
        while not (self._ready or self._ended):
            if self._ports is not None:
                if (packet := self._ports.packet()) is None:
                    self._wait()
                elif self._is_video(packet):
                    self._ready += self._order.add(packet)
                continue
            part = self._parts.next()
            if self._parts.skipped and not self._warned:
                self._warned = True
                log.warning("%s sends bytes that are no RTSP: they are skipped", self._camera.host)
            if part is None:
                self._wait()
            elif isinstance(part, Message):
                self._hear(part)
            elif part.channel == self._channel:
                if self._is_video(part.data):
                    return part.data
            elif part.channel == self._channel + 1:
                self._ended = _says_bye(part.data)
        return self._ready.popleft() if self._ready else b""

    def silence(self, for_s: float) -> str:
        """What is to be said of a session that gave no picture for so long."""
        text = f"no picture for {for_s:g} s"
        if self._ports is not None and not self._came:
            text += ": nothing comes over UDP, which a firewall may keep away"
            text += "; set stream.transport to tcp" if self._transport == "udp" else ""
        return text

    def close(self) -> None:
        """Tell the camera that it may stop, and hang up."""
        with suppress(OSError):
            if self._name:
                self._camera.limit(_HANG_UP_S)
                self._send("TEARDOWN", self._control)
        self._name = ""
        if self._ports is not None:
            self._ports.close()
        self._camera.close()

    def _is_video(self, packet: bytes) -> bool:
        self._came = True
        return len(packet) >= HEADER_BYTES and packet[1] & 0x7F == self._payload_type

    def _wait(self) -> None:
        """Take what comes next, of which there is none yet."""
        now_s = time.monotonic()
        if self.took:
            self.took, self._took_s = False, now_s
        elif now_s - self._took_s >= self._limit_s:
            raise TimeoutError
        if now_s >= self._report_at_s:
            self._report_at_s = now_s + _REPORT_S
            self._report()
        if now_s >= self._alive_at_s:
            self._alive_at_s = now_s + self._alive_every_s
            self._alive_told = False
            self._send(self._alive, self._control)
        if self._ports is None:
            self._read()
            return
        ready = self._ports.wait(self._took_s + self._limit_s - now_s)
        while (report := self._ports.report()) is not None:
            self._ended = self._ended or _says_bye(report)
        if self._camera.fileno() in ready:
            self._read()
            while (part := self._parts.next()) is not None:
                if isinstance(part, Message):
                    self._hear(part)

    def _read(self) -> None:
        came = self._camera.read()
        self._ended = self._ended or not came
        self._parts.add(came)

    def _report(self) -> None:
        """An empty receiver report, and a name for who sends it (RFC 3550, 6.4.2 and 6.5)."""
        item = b"\1\4" + self._ssrc.hex()[:4].encode() + b"\0\0"
        report = b"\x80\xc9\0\1" + self._ssrc + b"\x81\xca\0\3" + self._ssrc + item
        if self._ports is not None:
            self._ports.send(b"", report)
        else:
            self._camera.send(struct.pack("!cBH", b"$", self._channel + 1, len(report)) + report)

    def _set_up(self, video: Medium, way: Way) -> None:
        if way == "udp":
            self._ports = ports = RtpPorts(self._camera.host)
            ports.watch(self._camera.fileno())
            wanted = "RTP/AVP/UDP;unicast;client_port={}-{}".format(*ports.numbers)
        else:
            wanted = "RTP/AVP/TCP;unicast;interleaved=0-1"
        answer = self._ask("SETUP", video.control, f"Transport: {wanted}", must=False)
        if answer.status == 461:
            raise TransportError(way)
        self._refuse(answer)
        session, given = answer.get("session"), answer.get("transport")
        self._name = session.partition(";")[0].strip()
        kept = _TIMEOUT.search(session)
        self._alive_every_s = max(1.0, (float(kept[1]) if kept else _SESSION_S) / 2)
        channel = _INTERLEAVED.search(given)
        if (way == "udp") == (channel is not None or "/tcp" in given.lower()):
            raise TransportError(way)
        if channel is not None:
            self._channel = int(channel[1])
            if self._channel > _MOST_CHANNEL:
                refuse(0)
        if self._ports is not None:
            port, source = _SERVER_PORT.search(given), _SOURCE.search(given)
            numbers = (int(port[1]), int(port[2] or int(port[1]) + 1)) if port else None
            self._ports.send_from(source[1] if source else "", numbers)
            # It opens a firewall for what is to come.
            self._ports.send(b"\x80" + bytes(7) + self._ssrc, b"\x80\xc9\0\1" + self._ssrc)

    def _ask(self, method: str, url: str, *lines: str, must: bool = True) -> Message:
        """The answer to a request; unless `must`, any but to go elsewhere or to log in."""
        told = False  # the password, once: a camera may lock out who insists
        while True:
            self._send(method, url, *lines)
            answer = self._answer()
            if answer.status != 401:
                self._accepted = self._accepted or self._challenge is not None
                break
            if not self._may_log_in(answer, told):
                break
            told = True
        if must or answer.status == 401 or 300 <= (answer.status or 0) < 400:
            self._refuse(answer)
        return answer

    def _may_log_in(self, answer: Message, told: bool) -> bool:
        """Whether a camera that asks for a password is to be told it; how, is known then.

        Again if it took the password before, and now wants a newer answer.
        """
        if told or self._login is None or not (self._accepted or self._challenge is None):
            return False
        offered = challenges(answer.all("www-authenticate"))
        if not offered:
            return False
        self._challenge = chosen(offered)
        return True

    def _send(self, method: str, url: str, *lines: str) -> None:
        self._count += 1
        head = [f"{method} {url} RTSP/1.0", f"CSeq: {self._count}", "User-Agent: har-monitor"]
        head += lines
        if self._name:
            head.append(f"Session: {self._name}")
        if self._login is not None and self._challenge is not None:
            head.append(f"Authorization: {self._login.answer(self._challenge, method, url)}")
        self._camera.send("\r\n".join([*head, "", ""]).encode())

    def _answer(self) -> Message:
        """What the camera answers; packets that come before it are kept."""
        while True:
            part = self._parts.next()
            if self._parts.skipped:
                raise UnfitError("answered, but not with RTSP; check the port")
            if part is None:
                assert self._deadline_s is not None
                left_s = self._deadline_s - time.monotonic()
                if left_s <= 0:
                    raise TimeoutError
                self._camera.limit(left_s)
                if not (came := self._camera.read()):
                    refuse(None)
                self._parts.add(came)
            elif isinstance(part, Interleaved):
                if part.channel == self._channel and self._is_video(part.data):
                    self._ready.append(part.data)
            elif part.status is not None:
                return part
            else:
                self._hear(part)

    def _hear(self, message: Message) -> None:
        """Answer a request of the camera, or take its answer to what keeps the session."""
        if message.status == 401:
            if self._may_log_in(message, self._alive_told):
                self._alive_told = True
                self._send(self._alive, self._control)
        elif message.status is None:
            known = message.first.split(" ", 1)[0] in _KNOWN
            answer = "200 OK" if known else "501 Not Implemented"
            number = message.get("cseq")
            self._camera.send(f"RTSP/1.0 {answer}\r\nCSeq: {number}\r\n\r\n".encode())
        elif 400 <= message.status < 600 and self._alive == "GET_PARAMETER":
            self._alive = "OPTIONS"

    def _refuse(self, answer: Message) -> None:
        """Raise what an answer says that gives nothing."""
        status = answer.status or 0
        if 300 <= status < 400 and (place := answer.get("location")):
            raise UnfitError.redirect(place)
        if status != 200:
            refuse(status)


def _says_bye(report: bytes) -> bool:
    """Whether one of the reports of a packet says that the stream ends (RFC 3550, 6.6)."""
    at = 0
    while at + 4 <= len(report):
        if report[at + 1] == _BYE:
            return True
        at += 4 * (1 + int.from_bytes(report[at + 2 : at + 4]))
    return False
