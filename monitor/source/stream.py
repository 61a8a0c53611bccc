"""Network streams: RTSP, RTSPS and HTTP cameras."""

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import SplitResult, urlsplit

import av
from av.container import InputContainer

from monitor.errors import OpenCause, SourceLostError, SourceOpenError
from monitor.hardware import accelerator, not_by_hardware
from monitor.source import Picture, StreamLimits, Unseen
from monitor.source.address import Address
from monitor.source.decoder import Decoded, make_decoder
from monitor.source.decoding import Decoding
from monitor.source.ffmpeg import open_cause, reason, video_fault
from monitor.source.frametimes import FrameTimes
from monitor.source.upright import upright

log = logging.getLogger(__name__)

# What a stream may reach: its own transport, never a file, a pipe or another kind of address.
_PROTOCOLS = {
    "rtsp": "rtp,rtsp,tcp,udp",
    "rtsps": "rtp,srtp,rtsp,rtsps,tcp,tls,udp",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}
_TLS_PORTS = {"rtsps": 322, "https": 443}
# What HTTP may bring: video, never a playlist, which is a list of other addresses to go to.
_HTTP_FORMATS = "mpjpeg,mjpeg,jpeg_pipe,mpegts,h264,hevc,m4v,flv,mp4,matroska,webm,avi,asf,ogg,nut"
# Multipart JPEG and raw video carry no clock of their own: FFmpeg would invent a steady 25 fps.
_UNTIMED = {"mpjpeg", "mjpeg", "h264", "hevc", "m4v", "jpeg_pipe", "mjpeg_2000"}


