"""HTTP cameras: one GET, and its answer as a file that FFmpeg reads."""

import time
from http.client import HTTPException, HTTPResponse
from string import punctuation
from typing import NoReturn
from urllib.parse import quote, urlsplit

from av.error import err_check, tag_to_code

from monitor.source import StreamLimits
from monitor.source.address import Address
from monitor.source.connection import UnfitError, Wire, connect
from monitor.source.jpegs import JpegParts
from monitor.source.login import Login, challenges, chosen

_TOLD = (400, 401, 403, 404, 429)  # that FFmpeg has an error for; else it knows 4XX and 5XX
_FIRST_BYTES = 4096  # which tell what comes


class HttpStream:
    """What a server sends in answer to a GET; errors are OSErrors or FFmpeg's.

    No redirect is followed. A cheap camera has one viewer alone: it is asked again only where it
    wants a password, and a server of files, where FFmpeg looks for another place in one.
    """

    def __init__(self, address: Address, limits: StreamLimits) -> None:
        self._url = urlsplit(address.target)
        self._limits = limits
        place = self._url._replace(scheme="", netloc="", fragment="", path=self._url.path or "/")
        self._path = quote(place.geturl(), punctuation)
        self._login = Login.of(self._url)
        self._wire: Wire | None = None
        self._first = b""  # was read already
        self._here = self._wanted = 0  # which byte comes next, and which one is to
        self._size = 0  # where it is known
        self._last_s = 0.0  # when a read ends at the latest, on the monotonic clock
        self._each_s = 0.0  # how long a single one may take

    def open(self) -> "HttpStream | JpegParts":
        """Ask, within `open_timeout_s`; what FFmpeg is to read."""
        self.allow(self._limits.open_timeout_s, self._limits.open_timeout_s)
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
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _ask(self, begin: int) -> None:
        try:
            response = self._get(begin, None)
            if response.status == 401 and self._login is not None:
                offered = challenges(response.headers.get_all("WWW-Authenticate", ()))
                if offered:
                    answer = self._login.answer(chosen(offered), "GET", self._path)
                    response = self._get(begin, answer)
        except HTTPException as error:
            _fail(b"EOF " if isinstance(error, OSError) else b"INDA")  # it hung up, or babbles
        if 300 <= response.status < 400 and (place := response.headers.get("Location")):
            raise UnfitError.redirect(place.encode("latin-1").decode("utf-8", "replace"))
        if 400 <= response.status < 600:
            told = response.status in _TOLD
            _fail(b"\xf8%d" % response.status if told else b"\xf8%dXX" % (response.status // 100))
        if response.status != (206 if begin else 200):
            _fail(b"INDA")
        self._response, self._here, self._first = response, begin, b""
        self._size = begin + (response.length or 0)

    def _more(self, size: int) -> bytes:
        assert self._wire is not None
        self._wire.end_s = min(self._last_s, time.monotonic() + self._each_s)
        try:
            return self._response.read1(size)
        except HTTPException:  # it ends in the middle of a chunk
            return b""

    def _get(self, begin: int, authorization: str | None) -> HTTPResponse:
        self.close()
        left_s = max(0.001, self._last_s - time.monotonic())
        connection = connect(self._url, self._limits.ca_file, left_s)
        self._wire = Wire(connection, self._last_s)
        host = self._url.netloc.rpartition("@")[2]
        lines = [f"GET {self._path} HTTP/1.1", f"Host: {host}", "Accept: */*", "Connection: close"]
        if begin:
            lines.append(f"Range: bytes={begin}-")
        if authorization is not None:
            lines.append(f"Authorization: {authorization}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        response = HTTPResponse(self._wire, method="GET")  # type: ignore[arg-type]
        response.begin()
        return response


def _fail(tag: bytes) -> NoReturn:
    """Raise FFmpeg's error of that name, so that all streams' errors have the same words."""
    err_check(-tag_to_code(tag))
    raise AssertionError(tag)
