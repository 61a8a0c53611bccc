"""What a user may write as a source, and how it is shown without its secrets."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from monitor.errors import ConfigError
from monitor.names import IN_NAMES, is_name, is_printable, plain_name
from monitor.paths import placed
from monitor.sources.url_escaping import cut_short, how_to_write

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "udp")
ALLOWED = "a webcam number or device, a video file, or " + ", ".join(
    f"{scheme}://" for scheme in STREAM_SCHEMES
)

_NUMBERED = re.compile(r"(?:/dev/video)?([0-9]{1,3})")
# Where a webcam that is unplugged had its names: udev's own, and those that its rules give.
_UNPLUGGED = re.compile(r"/dev/(?:v4l/.{1,255}|[^/]{1,255})")
_V4L2_MAJOR = 81  # of Linux
# Two letters at least: one is a drive.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
# One slash counts too: a mistyped URL holds the same password, and Path makes // into /.
# The lengths are bounded here and below so that a long text takes no quadratic time.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,15}:/+)(?P<rest>\S+)")
_WHOLE = re.compile(
    rf"(?P<scheme>(?:(?:{IN_NAMES}{{1,64}}=)?(?:(?i:rtsps?|https?|rtmps?|srt|udp):/+|[A-Za-z][A-Za-z0-9+.-]+://+))?)"
    r"(?P<rest>.+)",
    re.DOTALL,
)
# In the query, and in the path too: some recorders take rtsp://host/user=a_password=b_channel=1.
_SECRET = re.compile(
    r"(?i)([^\s=&?;/]{0,64}(?:pas|pwd|pw|token|secret|key|auth|sig|credential|session|jwt|hash)"
    r"[^\s=&?;/]{0,64}=)[^&]+"
)
# What was meant for an @: of a wide keyboard, or escaped with all the rest.
_WIDE = str.maketrans("\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}", "@@")
_FIRST = re.compile(r"[/?#]")  # ends a host
# Of RTMP what follows the application is the stream's key; with the marks of a sentence around it.
_KEY = re.compile(r"(?P<host>[^/]*/[^/?]*)(?P<key>[/?].*?)(?P<end>[:;,.'\")\]]*)", re.DOTALL)
_STREAM_ID = re.compile(r"(?i)(streamid=)[^&]+")  # of SRT: names a user, too
_GROUP = "udp://@group:port for multicast"
_PORT = re.compile(r"[0-9]{0,5}\W*")  # with the marks of a sentence around it


@dataclass(frozen=True)
class Address:
    """Where a camera's frames come from; its text form hides credentials."""

    kind: Literal["webcam", "stream", "file"]
    target: str  # webcam's number or path, URL, or path of a file

    @property
    def live(self) -> bool:
        """Whether the world sets the pace."""
        return self.kind != "file"

    @property
    def scheme(self) -> str:
        """The kind of URL of a stream, such as rtsp; nothing of another kind of source."""
        return urlsplit(self.target).scheme if self.kind == "stream" else ""

    @property
    def encrypted(self) -> bool:
        """Whether it comes over TLS."""
        return self.scheme in ("rtsps", "https", "rtmps")

    @property
    def device(self) -> Path:
        """The device file of a webcam; it may be a link, which is followed anew each time."""
        number = _NUMBERED.fullmatch(self.target)
        return Path(f"/dev/video{number[1]}" if number else self.target)

    @property
    def name(self) -> str:
        """A short name for a camera without one: the device, the host or the file's stem."""
        if self.kind == "webcam":
            number = _NUMBERED.fullmatch(self.target)
            # Of the names that udev gives a webcam's devices, the first one's end says nothing.
            own = self.device.name.removesuffix("-video-index0")
            text = f"webcam{number[1]}" if number else own
        elif self.kind == "stream":
            parts = urlsplit(self.target)
            text = parts.hostname or f"{parts.scheme}-{parts.port}"
        else:
            text = Path(self.target).stem
        return plain_name(text) or "camera"

    def __str__(self) -> str:
        return redact(self.target)

    def __repr__(self) -> str:
        return f"Address({self.kind}, {self})"


def redact(text: str) -> str:
    """`text` with the passwords and tokens of every URL in it replaced by ***.

    Where it is unclear what is password, as with an unescaped @ or /, more is hidden than needed.
    """
    return _URL.sub(_hide, text)


def redact_argument(text: str) -> str:
    """One argument or value, which may be a source; that may be mistyped, with any spaces in it."""
    return _WHOLE.sub(_hide, text)


