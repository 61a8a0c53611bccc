"""Finds ONVIF cameras: a question to all on the local network, by WS-Discovery.

Who answers may be anybody. Its address is the one that it answered from, whatever it says: so
nothing is asked of a third host later.
"""

import socket
import struct
import time
import uuid
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from xml.etree.ElementTree import Element

from monitor.names import is_printable, plain_name
from monitor.setup.onvif import DEVICE_PATH
from monitor.setup.xml import XmlError, parse, text

Place = tuple[str, int]  # address and port

EVERYBODY: Place = ("239.255.255.250", 3702)  # the group that WS-Discovery has
WAIT_S = 3.0
_AGAIN_S = 0.5  # a question is asked twice: UDP may lose one
_MOST_DEVICES = 256
_SPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "d": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
}
# Old cameras know the first alone, some of today's the second.
_TYPES = (
    ("NetworkVideoTransmitter", "http://www.onvif.org/ver10/network/wsdl"),
    ("Device", "http://www.onvif.org/ver10/device/wsdl"),
)
_SCOPE = "onvif://www.onvif.org/"


@dataclass(frozen=True)
class Device:
    """A camera that answered."""

    url: str  # of its device service, at the address that the answer came from
    name: str  # as it calls itself, or empty


def discover(places: Sequence[Place] = (EVERYBODY,), wait_s: float = WAIT_S) -> list[Device]:
    """Every camera that answers within the time, in the order of their addresses.

    What is no answer to this question is passed over: other programs ask, too.
    """
    asked = {str(uuid.uuid4()): kind for kind in _TYPES}
    questions = [_question(number, *kind) for number, kind in asked.items()]
    found: dict[str, Device] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        began_s = time.monotonic()
        times = 0
        while (passed_s := time.monotonic() - began_s) < wait_s:
            if times < 2 and passed_s >= times * _AGAIN_S:
                times += 1
                for question in questions:
                    _ask(asking, question, places)
            until_s = _AGAIN_S if times < 2 else wait_s
            asking.settimeout(max(0.01, until_s - passed_s))
            with suppress(OSError):  # nothing came; or a host said that nobody is there
                data, (host, _) = asking.recvfrom(1 << 16)
                for device in devices(data, host, asked):
                    if len(found) < _MOST_DEVICES:
                        found.setdefault(device.url, device)
    return sorted(found.values(), key=_order)


def _ask(asking: socket.socket, question: bytes, places: Sequence[Place]) -> None:
    for place in places:
        if place[0] != EVERYBODY[0]:
            with suppress(OSError):
                asking.sendto(question, place)
            continue
        for index, _ in socket.if_nameindex():  # else one network alone is asked
            interface = struct.pack("4s4si", bytes(4), bytes(4), index)  # of Linux: ip_mreqn
            with suppress(OSError):  # it is down, or not one for this
                asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, interface)
                asking.sendto(question, place)


def _question(number: str, kind: str, space: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<s:Envelope xmlns:s="{_SPACES["s"]}" xmlns:a="{_SPACES["a"]}"><s:Header>'
        f"<a:MessageID>uuid:{number}</a:MessageID>"
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
        f"<a:Action>{_SPACES['d']}/Probe</a:Action></s:Header><s:Body>"
        f'<d:Probe xmlns:d="{_SPACES["d"]}"><d:Types xmlns:k="{space}">k:{kind}</d:Types></d:Probe>'
        "</s:Body></s:Envelope>"
    ).encode()


def devices(data: bytes, host: str, asked: Container[str]) -> Iterator[Device]:
    """The cameras of an answer from a host; none if it answers no question of these numbers."""
    try:
        root = parse(data)
    except XmlError:
        return
    # Some write another form of it: urn:uuid:
    if text(root, "s:Header/a:RelatesTo", _SPACES).rpartition(":")[2] not in asked:
        return
    for match in root.iterfind("s:Body/d:ProbeMatches/d:ProbeMatch", _SPACES):
        place = _service(text(match, "d:XAddrs", _SPACES).split(), host)
        yield Device(place.geturl(), _name(match))


def _service(given: Sequence[str], host: str) -> SplitResult:
    """The device service at the host that answered: of its addresses the one with that host."""
    usable: list[SplitResult] = []
    for one in given:
        with suppress(ValueError):
            url = urlsplit(one)
            if url.scheme in ("http", "https") and url.hostname and is_printable(one):
                netloc = host if url.port is None else f"{host}:{url.port}"
                here = SplitResult(url.scheme, netloc, url.path or DEVICE_PATH, url.query, "")
                if url.hostname == host:
                    return here
                usable.append(here)
    return usable[0] if usable else urlsplit(f"http://{host}{DEVICE_PATH}")


def _name(match: Element) -> str:
    """What a camera calls itself, made a name; its hardware where it has no name."""
    scopes = text(match, "d:Scopes", _SPACES).split()
    for kind in ("name/", "hardware/"):
        for scope in scopes:
            if scope.startswith(_SCOPE + kind):
                return plain_name(unquote(scope.removeprefix(_SCOPE + kind)))
    return ""


def _order(device: Device) -> tuple[object, ...]:
    host = urlsplit(device.url).hostname or ""
    numbers = tuple(int(part) for part in host.split(".") if part.isdecimal())
    return numbers, device.url
