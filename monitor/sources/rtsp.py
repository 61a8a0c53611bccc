"""RTSP sessions: over TCP, UDP or HTTP, whichever way the camera asks for its password."""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import av
from av.container import InputContainer

from monitor.decode.hardware import accelerator
from monitor.sources.authentication import challenges
from monitor.sources.connection import UnfitError, Wire, connect
from monitor.sources.rtsp_relay import Direct, Relay
from monitor.sources.rtsp_tunnel import Tunnel
from monitor.sources.source import SourceSettings

# What a stream may reach: what carries it, never a file, a pipe or another kind of address. An RTSP
# server may send to another one, which FFmpeg would follow and give the password to, even in the
# clear; it does not where the scheme itself is not among the protocols, and opens the first all the
# same.
_PROTOCOLS = {"rtsp": "rtp,tcp,udp", "rtsps": "rtp,srtp,tcp,tls,udp"}
ASK_S = 0.5  # for a connection, and as long for an answer: FFmpeg had its time already
_MOST_BYTES = 1 << 14  # of the head of an answer
_DIGEST = re.compile(r"(?im)^www-authenticate:[ \t]*(digest.*?)\r?$")
_ANSWERED = ("MD5", "MD5-sess")  # the algorithms of Digest that FFmpeg knows
# What cameras that send by UDP alone may say to TCP, besides 461: something else, or "by UDP".
_REFUSALS = (av.HTTPBadRequestError, av.HTTPOtherClientError, av.InvalidDataError)


class _TransportError(UnfitError):
    """The camera does not send in the way that it was asked to."""


def describe(url: SplitResult, settings: SourceSettings) -> str:
    """The head of a camera's answer to who does not know its password; OSError if none comes."""
    host = url.netloc.rpartition("@")[2]
    path = url.geturl().partition(url.netloc)[2] or "/"
    request = f"DESCRIBE {url.scheme}://{host}{path} RTSP/1.0\r\nCSeq: 1\r\n\r\n"
    with connect(url, settings.ca_file, ASK_S) as connection:
        connection.sendall(request.encode())
        wire = Wire(connection, time.monotonic() + ASK_S)
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _MOST_BYTES and (more := wire.read(4096)):
            head += more
    return head.decode("utf-8", "replace")


@dataclass(frozen=True)
class Rtsp:
    """How one session is begun, before a moment of the monotonic clock."""

    url: SplitResult
    settings: SourceSettings
    deadline_s: float

    def open(self, held: ExitStack) -> tuple[InputContainer, bool]:
        """The session, and whether it sends over UDP; what must be closed after it is `held`.

        Errors are OSErrors or FFmpeg's.
        """
        transport = self.settings.transport
        if transport != "auto":
            return self._over(transport, held), transport == "udp"
        try:
            return self._over("tcp", held), False
        except (_TransportError, *_REFUSALS) as error:
            if self.url.scheme == "rtsps" or not self._head().startswith("RTSP/"):
                raise  # there is no TLS over UDP, and no RTSP in what babbles
            refusal = error
        try:
            return self._over("udp", held), True
        except (av.FFmpegError, OSError):
            raise refusal from None

    def _over(self, transport: str, held: ExitStack) -> InputContainer:
        try:
            if transport != "http" and not self._proxied:
                try:
                    return self._play(self.url.geturl(), transport)
                except av.HTTPUnauthorizedError:
                    if self.url.password is None or self._ffmpeg_can_answer():
                        raise
            return self._relayed(transport, held)
        except OSError as error:
            if error.errno != errno.EPROTONOSUPPORT:
                raise
            words = f"the camera does not send over {transport.upper()}"
            raise _TransportError(f"{words}: set stream.transport to auto") from None

    @property
    def _proxied(self) -> bool:
        """Whether FFmpeg would go another way, by a proxy of the environment."""
        return self.url.scheme == "rtsps" and bool(os.environ.get("http_proxy"))

    def _ffmpeg_can_answer(self) -> bool:
        """Whether FFmpeg knew how to say the password, which was wrong then.

        Of several ways to say it FFmpeg takes the last, and knows MD5 alone.
        """
        asked = _DIGEST.findall(self._head())
        last = challenges(asked[-1:])
        return not asked or (len(last) == 1 and last[0].algorithm in _ANSWERED)

    def _head(self) -> str:
        try:
            return describe(self.url, self.settings)
        except OSError:
            return ""

    def _relayed(self, transport: str, held: ExitStack) -> InputContainer:
        url = self.url
        camera: Direct | Tunnel
        if transport == "http":
            camera = Tunnel(url, self.settings, self.deadline_s)
        else:
            camera = Direct(url, self.settings, self.deadline_s)
        with ExitStack() as stack:
            relay = stack.enter_context(closing(Relay(url, camera)))
            try:
                container = self._play(relay.target, "udp" if transport == "udp" else "tcp")
            except av.FFmpegError:
                if relay.fault is not None:
                    raise relay.fault from None
                raise
            held.push(stack.pop_all())
        return container

    def _play(self, target: str, transport: str) -> InputContainer:
        settings = self.settings
        options = {
            "protocol_whitelist": _PROTOCOLS[urlsplit(target).scheme],
            # Nothing is probed: an RTSP session describes itself, and probing costs seconds.
            "rtsp_transport": transport,
            "allowed_media_types": "video+audio" if settings.sound else "video",
            # Of a single wait; the sum of all is bounded by the limits that av.open is given.
            "timeout": str(int(settings.call_timeout_s * 1e6)),
            "analyzeduration": "0",
            "probesize": "32",
        }
        if target.startswith("rtsps") and settings.ca_file is not None:
            options |= {"tls_verify": "1", "ca_file": str(settings.ca_file)}
        return av.open(
            target,
            "r",
            options=options,
            # FFmpeg tries a read of RTSP once more after it was cut short.
            timeout=(max(0.001, self.deadline_s - time.monotonic()), settings.read_timeout_s / 2),
            metadata_errors="ignore",
            hwaccel=accelerator(settings.decoding.hardware),
        )
