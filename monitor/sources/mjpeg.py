"""JPEG pictures found in what a camera sends, whatever it puts between them.

Browsers take multipart JPEG however faulty its parts are framed, and so cameras send them: without
a first boundary, with a wrong length, under a wrong name. So boundaries, headers and lengths are
not looked at: a JPEG says itself where it begins and ends (ITU-T T.81, annex B).
"""

import re
from collections.abc import Callable

_MOST_BYTES = 16 << 20  # of a picture; what is longer is none
_READ_BYTES = 1 << 16
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_BARE = {0x01, *range(0xD0, 0xD8)}  # markers that nothing belongs to
# What may follow a scan. In it an FF of the picture's own is followed by 00, restarts belong to it,
# and any other marker is a fault of the picture that must not lead astray.
_MARKER = re.compile(rb"\xff[\xc4\xd8-\xdd]")


class JpegParts:
    """A file of pictures as multipart JPEG that FFmpeg's demuxer takes, made of any that it is not.

    FFmpeg reads it; `read` is the function that gives what the camera sends.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._data = bytearray()  # what was not looked through yet
        self._part = memoryview(b"")  # what is left of the part that is being read
        self._marks_ends = False  # whether a picture ended as it should

    def read(self, size: int) -> bytes:
        """The next bytes, none at the end."""
        try:
            while not self._part:
                if picture := self._next():
                    head = b"--\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                    self._part = memoryview(head % len(picture) + picture + b"\r\n")
        except EOFError:
            return b""
        given, self._part = bytes(self._part[:size]), self._part[size:]
        return given

    def _next(self) -> bytes | None:
        """The next picture; None if what looked like one was none."""
        while (begin := self._data.find(b"\xff\xd8\xff")) < 0:
            del self._data[:-2]
            self._more()
        del self._data[:begin]
        at, drawn = 2, False
        while len(self._data) <= _MOST_BYTES:
            self._fill(at + 2)
            mark, marker = self._data[at : at + 2]
            if mark != 0xFF:
                break
            if marker == _END:
                self._marks_ends = True
                return self._take(at + 2)
            if marker == _START:  # of the next: this one was cut off, or the camera marks no ends
                picture = self._take(at)
                return picture if drawn and not self._marks_ends else None
            if marker == 0xFF:
                at += 1
                continue
            at += 2
            if marker in _BARE:
                continue
            self._fill(at + 2)
            at += int.from_bytes(self._data[at : at + 2])
            if marker == _SCAN:
                drawn = True
                at = self._end_of_scan(at)
        self._take(at)
        return None

    def _end_of_scan(self, at: int) -> int:
        while len(self._data) <= _MOST_BYTES:
            if (marker := _MARKER.search(self._data, at)) is not None:
                return marker.start()
            at = max(at, len(self._data) - 1)
            self._more()
        return at

    def _take(self, end: int) -> bytes:
        picture = bytes(self._data[:end])
        del self._data[:end]
        return picture

    def _fill(self, size: int) -> None:
        while len(self._data) < size:
            self._more()

    def _more(self) -> None:
        if not (came := self._read(_READ_BYTES)):
            raise EOFError
        self._data += came
