"""Connections to a camera's host, each within a limit; no proxy is used, whatever is set."""

import io
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult

from av.error import err_check, tag_to_code

from monitor.decode.ffmpeg import reason
from monitor.names import printable
from monitor.sources.address import redact
from monitor.states import OpenFailure

_READ_BYTES = 1 << 16
_TOLD = (400, 401, 403, 404, 429)  # that FFmpeg has an error for; else it knows 4XX and 5XX
_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "rtmps": 443}


class UnfitError(OSError):
    """The server was reached, and is none to go on with; `words` say why."""

    def __init__(self, words: str, cause: OpenFailure = OpenFailure.INVALID) -> None:
        super().__init__()
        self.words = words
        self.cause: OpenFailure = cause

    @classmethod
    def redirect(cls, place: str) -> "UnfitError":
        """It sends to another place."""
        shown = redact(printable(place[:200]))
        return cls(f"redirects to {shown}, which is not followed: give that address itself")


def refuse(status: int | None) -> NoReturn:
    """Raise FFmpeg's error for the status of an answer, so that all streams' errors are alike.

    None is for no answer, because the server hung up; one that is no error, for an unfit answer.
    """
    if status is None:
        tag = b"EOF "
    elif 400 <= status < 600:
        tag = b"\xf8%d" % status if status in _TOLD else b"\xf8%dXX" % (status // 100)
    else:
        tag = b"INDA"
    err_check(-tag_to_code(tag))
    raise AssertionError(tag)


def connect(url: SplitResult, ca_file: Path | None, limit_s: float) -> socket.socket:
    """A connection to the URL's host, which the caller closes; OSError if there is none.

    It is encrypted where the URL says so. Without `ca_file` any certificate will do.
    """
    plain = _plain(url.hostname or "", url.port or _PORTS[url.scheme], limit_s)
    if url.scheme not in ("rtsps", "https", "rtmps"):
        return plain
    try:
        return _encrypted(plain, url.hostname or "", ca_file)
    except BaseException:
        plain.close()
        raise


def _plain(host: str, port: int, limit_s: float) -> socket.socket:
    """A connection to one of the addresses of a host, which share the time."""
    places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, place in places:
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(limit_s / len(places))
        try:
            connection.connect(place)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last


def _encrypted(plain: socket.socket, host: str, ca_file: Path | None) -> socket.socket:
    try:
        context = _context(ca_file)
    except OSError as error:
        words = f"{ca_file} cannot be used: {reason(error)}"
        raise UnfitError(f"the certificate is refused: {words}") from None
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise UnfitError(f"the certificate is refused: {error.verify_message}") from None
    except ssl.SSLError as error:
        words = (error.reason or "").replace("_", " ").lower()
        raise UnfitError(f"no TLS: {words or reason(error)}; check scheme and port") from None


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # cameras' own certificates are simple ones
    if ca_file is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # As FFmpeg does it: old cameras are better watched over old TLS than over none.
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def received(connection: socket.socket, read: Callable[[int], bytes]) -> bytes:
    """All that has come, which `read` reads, since the system tells of it; it may wait for more.

    The system does not tell of what TLS has taken already.
    """
    came = read(_READ_BYTES)
    while isinstance(connection, ssl.SSLSocket) and connection.pending():
        came += read(_READ_BYTES)
    return came


class Wire(io.RawIOBase):
    """A socket read as a file, up to a moment that is set from outside; TimeoutError from then on.

    A limit for each read alone would let a server that trickles hold its reader up without end.
    """

    def __init__(self, connection: socket.socket, deadline_s: float) -> None:
        super().__init__()
        self.deadline_s = deadline_s  # on the monotonic clock
        self.connection = connection

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """What has come, at least one byte; 0 if the other side hung up."""
        left_s = self.deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self.connection.settimeout(left_s)
        return self.connection.recv_into(buffer)

    def fileno(self) -> int:
        """What tells that something has come."""
        return self.connection.fileno()

    def makefile(self, mode: str) -> io.BufferedReader:
        """The file that http.client reads from."""
        return io.BufferedReader(self)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
        super().close()
