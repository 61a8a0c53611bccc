"""Which streams a camera has, asked by ONVIF: its device service and its media service.

Nothing that a camera answers leads to another host: of the addresses that it gives, only port and
path are used. So the password goes to the host that was named or that answered, and to no other.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from monitor.errors import ConfigError, SourceOpenError
from monitor.names import is_printable, printable
from monitor.setup.advice import SMALL_HEIGHT, SMALL_WIDTH
from monitor.setup.soap import Credentials, call
from monitor.setup.xml import text
from monitor.sources.address import parse_address
from monitor.states import OpenFailure

DEVICE_PATH = "/onvif/device_service"
_DEVICE, _MEDIA = "http://www.onvif.org/ver10/device/wsdl", "http://www.onvif.org/ver10/media/wsdl"
_MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"  # newer: some cameras have no other
_SCHEMA = "http://www.onvif.org/ver10/schema"
_SPACES = {"d": _DEVICE, "m": _MEDIA, "n": _MEDIA2, "t": _SCHEMA}
_MOST_PROFILES = 64  # of one device
_LONGEST = 64  # characters of a name or of a token; the specification allows as many
_FILMS = (".mp4", ".mkv", ".avi", ".mov", ".mpg", ".webm")  # no domain of the internet
_NUMBER = re.compile(r"[0-9]{1,5}(\.[0-9]{1,9})?")
_STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")


@dataclass(frozen=True)
class Profile:
    """One stream that a camera offers; a number that it does not tell is 0."""

    token: str
    name: str
    encoding: str  # H264, JPEG, ...
    width: int
    height: int
    fps: float  # at most

    def __str__(self) -> str:
        rate = f" at {self.fps:g}" if self.fps else ""
        return f"{printable(self.name)}: {self.encoding} {self.width}×{self.height}{rate}"


class Choice(NamedTuple):
    """The stream to watch, and why this one."""

    profile: Profile
    reason: str


class OnvifCamera:
    """A camera at the address of its device service; errors are SourceOpenError."""

    def __init__(self, url: str, credentials: Credentials | None) -> None:
        self._device = urlsplit(url)
        self._media = self._device
        self._newer = False  # whether its media service is Media 2
        self._credentials = credentials
        self.ahead = timedelta()  # the camera's clock less ours

    def profiles(self) -> list[Profile]:
        """Every stream that it offers, the first ones first."""
        self.ahead = self._clock()
        self._media = self._media_service()
        if self._newer:
            asked = f'<GetProfiles xmlns="{_MEDIA2}"><Type>VideoEncoder</Type></GetProfiles>'
        else:
            asked = f'<GetProfiles xmlns="{_MEDIA}"/>'
        answer = self._ask(self._media, asked)
        prefix = "n" if self._newer else "m"
        elements = answer.findall(f"{prefix}:GetProfilesResponse/{prefix}:Profiles", _SPACES)
        found = [_profile(one) for one in elements[:_MOST_PROFILES]]
        if not (kept := [one for one in found if one is not None]):
            raise self._error("it has no profile with video")
        return kept

    def stream(self, profile: Profile) -> str:
        """The address of a stream, without credentials, at the host of this camera.

        After `profiles`.
        """
        token = escape(profile.token)
        if self._newer:
            asked = (
                f'<GetStreamUri xmlns="{_MEDIA2}"><Protocol>RTSP</Protocol>'
                f"<ProfileToken>{token}</ProfileToken></GetStreamUri>"
            )
            answer = self._ask(self._media, asked)
            given = text(answer, "n:GetStreamUriResponse/n:Uri", _SPACES)
        else:
            asked = (
                f'<GetStreamUri xmlns="{_MEDIA}"><StreamSetup>'
                f'<Stream xmlns="{_SCHEMA}">RTP-Unicast</Stream>'
                f'<Transport xmlns="{_SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
                f"<ProfileToken>{token}</ProfileToken></GetStreamUri>"
            )
            answer = self._ask(self._media, asked)
            given = text(answer, "m:GetStreamUriResponse/m:MediaUri/t:Uri", _SPACES)
        try:
            uri = urlsplit(given)
            port = uri.port
            if uri.scheme.lower() not in _STREAM_SCHEMES:
                raise ValueError
            address = uri._replace(netloc=_netloc(self._device, port)).geturl()
            parse_address(address)
        except (ValueError, ConfigError):
            raise self._error(f"no address of a stream: {printable(given[:100])!r}") from None
        return address

    def _clock(self) -> timedelta:
        """The camera's clock less ours; nothing where it does not tell it."""
        asked = f'<GetSystemDateAndTime xmlns="{_DEVICE}"/>'
        try:
            answer = call(self._device, asked, None)
        except SourceOpenError as error:
            if error.cause in (OpenFailure.AUTHENTICATION, OpenFailure.INVALID):
                return timedelta()  # some ask for the password before they tell the time
            raise
        utc = answer.find(".//t:UTCDateTime", _SPACES)
        if utc is None:
            return timedelta()
        parts = ("Date/t:Year", "Date/t:Month", "Date/t:Day")
        times = ("Time/t:Hour", "Time/t:Minute", "Time/t:Second")
        try:
            values = [int(text(utc, f"t:{part}", _SPACES)) for part in (*parts, *times)]
            return datetime(*values, tzinfo=UTC) - datetime.now(UTC)  # type: ignore[misc,arg-type]
        except (ValueError, OverflowError):
            return timedelta()

    def _media_service(self) -> SplitResult:
        """Where profiles are asked for: by GetServices, or by the older GetCapabilities."""
        try:
            asked = (
                f'<GetServices xmlns="{_DEVICE}">'
                "<IncludeCapability>false</IncludeCapability></GetServices>"
            )
            answer = self._ask(self._device, asked)
            services = {
                text(one, "d:Namespace", _SPACES): text(one, "d:XAddr", _SPACES)
                for one in answer.findall("d:GetServicesResponse/d:Service", _SPACES)
            }
            if known := services.get(_MEDIA) or services.get(_MEDIA2):
                self._newer = _MEDIA not in services
                return self._at_home(known)
        except SourceOpenError as error:
            if error.cause != OpenFailure.INVALID:
                raise
        asked = f'<GetCapabilities xmlns="{_DEVICE}"><Category>Media</Category></GetCapabilities>'
        answer = self._ask(self._device, asked)
        return self._at_home(text(answer, ".//t:Media/t:XAddr", _SPACES))

    def _at_home(self, given: str) -> SplitResult:
        """A service's address, be it relative, at this camera's own host and by its own scheme."""
        try:
            place = urlsplit(given)
            port = place.port if place.scheme == self._device.scheme else self._device.port
        except ValueError:
            place = urlsplit("")
        if not place.path or not is_printable(given) or " " in given:
            raise self._error(f"no address of a media service: {printable(given[:100])!r}")
        path = place.path if place.path.startswith("/") else f"/{place.path}"
        if not place.netloc:
            port = self._device.port
        return SplitResult(self._device.scheme, _netloc(self._device, port), path, place.query, "")

    def _ask(self, url: SplitResult, body: str) -> Element:
        return call(url, body, self._credentials, self.ahead)

    def _error(self, words: str) -> SourceOpenError:
        where = f"{self._device.scheme}://{self._device.netloc}"
        return SourceOpenError(f"{where}: {words}", OpenFailure.INVALID)


