"""Why a stream could not be opened: FFmpeg has one name for many causes, so the server is asked."""

import re
import socket
import time
from urllib.parse import SplitResult, urlsplit

import av

from monitor.errors import OpenCause
from monitor.source import StreamLimits
from monitor.source.address import Address
from monitor.source.connection import UnfitError, connect
from monitor.source.ffmpeg import open_cause, reason

_ASK_S = 0.5  # for a connection, and as long for an answer: FFmpeg had its time already
_MOST_BYTES = 1 << 14  # of the head of an answer
_REDIRECT = re.compile(rb"(?is)rtsp/[\d.]+ 3\d\d.*?\r\nlocation:[ \t]*([^\r\n]+)")


def why(
    address: Address, limits: StreamLimits, error: Exception, waited_s: float
) -> tuple[OpenCause, str]:
    """The cause of an error that came after `waited_s`, and words for it."""
    cause, words = open_cause(error), reason(error)
    if isinstance(error, UnfitError):
        return error.cause, error.words
    # FFmpeg gives a wait that was cut short other names too.
    if cause == "timeout" or waited_s > 0.95 * limits.open_timeout_s:
        return "timeout", f"no answer within {limits.open_timeout_s:g} s"
    if cause not in ("unreachable", "invalid"):
        return cause, words
    url = urlsplit(address.target)
    if url.scheme in ("rtsp", "rtsps") and (fault := _fault(url, limits)):
        return "invalid", fault
    if isinstance(error, av.InvalidDataError):
        return "invalid", "answered, but not with video; check port and path"
    if isinstance(error, av.ArgumentError):
        return "invalid", "not a kind of video stream that is read here"
    return cause, words if cause == "invalid" else f"no video came ({words})"


def _fault(url: SplitResult, limits: StreamLimits) -> str | None:
    """What FFmpeg has no words for; the server that is asked is not told the password."""
    host = url.netloc.rpartition("@")[2]
    path = url.geturl().partition(url.netloc)[2] or "/"
    request = f"DESCRIBE {url.scheme}://{host}{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    try:
        with connect(url, limits.ca_file, _ASK_S) as connection:
            connection.sendall(request.encode())
            head = _head(connection)
    except UnfitError as error:
        return error.words
    except OSError:
        return None
    found = _REDIRECT.match(head)
    return found and UnfitError.redirect(found[1].decode("utf-8", "replace")).words


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