def split_name(text: str) -> tuple[str | None, str]:
    """`name=source` as (name, source); (None, text) where no name is given."""
    name, _, source = text.partition("=")
    return (name, source) if source and is_name(name) and not _exists(text) else (None, text)


def parse_address(text: str, folder: str = "") -> Address:
    """The address written as `text`, in a file of `folder`; ConfigError if it is not allowed."""
    if _NUMBERED.fullmatch(text):
        return Address("webcam", text)
    shown = f"{redact_argument(text):.200}"
    path = placed(text, folder)
    exists = _exists(path)
    if not text or not (is_printable(text) or exists):
        raise ConfigError(f"source {shown!r}: allowed: {ALLOWED}")
    scheme = _SCHEME.match(text)
    if scheme is None or exists:
        if shown != text[:200] and not exists:  # a URL without its beginning
            raise ConfigError(f"source {shown}: no such file, nor a URL; allowed: {ALLOWED}")
        return Address("webcam" if _is_webcam(path) else "file", path)
    name = scheme[1].lower()
    if name not in STREAM_SCHEMES:
        # The word before the colon may be a user, and what follows a password.
        raise ConfigError(f"source {shown}: not a kind of source; allowed: {ALLOWED}")
    if not text[scheme.end() :].startswith("//"):
        raise ConfigError(f"source {shown}: a URL starts with {name}://")
    if _is_url(text, name):
        return Address("stream", name + text[scheme.end(1) :])
    if codes := how_to_write(text):
        raise ConfigError(f"source {shown}: not a valid URL; in its password, write {codes}")
    if name == "udp":
        raise ConfigError(f"source {shown}: not a valid URL; write udp://@:port, or {_GROUP}")
    raise ConfigError(
        f"source {shown}: not a valid URL; write {name}://user:password@host:port/path, "
        "with any of @ : / ? # % and spaces in the password as %40 %3A %2F %3F %23 %25 %20"
    )


def _is_url(text: str, name: str) -> bool:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    named = bool(host) if name != "udp" else port is not None  # here one listens
    return named and " " not in text and not cut_short(parts)


def is_camera(there: os.stat_result) -> bool:
    """Whether what lies at a path is a V4L2 device."""
    return stat.S_ISCHR(there.st_mode) and os.major(there.st_rdev) == _V4L2_MAJOR


def _is_webcam(text: str) -> bool:
    """Whether a path leads to a V4L2 device, or to where one was before it was unplugged."""
    try:
        return is_camera(Path(text).stat())
    except FileNotFoundError:
        return _UNPLUGGED.fullmatch(os.path.realpath(text)) is not None
    except (OSError, ValueError):
        return False


def _hide(url: re.Match[str]) -> str:
    scheme, given = url["scheme"], url["rest"]
    if "rtmp" in scheme.lower() and (key := _KEY.fullmatch(given)):
        if "@" in key["key"] and "@" not in key["host"]:  # or it is no key, but in a password
            return f"{scheme}***"
        given = f"{key['host']}/***{key['end']}"
    hidden = scheme + _hide_password(scheme, given)
    return _STREAM_ID.sub(r"\1***", hidden) if "srt" in scheme.lower() else hidden


def _hide_password(scheme: str, text: str) -> str:
    given = text.translate(_WIDE)
    rest = _SECRET.sub(r"\1***", given)  # first: a secret parameter may hold an @
    if rest.count("@") < given.count("@") and (":" in rest or "@" in _FIRST.split(given)[0]):
        return "***"  # or a password, with an @ after it, may hold a parameter
    rest = _with_at(rest)
    userinfo, at, host = rest.rpartition("@")
    first = _FIRST.split(rest)[0]
    name, colon, port = first.partition(":")
    # An @ after a path that follows a bare host name is part of the path.
    if at and userinfo and ("@" in first or ":" in userinfo or not first):
        user, colon, _ = userinfo.partition(":")
        return f"{user}:***@{host}" if colon and scheme else f"***@{host}"
    if scheme and colon and not first.startswith("[") and not _PORT.fullmatch(port):
        return f"{name}:***"  # a password whose host was forgotten
    return _SECRET.sub(r"\1***", text)


def _with_at(rest: str) -> str:
    """The rest of a URL with an @ for a last %40 that the name of a host could not hold."""
    before, at, after = rest.rpartition("@")
    place = after.rfind("%40", 0, len(_FIRST.split(after)[0]))
    return rest if place < 0 else f"{before}{at}{after[:place]}@{after[place + 3 :]}"


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a name, or not one
        return False