class StreamSource:
    """A stream that the world paces; it is always read to the newest picture by its thread.

    Time is the stream's own timestamps, or the clock where the stream has none. The end of a live
    stream means that it was lost.
    """

    def __init__(
        self, address: Address, limits: StreamLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.address = address
        self.limits = limits
        self._clock = clock
        self._container: InputContainer | None = None
        self._pictures: Iterator[Picture | Unseen] = iter(())

    def open(self) -> None:
        """Connect, within `open_timeout_s`; SourceOpenError says why it could not be."""
        tries = 2 if self.address.target.startswith("rtsp") else 1
        began_s = time.monotonic()
        try:
            self._container = av.open(
                self.address.target,
                "r",
                options=self._options(),
                # FFmpeg tries a read of RTSP once more after it was cut short.
                timeout=(self.limits.open_timeout_s, self.limits.read_timeout_s / tries),
                metadata_errors="ignore",
                hwaccel=accelerator(self.limits.decoding.hardware),
            )
        except RuntimeError as error:
            raise SourceOpenError(f"{self.address}: {not_by_hardware(error)}", "invalid") from None
        except (av.FFmpegError, OSError, ValueError) as error:
            cause, words = self._why(error, time.monotonic() - began_s)
            raise SourceOpenError(f"{self.address}: {cause}: {words}", cause) from None
        if fault := video_fault(self._container):
            self.close()
            raise SourceOpenError(f"{self.address}: {fault}", "invalid")
        self._pictures = self._decode(self._container)

    def read(self) -> Picture | Unseen:
        """The next moment, within `read_timeout_s`; SourceLostError where there is none."""
        try:
            return next(self._pictures)
        except StopIteration:
            raise SourceLostError(f"{self.address}: the stream ended") from None
        except (TimeoutError, av.ExitError):
            raise SourceLostError(
                f"{self.address}: no picture for {self.limits.read_timeout_s:g} s"
            ) from None
        except av.FFmpegError as error:
            raise SourceLostError(
                f"{self.address}: the stream broke off: {reason(error)}"
            ) from None

    def close(self) -> None:
        """Hang up."""
        self._pictures = iter(())  # what it was reading is gone
        if self._container is not None:
            self._container.close()
            self._container = None

    def _options(self) -> dict[str, str]:
        scheme = self.address.target.partition(":")[0].lower()
        # Of a single wait; the sum of all is bounded by the limits that av.open is given.
        longest_s = max(self.limits.open_timeout_s, self.limits.read_timeout_s)
        microseconds = str(int(longest_s * 1e6))
        options = {"protocol_whitelist": _PROTOCOLS[scheme]}
        if scheme in ("http", "https"):
            options |= {
                "rw_timeout": microseconds,
                "analyzeduration": "1000000",
                "format_whitelist": _HTTP_FORMATS,
            }
        else:
            # Nothing is probed: an RTSP session describes itself, and probing costs seconds.
            options |= {
                "rtsp_transport": self.limits.transport,
                "timeout": microseconds,
                "analyzeduration": "0",
                "probesize": "32",
            }
        if scheme in ("rtsps", "https"):
            if self.limits.ca_file is None:
                log.warning("%s: no ca_file is set: the certificate is not checked", self.address)
            else:
                options |= {"tls_verify": "1", "ca_file": str(self.limits.ca_file)}
        return options

    def _why(self, error: Exception, waited_s: float) -> tuple[OpenCause, str]:
        cause, words = open_cause(error), reason(error)
        # FFmpeg gives a wait that was cut short other names too.
        if cause == "timeout" or waited_s > 0.95 * self.limits.open_timeout_s:
            return "timeout", f"no answer within {self.limits.open_timeout_s:g} s"
        if isinstance(error, av.InvalidDataError):
            return "invalid", "answered, but not with video; check port and path"
        if isinstance(error, av.ArgumentError):
            return "invalid", "not a kind of video stream that is read here"
        if cause != "unreachable":
            return cause, words
        # One name, an input/output error, for a wrong host, a wrong certificate and no video.
        url = urlsplit(self.address.target)
        try:
            socket.getaddrinfo(url.hostname, None)
        except OSError:
            return "unknown host", "the name does not resolve"
        if url.scheme in ("rtsps", "https") and (fault := self._certificate_fault(url)):
            return "invalid", f"the certificate is refused: {fault}"
        return cause, f"no video came ({words})"

    def _certificate_fault(self, url: SplitResult) -> str | None:
        if self.limits.ca_file is None:
            return None
        place = (url.hostname, url.port or _TLS_PORTS[url.scheme])
        try:
            context = ssl.create_default_context(cafile=self.limits.ca_file)
        except OSError as error:
            return f"{self.limits.ca_file} cannot be used: {reason(error)}"
        try:
            with (
                socket.create_connection(place, self.limits.open_timeout_s) as plain,
                context.wrap_socket(plain, server_hostname=url.hostname),
            ):
                return None
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except OSError:
            return None

    def _decode(self, container: InputContainer) -> Iterator[Picture | Unseen]:
        times = FrameTimes(str(self.address), self._clock)
        decoding = self.limits.decoding
        if container.format.name in _UNTIMED:
            times.distrust()
            decoding = replace(decoding, idle_max_delay_s=None)  # late pictures would be misdated
        for decoded in self._decoded(container, decoding):
            if decoded is None:
                yield Unseen(None)
                continue
            time_s = times.of(decoded.stamp_s)
            if time_s is None:  # without a time it has no place in a window
                continue
            if decoded.frame is None:
                yield Unseen(time_s, decoded.arrived_s, decoded.waiting)
            else:
                yield Picture(time_s, upright(decoded.frame), decoded.arrived_s)

    def _decoded(self, container: InputContainer, decoding: Decoding) -> Iterator[Decoded | None]:
        stream = container.streams.video[0]
        decoder = make_decoder(stream, decoding, self._clock)
        try:
            for packet in container.demux(stream):
                yield from decoder.take(packet)
            yield from decoder.finish()
        except av.FFmpegError:
            yield from decoder.finish()  # it was lost, but not what had come
            raise
        finally:
            if decoding.turns is not None:
                decoding.turns.leave(decoder)
