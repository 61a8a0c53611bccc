"""An ONVIF camera: it answers WS-Discovery, and the calls by which its streams are found.

Its answers are written after the specification (ONVIF Core, Media and Media 2), in the manners of
three kinds of cameras: `plain` has the usual prefixes, GetServices and whole addresses; `terse` has
default namespaces, only the older GetCapabilities, and addresses without a host; `newer` has Media
2 alone.
"""

import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from testkit.servers.locks import Lock

USER, PASSWORD = "admin", "s3cret & <all>"
FRESH_S = 60.0  # how far a message's date may be off the camera's clock

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_DEVICE, _MEDIA = "http://www.onvif.org/ver10/device/wsdl", "http://www.onvif.org/ver10/media/wsdl"
_MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"
_OPEN = ("GetSystemDateAndTime",)  # is answered without a password
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"


@dataclass(frozen=True)
class Stream:
    """A profile, and where its stream is."""

    token: str
    uri: str
    size: tuple[int, int] = (640, 360)
    fps: int = 25
    encoding: str = "H264"


@dataclass
class OnvifCamera:
    """A running camera, and what it is."""

    streams: Sequence[Stream]
    manner: Literal["plain", "terse", "newer"] = "plain"
    ahead: timedelta = timedelta()  # its clock
    lock: Lock | None = None  # asks by HTTP for the password, and not by WS-Security
    answers: Mapping[str, bytes] = field(default_factory=dict)  # by call, in place of its own
    redirect: str | None = None  # where it sends who asks
    xaddrs: str | None = None  # in its answer to discovery, in place of its own
    relates_to: str | None = None  # in its answer to discovery, in place of the question's number
    port: int = 0
    discovery_port: int = 0
    asked: list[str] = field(default_factory=list)  # the calls, in their order
    users: list[str] = field(default_factory=list)  # whose right password came
    nonces: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The address of its device service."""
        return f"http://127.0.0.1:{self.port}/onvif/device_service"

    def may(self, envelope: ElementTree.Element) -> bool:
        """Whether a message proves a password: with a fresh date, and never twice alike."""
        given = {one.tag.rpartition("}")[2]: one.text or "" for one in envelope.iter()}
        nonce, created = given.get("Nonce", ""), given.get("Created", "")
        try:
            date = datetime.fromisoformat(created)
        except ValueError:
            return False
        off = abs(date - datetime.now(UTC) - self.ahead)
        proof = base64.b64decode(nonce) + created.encode() + PASSWORD.encode()
        digest = base64.b64encode(hashlib.sha1(proof).digest()).decode()
        right = given.get("Username") == USER and given.get("Password") == digest
        if not right or nonce in self.nonces or off > timedelta(seconds=FRESH_S):
            return False
        self.nonces.add(nonce)
        self.users.append(USER)
        return True

    def answer(self, call: str, envelope: ElementTree.Element) -> tuple[int, str]:
        """Status and body of the answer to a call."""
        if call == "GetSystemDateAndTime":
            return 200, self._time()
        if call == "GetServices" and self.manner != "terse":
            media = _MEDIA if self.manner == "plain" else _MEDIA2
            return 200, (
                f'<tds:GetServicesResponse xmlns:tds="{_DEVICE}">'
                + self._service(_DEVICE, "device_service")
                + self._service(media, "media_service")
                + "</tds:GetServicesResponse>"
            )
        if call == "GetCapabilities" and self.manner == "terse":
            return 200, (
                f'<GetCapabilitiesResponse xmlns="{_DEVICE}"><Capabilities>'
                f'<Media xmlns="{_SCHEMA}"><XAddr>/onvif/media_service</XAddr></Media>'
                "</Capabilities></GetCapabilitiesResponse>"
            )
        if call == "GetProfiles":
            return 200, self._profiles2() if self.manner == "newer" else self._profiles()
        if call == "GetStreamUri":
            token = next(x.text for x in envelope.iter() if x.tag.endswith("}ProfileToken"))
            uri = next(stream.uri for stream in self.streams if stream.token == token)
            if self.manner == "newer":
                return 200, (
                    f'<tr2:GetStreamUriResponse xmlns:tr2="{_MEDIA2}">'
                    f"<tr2:Uri>{escape(uri)}</tr2:Uri></tr2:GetStreamUriResponse>"
                )
            return 200, (
                f'<trt:GetStreamUriResponse xmlns:trt="{_MEDIA}" xmlns:tt="{_SCHEMA}">'
                f"<trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri>"
                "<tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
                "<tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
            )
        return 400, _fault("ter:ActionNotSupported", "Optional Action Not Implemented")

    def _service(self, space: str, path: str) -> str:
        return (
            f"<tds:Service><tds:Namespace>{space}</tds:Namespace>"
            f"<tds:XAddr>http://127.0.0.1:{self.port}/onvif/{path}</tds:XAddr>"
            "<tds:Version/></tds:Service>"
        )

    def _time(self) -> str:
        now = datetime.now(UTC) + self.ahead
        return (
            f'<tds:GetSystemDateAndTimeResponse xmlns:tds="{_DEVICE}" xmlns:tt="{_SCHEMA}">'
            "<tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:UTCDateTime>"
            f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
            f"<tt:Second>{now.second}</tt:Second></tt:Time>"
            f"<tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month>"
            f"<tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime>"
            "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
        )

    def _profiles(self) -> str:
        made = []
        for stream in self.streams:
            made.append(
                f'<Profiles xmlns="{_MEDIA}" token="{escape(stream.token)}" fixed="true">'
                f'<Name xmlns="{_SCHEMA}">profile {escape(stream.token)}</Name>'
                f'<VideoEncoderConfiguration xmlns="{_SCHEMA}" token="v">'
                f"<Encoding>{stream.encoding}</Encoding><Resolution><Width>{stream.size[0]}</Width>"
                f"<Height>{stream.size[1]}</Height></Resolution><RateControl>"
                f"<FrameRateLimit>{stream.fps}</FrameRateLimit></RateControl>"
                "</VideoEncoderConfiguration></Profiles>"
            )
        sound = f'<Profiles xmlns="{_MEDIA}" token="sound"/>'
        return f'<GetProfilesResponse xmlns="{_MEDIA}">{sound}{"".join(made)}</GetProfilesResponse>'

    def _profiles2(self) -> str:
        made = "".join(
            f'<tr2:Profiles token="{escape(stream.token)}">'
            f"<tr2:Name>profile {escape(stream.token)}</tr2:Name><tr2:Configurations>"
            f'<tr2:VideoEncoder token="v"><tt:Encoding>{stream.encoding}</tt:Encoding>'
            f"<tt:Resolution><tt:Width>{stream.size[0]}</tt:Width>"
            f"<tt:Height>{stream.size[1]}</tt:Height></tt:Resolution><tt:RateControl>"
            f"<tt:FrameRateLimit>{stream.fps:.1f}</tt:FrameRateLimit></tt:RateControl>"
            "</tr2:VideoEncoder></tr2:Configurations></tr2:Profiles>"
            for stream in self.streams
        )
        return (
            f'<tr2:GetProfilesResponse xmlns:tr2="{_MEDIA2}" xmlns:tt="{_SCHEMA}">'
            f"{made}</tr2:GetProfilesResponse>"
        )

    def found(self, question: bytes) -> bytes:
        """What it says to who looks for cameras."""
        number = re.findall(rb"MessageID>([^<]*)<", question)[0].decode()
        xaddrs = self.xaddrs or self.url
        return (
            f'<?xml version="1.0"?><S:Envelope xmlns:S="{_SOAP}" xmlns:w="{_ADDRESSING}">'
            f"<S:Header><w:RelatesTo>{self.relates_to or number}</w:RelatesTo>"
            f"<w:Action>{_DISCOVERY}/ProbeMatches</w:Action></S:Header><S:Body>"
            f'<p:ProbeMatches xmlns:p="{_DISCOVERY}"><p:ProbeMatch>'
            "<w:EndpointReference><w:Address>urn:uuid:1</w:Address></w:EndpointReference>"
            "<p:Types>NetworkVideoTransmitter</p:Types>"
            "<p:Scopes>onvif://www.onvif.org/type/video_encoder "
            "onvif://www.onvif.org/name/Front%20door</p:Scopes>"
            f"<p:XAddrs>{xaddrs} http://[fe80::1]/onvif/device_service</p:XAddrs>"
            "</p:ProbeMatch></p:ProbeMatches></S:Body></S:Envelope>"
        ).encode()


def _fault(code: str, words: str) -> str:
    return (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>"
        f"<s:Value>{code}</s:Value></s:Subcode></s:Code><s:Reason>"
        f'<s:Text xml:lang="en">{words}</s:Text></s:Reason></s:Fault>'
    )


class _Handler(BaseHTTPRequestHandler):
    camera: OnvifCamera

    def do_POST(self) -> None:
        """Answer a call."""
        camera = self.camera
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        envelope = ElementTree.fromstring(sent)
        body = next(one for one in envelope if one.tag == f"{{{_SOAP}}}Body")
        call = body[0].tag.rpartition("}")[2]
        camera.asked.append(call)
        if camera.redirect is not None:
            self._send(307, b"", f"Location: {camera.redirect}")
        elif camera.lock is not None and call not in _OPEN:
            told = self.headers.get("Authorization", "")
            if not camera.lock.opens("POST", self.path, told):
                asks = (f"WWW-Authenticate: {one}" for one in camera.lock.challenges)
                self._send(401, b"", *asks)
            else:
                self._reply(*camera.answer(call, envelope))
        elif call not in _OPEN and not camera.may(envelope):
            self._reply(400, _fault("ter:NotAuthorized", "Sender not Authorized"))
        elif call in camera.answers:
            self._send(200, camera.answers[call])
        else:
            self._reply(*camera.answer(call, envelope))

    def _reply(self, status: int, body: str) -> None:
        envelope = (
            f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{_SOAP}" '
            f'xmlns:ter="http://www.onvif.org/ver10/error"><s:Body>{body}</s:Body></s:Envelope>'
        )
        self._send(status, envelope.encode())

    def _send(self, status: int, body: bytes, *headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for header in headers:
            name, _, value = header.partition(": ")
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that its close waits for every handler


@contextmanager
def onvif_camera(camera: OnvifCamera) -> Iterator[OnvifCamera]:
    """Run a camera on loopback: its services, and its answers to discovery at a port of UDP."""
    handler = type("Handler", (_Handler,), {"camera": camera})
    with (
        _Server(("127.0.0.1", 0), handler) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked,
    ):
        asked.bind(("127.0.0.1", 0))
        camera.port, camera.discovery_port = server.server_port, asked.getsockname()[1]

        def answer() -> None:
            while (got := asked.recvfrom(1 << 16))[0]:  # an empty one ends it
                asked.sendto(camera.found(got[0]), got[1])

        serving = threading.Thread(target=server.serve_forever, args=(0.02,), name="onvif")
        answering = threading.Thread(target=answer, name="discovery")
        serving.start()
        answering.start()
        try:
            yield camera
        finally:
            server.shutdown()
            asked.sendto(b"", ("127.0.0.1", camera.discovery_port))
            serving.join()
            answering.join()
