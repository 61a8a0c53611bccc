"""RTSP cameras: over TCP, UDP or HTTP, whichever way the camera sends."""

from __future__ import annotations

import errno
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from urllib.parse import SplitResult

import av
from av.container import InputContainer

from monitor.decode.hardware import accelerator
from monitor.sources.connection import UnfitError
from monitor.sources.rtp_file import open_rtp
from monitor.sources.rtsp_connection import Camera, Direct
from monitor.sources.rtsp_session import CodecError, RtspSession, TransportError, Way
from monitor.sources.rtsp_tunnel import Tunnel
from monitor.sources.source import SourceSettings
from monitor.states import OpenFailure

# What cameras that send by UDP alone may say to TCP, besides 461: something else.
_REFUSALS = (TransportError, av.HTTPBadRequestError, av.HTTPOtherClientError)
# What FFmpeg may reach: never a file, a pipe or another kind of address. An RTSP server may send to
# another one, which FFmpeg would follow and give the password to, even in the clear; it does not if
# the scheme itself is not among the protocols, and opens the first all the same.
_PROTOCOLS = {"rtsp": "rtp,tcp,udp", "rtsps": "rtp,srtp,tcp,tls,udp"}


@dataclass(frozen=True)
class RtspStream:
    """A camera that plays."""

    container: InputContainer
    over_udp: bool
    sound: str | None  # the codec of what is not taken
    session: RtspSession | None  # None if FFmpeg plays it


@dataclass(frozen=True)
class Rtsp:
    """How one camera is asked for its video, before a moment of the monotonic clock."""

    url: SplitResult
    settings: SourceSettings
    deadline_s: float

    def open(self, held: ExitStack) -> RtspStream:
        """Have it play; what must be closed after its container is `held`.

        Errors are OSErrors or FFmpeg's.
        """
        transport = self.settings.transport
        if transport != "auto":
            return self._over(transport, held)
        try:
            return self._over("tcp", held)
        except _REFUSALS as error:
            if self.url.scheme == "rtsps":
                raise
            refusal = error
        try:
            return self._over("udp", held)
        except UnfitError as error:
            raise (error if error.cause == OpenFailure.TIMEOUT else refusal) from None
        except (av.FFmpegError, OSError):
            raise refusal from None

    def _over(self, way: Way, held: ExitStack) -> RtspStream:
        if way == "udp" and self.url.scheme == "rtsps":
            raise UnfitError("rtsps has no UDP: set stream.transport to tcp")
        with ExitStack() as stack:
            camera = stack.enter_context(closing(self._connect(way)))
            session = RtspSession(self.url, self.settings, camera, self.deadline_s)
            stack.enter_context(closing(session))
            try:
                pictures = session.play(way)
            except CodecError as error:
                session.close()  # a cheap camera has one viewer alone
                return self._by_ffmpeg(way, error)
            try:
                container = open_rtp(pictures, session.packet, self.settings.decoding)
            except TimeoutError:
                words = session.silence(self.settings.read_timeout_s)
                raise UnfitError(words, OpenFailure.TIMEOUT) from None
            held.push(stack.pop_all())
        return RtspStream(container, session.over_udp, session.sound, session)

    def _connect(self, way: Way) -> Camera:
        kind = Tunnel if way == "http" else Direct
        return kind(self.url, self.settings, self.deadline_s)

    def _by_ffmpeg(self, way: Way, found: CodecError) -> RtspStream:
        """Video of another codec, of which FFmpeg knows more, and of ways to send it less."""
        codec = f"the camera sends {found.codec or 'an unknown codec'}"
        if way == "http":
            raise UnfitError(f"{codec}, which is not read through HTTP: set it to H.264")
        if found.asked is not None and not found.asked.simple:
            words = f"{codec}, and asks for {found.asked.algorithm}: set it to H.264, or to MD5"
            raise UnfitError(words, OpenFailure.AUTHENTICATION)
        settings = self.settings
        options = {
            "protocol_whitelist": _PROTOCOLS[self.url.scheme],
            # Nothing is probed: an RTSP session describes itself, and probing costs seconds.
            "rtsp_transport": way,
            "allowed_media_types": "video",
            # Of a single wait; the sum of all is bounded by the limits that av.open is given.
            "timeout": str(int(settings.call_timeout_s * 1e6)),
            "analyzeduration": "0",
            "probesize": "32",
        }
        if self.url.scheme == "rtsps" and settings.ca_file is not None:
            options |= {"tls_verify": "1", "ca_file": str(settings.ca_file)}
        try:
            container = av.open(
                self.url.geturl(),
                "r",
                options=options,
                # FFmpeg tries a read of RTSP once more after it was cut short.
                timeout=(
                    max(0.001, self.deadline_s - time.monotonic()),
                    settings.read_timeout_s / 2,
                ),
                metadata_errors="ignore",
                hwaccel=accelerator(settings.decoding.hardware),
            )
        except OSError as error:
            if error.errno != errno.EPROTONOSUPPORT:
                raise
            raise TransportError(way) from None
        return RtspStream(container, way == "udp", found.sound, None)