def device_url(text: str) -> str | None:
    """The device service of what is written as a host, with or without a port; None for others.

    A device service's own address is one, too.
    """
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, _ = url.hostname, url.port
    except ValueError:
        return None
    if "://" in text:
        web = url.scheme in ("http", "https") and url.path.rstrip("/").endswith(DEVICE_PATH)
        return text if web and "@" not in url.netloc else None
    plain = host is not None and url.netloc == text and "@" not in text and " " not in text
    like_a_host = plain and ("." in text or text.startswith("["))
    film = PurePath(text).suffix.lower() in _FILMS
    return f"http://{text}{DEVICE_PATH}" if like_a_host and not film else None


def with_login(source: str, credentials: Credentials | None) -> str:
    """A stream's address with a user and a password, in place of those that it has."""
    url = urlsplit(source)
    host = url.netloc.rpartition("@")[2]
    if credentials is None:
        return url._replace(netloc=host).geturl()
    login = f"{quote(credentials.user, '')}:{quote(credentials.password, '')}"
    return url._replace(netloc=f"{login}@{host}").geturl()


def choose(profiles: Sequence[Profile], least_fps: float) -> Choice:
    """The smallest stream that is large and fast enough; of equal ones, not H.265 or JPEG."""

    def order(one: Profile) -> tuple[bool, int]:
        return one.encoding.upper() not in ("H264", ""), one.width * one.height

    fit = [
        one
        for one in profiles
        if one.width >= SMALL_WIDTH
        and one.height >= SMALL_HEIGHT
        and (not one.fps or one.fps >= least_fps)
    ]
    if fit:
        reason = f"the smallest of {len(profiles)} that is large and fast enough"
        return Choice(min(fit, key=order), reason if len(profiles) > 1 else "its only stream")
    largest = max(profiles, key=lambda one: (one.width * one.height, one.fps))
    return Choice(
        largest,
        f"none has {SMALL_WIDTH}×{SMALL_HEIGHT} at {least_fps:g} a second: this is the largest",
    )


def _profile(element: Element) -> Profile | None:
    """A profile of either media service; None of one without video or a token to ask by."""
    token = element.get("token", "")
    video = element.find("t:VideoEncoderConfiguration", _SPACES)
    if video is None:
        video = element.find("n:Configurations/n:VideoEncoder", _SPACES)
    if video is None or not 0 < len(token) <= _LONGEST:
        return None
    return Profile(
        token,
        (text(element, "t:Name", _SPACES) or text(element, "n:Name", _SPACES))[:_LONGEST] or token,
        printable(text(video, "t:Encoding", _SPACES)[:20]),
        int(_number(text(video, "t:Resolution/t:Width", _SPACES))),
        int(_number(text(video, "t:Resolution/t:Height", _SPACES))),
        _number(text(video, "t:RateControl/t:FrameRateLimit", _SPACES)),
    )


def _number(written: str) -> float:
    return float(written) if _NUMBER.fullmatch(written) else 0


def _netloc(device: SplitResult, port: int | None) -> str:
    host = device.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
