"""What an HTTP camera sends, as a file that FFmpeg reads."""

import time
from http.client import HTTPException
from urllib.parse import urlsplit

from monitor.sources.address import Address
from monitor.sources.http_get import Asking
from monitor.sources.mjpeg import JpegParts
from monitor.sources.source import SourceSettings

_FIRST_BYTES = 4096  # which tell what comes


class HttpStream:
    """The answer to a GET; it is asked again where FFmpeg looks for another place in a file.

    Errors are OSErrors or FFmpeg's.
    """

    def __init__(self, address: Address, settings: SourceSettings) -> None:
        self._asking = Asking(urlsplit(address.target), settings)
        self._settings = settings
        self._first = b""  # was read already
        self._here = self._wanted = 0  # which byte comes next, and which one is to
        self._size = 0  # where it is known
        self._last_s = 0.0  # when a read ends at the latest, on the monotonic clock
        self._each_s = 0.0  # how long a single one may take

    def open(self) -> "HttpStream | JpegParts":
        """Ask, within `open_timeout_s`; what FFmpeg is to read."""
        self.allow(self._settings.open_timeout_s, self._settings.open_timeout_s)
        self._ask(0)
        if self._response.headers.get_content_maintype() not in ("multipart", "image"):
            while len(self._first.lstrip()) < 3 and (more := self._more(_FIRST_BYTES)):
                self._first = (self._first + more)[-_FIRST_BYTES:]
            if not self._first.lstrip().startswith((b"--", b"\xff\xd8\xff")):
                return self
        return JpegParts(self.read)

    def allow(self, whole_s: float, each_s: float) -> None:
        """Let reads take no longer than this from now on, all of them and each: TimeoutError."""
        self._last_s, self._each_s = time.monotonic() + whole_s, each_s

    def read(self, size: int) -> bytes:
        """What has come, at the most so many bytes; none at the end."""
        if self._wanted != self._here:
            self._ask(self._wanted)
        given, self._first = self._first[:size], self._first[size:]
        given = given or self._more(size)
        self._here = self._wanted = self._here + len(given)
        return given

    def seekable(self) -> bool:
        """Whether it is a file that may be read from any place."""
        headers = self._response.headers
        return self._response.length is not None and headers.get("Accept-Ranges") == "bytes"

    def seek(self, place: int, whence: int = 0) -> int:
        """Have the next read begin at another byte."""
        self._wanted = place if whence == 0 else self._size + place
        return self._wanted

    def tell(self) -> int:
        """Which byte is read next."""
        return self._wanted

    def close(self) -> None:
        """Hang up."""
        self._asking.close()

    def _ask(self, begin: int) -> None:
        lines = ["Accept: */*", "Connection: close", *([f"Range: bytes={begin}-"] if begin else [])]
        status = 206 if begin else 200
        self._response = self._asking.get(self._last_s, *lines, status=status)
        self._here, self._first = begin, b""
        self._size = begin + (self._response.length or 0)

    def _more(self, size: int) -> bytes:
        wire = self._asking.wire
        assert wire is not None
        wire.deadline_s = min(self._last_s, time.monotonic() + self._each_s)
        try:
            return self._response.read1(size)
        except HTTPException:  # it ends in the middle of a chunk
            return b""
