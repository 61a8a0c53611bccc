"""Why a stream could not be opened: FFmpeg has one name for many causes, so the server is asked."""

import re
import socket
import ssl
import time
from urllib.parse import SplitResult, urlsplit

import av

from monitor.errors import OpenCause
from monitor.printable import printable
from monitor.source import StreamLimits
from monitor.source.address import Address, redact
from monitor.source.ffmpeg import open_cause, reason

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_ASK_S = 0.5  # for a connection, and as long for an answer: FFmpeg had its time already
_MOST_BYTES = 1 << 14  # of the head of an answer
_REDIRECT = re.compile(rb"(?is)(?:http|rtsp)/[\d.]+ 3\d\d.*?\r\nlocation:[ \t]*([^\r\n]{1,200})")


def why(
    address: Address, limits: StreamLimits, error: Exception, waited_s: float
) -> tuple[OpenCause, str]:
    """The cause of an error that came after `waited_s`, and words for it."""
    cause, words = open_cause(error), reason(error)
    # FFmpeg gives a wait that was cut short other names too.
    if cause == "timeout" or waited_s > 0.95 * limits.open_timeout_s:
        return "timeout", f"no answer within {limits.open_timeout_s:g} s"
    if cause not in ("unreachable", "invalid"):
        return cause, words
    url = urlsplit(address.target)
    if fault := _fault(url, limits):
        return fault
    if isinstance(error, av.InvalidDataError):
        return "invalid", "answered, but not with video; check port and path"
    if isinstance(error, av.ArgumentError):
        return "invalid", "not a kind of video stream that is read here"
    return cause, words if cause == "invalid" else f"no video came ({words})"


def _fault(url: SplitResult, limits: StreamLimits) -> tuple[OpenCause, str] | None:
    """What FFmpeg has no words for."""
    if url.scheme in ("rtsps", "https") and (fault := _certificate_fault(url, limits)):
        return "invalid", f"the certificate is refused: {fault}"
    if place := _redirect(url, limits):
        return "invalid", f"redirects to {place}, which is not followed: give that address itself"
    return None


def _certificate_fault(url: SplitResult, limits: StreamLimits) -> str | None:
    if limits.ca_file is None:
        return None
    try:
        context = _tls(limits)
    except OSError as error:
        return f"{limits.ca_file} cannot be used: {reason(error)}"
    try:
        with _connected(url, context, limits.open_timeout_s):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return None


def _redirect(url: SplitResult, limits: StreamLimits) -> str | None:
    """Where the server sends who asks it for the URL; it is not told the password."""
    host = url.netloc.rpartition("@")[2]
    path = url.geturl().partition(url.netloc)[2] or "/"
    if url.scheme in ("rtsp", "rtsps"):
        request = f"DESCRIBE {url.scheme}://{host}{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    else:
        request = f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n"
    try:
        context = _tls(limits) if url.scheme in ("rtsps", "https") else None
        with _connected(url, context, _ASK_S) as connection:
            connection.sendall(request.encode())
            head = _head(connection)
    except OSError:
        return None
    found = _REDIRECT.match(head)
    return None if found is None else redact(printable(found[1].decode("utf-8", "replace")))


def _head(connection: socket.socket) -> bytes:
    """The first lines of an answer; OSError where they do not come in time."""
    end_s = time.monotonic() + _ASK_S
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST_BYTES:
        connection.settimeout(max(0.01, end_s - time.monotonic()))
        if not (more := connection.recv(4096)):
            break
        head += more
    return head


def _tls(limits: StreamLimits) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=limits.ca_file)
    if limits.ca_file is None:  # as FFmpeg does it
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _connected(url: SplitResult, context: ssl.SSLContext | None, limit_s: float) -> socket.socket:
    """A connection to the URL's host, which the caller closes; OSError where there is none."""
    plain = socket.create_connection((url.hostname, url.port or _PORTS[url.scheme]), limit_s)
    if context is None:
        return plain
    try:
        return context.wrap_socket(plain, server_hostname=url.hostname)
    except BaseException:
        plain.close()
        raise
