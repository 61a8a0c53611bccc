"""Passwords that hold what a URL reads as its own: a raw # / ? [ ] or space."""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, quote

_RAW = re.compile(r"[/?#\[\] ]|%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(r"\[(?P<six>[^\]]*)\]|(?P<name>[^:/?#]*)")


def how_to_write(text: str) -> str:
    """How the characters of a URL's password are written that end it, as in `# as %23`.

    Empty if it holds none, or where no password is to be seen.
    """
    userinfo = text.partition("//")[2].rpartition("@")[0]
    password = userinfo.partition(":")[2]
    found = dict.fromkeys(_RAW.findall(password))
    return ", ".join(f"{'a space' if one == ' ' else one} as {quote(one, '')}" for one in found)


def cut_short(parts: SplitResult) -> bool:
    """Whether a URL that can be read as one is rather one whose password has ended it too soon.

    `rtsp://admin:12/34@10.0.0.1/` names the host admin and its port 12.
    """
    rest = parts.geturl().partition(parts.netloc)[2]
    path, at, after = rest.rpartition("@")
    if not at or ":" not in parts.netloc:
        return False
    if "#" in path:  # no camera is asked for what comes after it
        return True
    if "@" in parts.netloc or "=" in path:
        return False
    host = _HOST.match(after)
    assert host is not None
    return _like_a_host(host["six"] or host["name"] or "") > _like_a_host(parts.hostname or "")


def _like_a_host(name: str) -> int:
    """How much a name looks like one of a host."""
    try:
        ip_address(name)
    except ValueError:
        return int("." in name)
    return 2
