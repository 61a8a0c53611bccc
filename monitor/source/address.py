"""What a user may write as a source, and how it is shown without its secrets."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from monitor.errors import ConfigError
from monitor.place import placed

STREAM_SCHEMES = ("rtsp", "rtsps", "http", "https")
ALLOWED = "a webcam number, /dev/videoN, a video file, or rtsp://, rtsps://, http://, https://"

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})=(.+)", re.DOTALL)
_WEBCAM = re.compile(r"(?:/dev/video)?[0-9]{1,3}")
# Two letters at least: one is a drive.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
# One slash counts too: a mistyped URL holds the same password, and Path makes // into /.
# The lengths are bounded here and below so that a long text takes no quadratic time.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,15}:/+)(?P<rest>\S+)")
_WHOLE = re.compile(
    r"(?P<scheme>(?:(?:[\w.-]{1,64}=)?(?:(?i:rtsps?|https?):/+|[A-Za-z][A-Za-z0-9+.-]+://+))?)"
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
_PORT = re.compile(r"[0-9]{0,5}\W*")  # with the marks of a sentence around it


@dataclass(frozen=True)
class Address:
    """Where a camera's frames come from; its text form hides credentials."""

    kind: Literal["webcam", "stream", "file"]
    target: str  # device number or path, URL, or path of a file

    @property
    def live(self) -> bool:
        """Whether the world sets the pace."""
        return self.kind != "file"

    @property
    def encrypted(self) -> bool:
        """Whether it comes over TLS."""
        return self.kind == "stream" and urlsplit(self.target).scheme in ("rtsps", "https")

    @property
    def name(self) -> str:
        """A short name for a camera without one: the device, the host or the file's stem."""
        if self.kind == "webcam":
            text = f"webcam{self.target.removeprefix('/dev/video')}"
        elif self.kind == "stream":
            text = urlsplit(self.target).hostname or ""
        else:
            text = Path(self.target).stem
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._")[:40] or "camera"

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
    named = _NAMED.fullmatch(text)
    if named is None or _exists(text):
        return None, text
    return named[1], named[2]


def parse_address(text: str, folder: str = "") -> Address:
    """The address written as `text`, in a file of `folder`; ConfigError where it is not allowed."""
    if _WEBCAM.fullmatch(text):
        return Address("webcam", text)
    shown = f"{redact_argument(text):.200}"
    path = placed(text, folder)
    exists = _exists(path)
    if not text or not (text.isprintable() or exists):
        raise ConfigError(f"source {shown!r}: allowed: {ALLOWED}")
    scheme = _SCHEME.match(text)
    if scheme is None or exists:
        if shown != text[:200] and not exists:  # a URL without its beginning
            raise ConfigError(f"source {shown}: no such file, nor a URL; allowed: {ALLOWED}")
        return Address("file", path)
    name = scheme[1].lower()
    if name not in STREAM_SCHEMES:
        # The word before the colon may be a user, and what follows a password.
        raise ConfigError(f"source {shown}: not a kind of source; allowed: {ALLOWED}")
    if not text[scheme.end() :].startswith("//"):
        raise ConfigError(f"source {shown}: a URL starts with {name}://")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its words may quote the password
        host = None
    if not host or " " in text:
        raise ConfigError(
            f"source {shown}: not a valid URL; write {name}://user:password@host:port/path, "
            "with any of @ : / ? # % and spaces in the password as %40 %3A %2F %3F %23 %25 %20"
        )
    return Address("stream", name + text[scheme.end(1) :])


def _hide(url: re.Match[str]) -> str:
    scheme, given = url["scheme"], url["rest"].translate(_WIDE)
    rest = _SECRET.sub(r"\1***", given)  # first: a secret parameter may hold an @
    if rest.count("@") < given.count("@") and (":" in rest or "@" in _FIRST.split(given)[0]):
        return f"{scheme}***"  # or a password, with an @ after it, may hold a parameter
    rest = _with_at(rest)
    userinfo, at, host = rest.rpartition("@")
    first = _FIRST.split(rest)[0]
    name, colon, port = first.partition(":")
    # An @ after a path that follows a bare host name is part of the path.
    if at and ("@" in first or ":" in userinfo or not first):
        user, colon, _ = userinfo.partition(":")
        return f"{scheme}{user}:***@{host}" if colon and scheme else f"{scheme}***@{host}"
    if scheme and colon and not first.startswith("[") and not _PORT.fullmatch(port):
        return f"{scheme}{name}:***"  # a password whose host was forgotten
    return scheme + _SECRET.sub(r"\1***", url["rest"])


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
