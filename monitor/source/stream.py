"""Network streams: RTSP, RTSPS and HTTP cameras."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from monitor.errors import SourceLostError, SourceOpenError
from monitor.source import Picture, StreamLimits
from monitor.source.address import Address
from monitor.source.ffmpeg import open_cause, reason

log = logging.getLogger(__name__)

# What a stream may reach: its own transport, never a file, a pipe or another kind of address.
_PROTOCOLS = {
    "rtsp": "rtp,rtsp,tcp,udp",
    "rtsps": "rtp,srtp,rtsp,rtsps,tcp,tls,udp",
    "http": "http,tcp",
    "https": "https,http,tls,tcp",
}
# Multipart JPEG and raw video carry no clock of their own: FFmpeg would invent a steady 25 fps.
_UNTIMED = {"mpjpeg", "mjpeg", "h264", "hevc", "m4v", "jpeg_pipe", "mjpeg_2000"}
# A playlist is a list of other addresses, and a stream may lead only to itself.
_PLAYLISTS = {"hls", "dash", "concat", "applehttp"}


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
        self._pictures: Iterator[Picture] = iter(())

    def open(self) -> None:
        """Connect, within `open_timeout_s`; SourceOpenError says why it could not be."""
        try:
            self._container = av.open(
                self.address.target,
                "r",
                options=self._options(),
                timeout=(self.limits.open_timeout_s, self.limits.read_timeout_s),
                metadata_errors="ignore",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            cause = open_cause(error)
            words = reason(error)
            if cause == "unreachable" and self._host_is_unknown():
                cause, words = "unknown host", "the name does not resolve"
            elif cause == "timeout":
                words = f"no answer within {self.limits.open_timeout_s:g} s"
            raise SourceOpenError(f"{self.address}: {cause}: {words}", cause) from None
        if self._container.format.name in _PLAYLISTS:
            self.close()
            raise SourceOpenError(f"{self.address}: is a playlist, not a stream", "invalid")
        if not self._container.streams.video:
            self.close()
            raise SourceOpenError(f"{self.address}: holds no video stream", "invalid")
        self._pictures = self._decode(self._container)

    def read(self) -> Picture:
        """The next picture, within `read_timeout_s`; SourceLostError where there is none."""
        try:
            return next(self._pictures)
        except StopIteration:
            raise SourceLostError(f"{self.address}: the stream ended") from None
        except (TimeoutError, av.ExitError):
            raise SourceLostError(
                f"{self.address}: no picture for {self.limits.read_timeout_s:g} s"
            ) from None
        except av.FFmpegError as error:
            raise SourceLostError(f"{self.address}: {reason(error)}") from None

    def close(self) -> None:
        """Hang up."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _options(self) -> dict[str, str]:
        scheme = self.address.target.partition(":")[0].lower()
        microseconds = str(int(self.limits.read_timeout_s * 1e6))
        options = {"protocol_whitelist": _PROTOCOLS[scheme]}
        if scheme in ("http", "https"):
            options |= {"rw_timeout": microseconds, "analyzeduration": "1000000"}
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

    def _host_is_unknown(self) -> bool:
        try:
            socket.getaddrinfo(urlsplit(self.address.target).hostname, None)
        except OSError:
            return True
        return False

    def _decode(self, container: InputContainer) -> Iterator[Picture]:
        stream = container.streams.video[0]
        # One thread: frame threads add a frame of delay each.
        stream.codec_context.thread_type = "NONE"
        timed = container.format.name not in _UNTIMED
        origin_s: float | None = None
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                continue  # lost packets: the decoder takes up again by itself
            for frame in frames:
                at_s = frame.time if timed else self._clock()
                if at_s is None:
                    if origin_s is not None:
                        continue  # without a time it has no place in a window
                    # RTSP counts from its first packet, and gives that one no timestamp.
                    at_s = 0.0
                origin_s = at_s if origin_s is None else origin_s
                yield Picture(at_s - origin_s, frame)
