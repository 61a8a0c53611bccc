"""What an RTSP connection carries (RFC 2326): answers, requests, and packets among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from monitor.sources.connection import UnfitError

_MOST_BYTES = 1 << 20  # of a message that is no packet
_DOLLAR = ord("$")  # begins a packet
_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*([0-9]{1,9})")
# Where a packet, an answer or a request of the camera begins.
_MESSAGE = rb"RTSP/|(?:OPTIONS|ANNOUNCE|REDIRECT|TEARDOWN|PLAY_NOTIFY|[GS]ET_PARAMETER) "
_BEGIN = re.compile(rb"\$[\0\1]|" + _MESSAGE)
_TEXT = re.compile(_MESSAGE)
_LONGEST = len(b"GET_PARAMETER ")  # beginning, after which it is known what something is


class Interleaved(NamedTuple):
    """A packet on one of the channels of a connection (RFC 2326, 10.12)."""

    channel: int
    data: bytes


@dataclass(frozen=True)
class Message:
    """An answer, or a request of the camera."""

    first: str  # line
    headers: tuple[tuple[str, str], ...]  # names in small letters
    body: bytes

    @classmethod
    def parse(cls, head: bytes, body: bytes) -> Message:
        """That of a head, without the empty line after it."""
        first, *lines = head.decode("utf-8", "replace").splitlines()
        pairs = (line.partition(":") for line in lines)
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        return cls(first, headers, body)

    @property
    def status(self) -> int | None:
        """That of an answer; None if it is a request."""
        if not self.first.startswith("RTSP/"):
            return None
        code = self.first.split(" ", 2)[1:2]
        return int(code[0]) if code and re.fullmatch("[1-9][0-9]{2}", code[0]) else 0

    def all(self, name: str) -> list[str]:
        """The values of all headers of that name."""
        return [value for one, value in self.headers if one == name]

    def get(self, name: str) -> str:
        """The value of the first header of that name; nothing if there is none."""
        return next(iter(self.all(name)), "")


class Parts:
    """Takes what came apart, however it was cut.

    What is neither packet nor message is skipped, up to the next that looks like one: cameras
    have been seen to count a packet's bytes wrong.
    """

    def __init__(self) -> None:
        self._came = b""
        self._at = 0
        self._lost = False  # whether it is not known where the next one begins
        self.skipped = 0  # bytes

    def add(self, came: bytes) -> None:
        """Take what came next."""
        self._came = self._came[self._at :] + came if self._at < len(self._came) else came
        self._at = 0

    def next(self) -> Interleaved | Message | None:
        """The next part; None if it has not come as a whole. OSError if it has no end."""
        came, at = self._came, self._at
        if len(came) - at >= 4 and came[at] == _DOLLAR and not self._lost:
            end = at + 4 + (came[at + 2] << 8) + came[at + 3]
            if end > len(came):
                return None
            self._at = end
            return Interleaved(came[at + 1], came[at + 4 : end])
        return self._other()

    def _other(self) -> Interleaved | Message | None:
        while (left := len(self._came) - self._at) > 0:
            if self._came[self._at] == _DOLLAR and not self._lost:
                return None if left < 4 else self.next()
            if _TEXT.match(self._came, self._at):
                self._lost = False
                return self._message()
            if self._came[self._at] in b"\r\n":  # some end a message with more than one
                self._at += 1
            elif (left < _LONGEST and not self._lost) or not self._find():
                return None
        return None

    def _find(self) -> bool:
        """Go to what looks like the beginning of something."""
        found = _BEGIN.search(self._came, self._at + (not self._lost))
        # The rest may be the beginning of one.
        to = found.start() if found else max(self._at, len(self._came) - _LONGEST + 1)
        self.skipped += to - self._at
        self._at = to
        self._lost = found is None
        return found is not None

    def _message(self) -> Message | None:
        came, at = self._came, self._at
        if end := _END.search(came, at):
            length = _LENGTH.search(came, at, end.start())
            after = end.end() + (int(length[1]) if length else 0)
            if after <= len(came):
                self._at = after
                return Message.parse(came[at : end.start()], came[end.end() : after])
        if len(came) - at > _MOST_BYTES:
            raise UnfitError("an endless message")
        return None
