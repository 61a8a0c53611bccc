"""Network streams: cameras, and what sends as they do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import cast
from urllib.parse import urlsplit

import av
from av import Packet, VideoStream
from av.container import InputContainer

from monitor.decode.decoder import DecodedFrame
from monitor.decode.ffmpeg import UNTIMED, apply_rotation, reason, video_fault, video_stream
from monitor.decode.hardware import accelerator, not_by_hardware
from monitor.decode.make import make_decoder
from monitor.decode.options import Decoding
from monitor.decode.pts import FramePts
from monitor.decode.timestamps import TimestampRepair
from monitor.errors import SourceLostError, SourceOpenError
from monitor.records import Frame, NoFrameYet
from monitor.sources.address import Address
from monitor.sources.diagnosis import diagnose_open_error
from monitor.sources.http import HttpStream
from monitor.sources.mjpeg import JpegParts
from monitor.sources.other_protocols import open_plain
from monitor.sources.resolve import resolve
from monitor.sources.rtsp import Rtsp, RtspStream
from monitor.sources.source import SourceSettings
from monitor.states import OpenFailure

log = logging.getLogger(__name__)

# What HTTP may bring: video, never a playlist, which is a list of other addresses to go to.
_HTTP_FORMATS = "mpjpeg,mpegts,h264,hevc,m4v,flv,mp4,matroska,webm,avi,asf,ogg,nut"
# Read timeouts without a picture, though key frames and other packets come.
NO_PICTURE_FACTOR = 6
NO_KEY_S = 10.0  # without a key frame until that is told; from line to line it doubles

# AVI counts frames, whenever they come.
_OTHER_TIMES = UNTIMED | {"avi"}


class StreamSource:
    """A stream that the world paces; it is always read to the newest picture by its thread.

    Time is the stream's own timestamps, or the clock where the stream has none. The end of a live
    stream means that it was lost.
    """

    def __init__(
        self,
        address: Address,
        settings: SourceSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.settings = settings
        self._clock = clock
        self._container: InputContainer | None = None
        self._resources = ExitStack()  # what it needs until it is closed
        self._web: HttpStream | None = None
        self._rtsp: RtspStream | None = None
        self._frames: Iterator[Frame | NoFrameYet] = iter(())
        self._last_progress_s = 0.0  # the clock when a packet last became something
        self._idle = False  # whether the decoder was when it last said something
        self._key_frame_seen = False  # whether a key frame has come, so that decoding can begin

    @property
    def over_udp(self) -> bool:
        """Whether an open RTSP session sends over UDP."""
        return self._rtsp is not None and self._rtsp.over_udp

    @property
    def sound(self) -> str | None:
        """The codec of the sound beside the video, which is not taken; None if there is none."""
        if self._rtsp is not None:
            return self._rtsp.sound
        tracks = () if self._container is None else self._container.streams.audio
        return next((one.codec_context.name for one in tracks), None)

    def open(self) -> None:
        """Connect, within `open_timeout_s`; SourceOpenError says why it could not be."""
        self._look_up()
        began_s = time.monotonic()
        try:
            self._container = self._connect(began_s + self.settings.open_timeout_s)
        except (RuntimeError, av.FFmpegError, OSError, ValueError) as error:
            self.close()
            raise self._refusal(error, time.monotonic() - began_s) from None
        if fault := video_fault(self._container):
            self.close()
            raise SourceOpenError(f"{self.address}: {fault}", OpenFailure.INVALID)
        self._frames = self._frames_with_times(self._container)

    def read(self) -> Frame | NoFrameYet:
        """The next frame; SourceLostError if the stream gives no picture for too long."""
        limit_s = self.settings.read_timeout_s
        if self._web is not None:
            # Of packets that become no picture `_packets` tells first.
            self._web.allow((NO_PICTURE_FACTOR + 1) * limit_s, limit_s)
        try:
            read = next(self._frames)
        except StopIteration:
            raise SourceLostError(f"{self.address}: the stream ended") from None
        except (TimeoutError, av.ExitError):
            raise self._lost(limit_s) from None
        except (av.FFmpegError, OSError) as error:
            raise SourceLostError(
                f"{self.address}: the stream broke off: {reason(error)}"
            ) from None
        return read

    def close(self) -> None:
        """Hang up."""
        self._frames = iter(())  # what it was reading is gone
        if self._container is not None:
            self._container.close()
            self._container = None
        self._web = None
        self._resources.close()

    def _refusal(self, error: Exception, waited_s: float) -> SourceOpenError:
        if isinstance(error, RuntimeError):
            return SourceOpenError(f"{self.address}: {not_by_hardware(error)}", OpenFailure.INVALID)
        cause, words = diagnose_open_error(self.address, self.settings, error, waited_s)
        return SourceOpenError(f"{self.address}: {cause}: {words}", cause)

    def _lost(self, for_s: float) -> SourceLostError:
        silence = f"no picture for {for_s:g} s"
        if self._rtsp is not None and self._rtsp.session is not None:
            silence = self._rtsp.session.silence(for_s)
        return SourceLostError(f"{self.address}: {silence}")

    def _warn_of_no_key_frame(self, for_s: float) -> None:
        log.warning(
            "%s: packets come, but no key frame for %.0f s, and without one nothing can be "
            "decoded: set the camera's key frame interval (I-frame interval, GOP) to 1 or 2 s",
            self.address,
            for_s,
        )

    def _look_up(self) -> None:
        """Find out whether the host has an address: FFmpeg would wait for one without limit."""
        limit_s = self.settings.open_timeout_s
        host = urlsplit(self.address.target).hostname
        if host is None:  # it is this one
            return
        try:
            known = resolve(host, limit_s)
        except TimeoutError:
            raise SourceOpenError(
                f"{self.address}: timeout: no name server told its address within {limit_s:g} s",
                OpenFailure.TIMEOUT,
            ) from None
        if not known:
            raise SourceOpenError(
                f"{self.address}: unknown host: the name does not resolve", OpenFailure.UNKNOWN_HOST
            )

    def _connect(self, deadline_s: float) -> InputContainer:
        scheme, url = self.address.scheme, urlsplit(self.address.target)
        if scheme in ("http", "https"):
            return self._connect_http()
        if scheme not in ("rtsp", "rtsps"):
            return open_plain(url, self.settings, deadline_s)
        self._rtsp = Rtsp(url, self.settings, deadline_s).open(self._resources)
        return self._rtsp.container

    def _connect_http(self) -> InputContainer:
        self._web = web = self._resources.enter_context(
            closing(HttpStream(self.address, self.settings))
        )
        file = web.open()
        return av.open(
            file,
            "r",
            format="mpjpeg" if isinstance(file, JpegParts) else None,
            options={
                "protocol_whitelist": "none",
                "format_whitelist": _HTTP_FORMATS,
                "analyzeduration": "1000000",
            },
            metadata_errors="ignore",
            hwaccel=accelerator(self.settings.decoding.hardware),
        )

    def _frames_with_times(self, container: InputContainer) -> Iterator[Frame | NoFrameYet]:
        times = TimestampRepair(str(self.address), self._clock)
        decoding = self.settings.decoding
        if container.format.name in _OTHER_TIMES:
            times.distrust()
            # A late picture would be misdated, and a stream with other times would look late.
            decoding = replace(decoding, idle_max_delay_s=None, scheduler=None)
        for decoded in self._decoded_frames(container, decoding):
            if decoded is None:
                kept = NoFrameYet.IDLE if self._idle else NoFrameYet.WAITING
                yield kept if self._key_frame_seen else NoFrameYet.NO_KEY_FRAME
                continue
            time_s = times.of(decoded.pts_s)
            if time_s is None:  # without a time it has no place in a window
                continue
            yield Frame(
                time_s,
                None if decoded.picture is None else apply_rotation(decoded.picture),
                decoded.arrived_s,
                decoded.skipped,
                pts_s=decoded.pts_s,
            )

    def _decoded_frames(
        self, container: InputContainer, decoding: Decoding
    ) -> Iterator[DecodedFrame | None]:
        stream = video_stream(container)
        assert stream is not None  # or it would not be open
        decoder = make_decoder(stream, decoding, self._clock)
        tap, times = decoding.tap, FramePts(stream)
        if tap is not None:
            tap.connect(stream)
        try:
            for packet in self._packets(container, stream):
                if tap is not None:
                    tap.take(packet, times.seconds(packet.pts))
                for decoded in decoder.decode(packet):
                    self._last_progress_s = self._clock()
                    self._key_frame_seen = (
                        True  # or as good as that: some cameras refresh bit by bit
                    )
                    self._idle = decoder.idle
                    yield decoded
                if not self._key_frame_seen:
                    yield None
            yield from decoder.finish()
        except (av.FFmpegError, OSError, SourceLostError):
            yield from decoder.finish()  # it was lost, but not what had come
            raise
        finally:
            if decoding.scheduler is not None:
                decoding.scheduler.leave(decoder)

    def _packets(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[Packet[VideoStream]]:
        """The video's packets; SourceLostError if none comes, or none becomes a picture.

        Before the first key frame none can: that is waited for, for as long as packets come.

        FFmpeg's own limit is of any packet: a camera's sound goes on where its pictures stop.
        """
        limit_s = self.settings.read_timeout_s
        began_s = came_s = self._last_progress_s = self._clock()
        tell_s = NO_KEY_S
        session = None if self._rtsp is None else self._rtsp.session
        if session is not None:
            session.took = True  # the limit begins with the reading
        self._key_frame_seen = False
        # Those of sound are told apart below.
        packets = cast("Iterator[Packet[VideoStream]]", container.demux())
        for packet in packets:
            now_s = self._clock()
            if session is not None:
                session.took = True
            if packet.stream_index == stream.index:
                came_s = now_s
                self._key_frame_seen = self._key_frame_seen or packet.is_keyframe
                if not self._key_frame_seen:
                    self._last_progress_s = (
                        now_s  # it lives, and there is nothing to be decoded yet
                    )
                    if now_s - began_s >= tell_s:
                        self._warn_of_no_key_frame(now_s - began_s)
                        tell_s *= 2
                yield packet
            elif now_s - came_s >= limit_s:
                raise self._lost(limit_s)
            if now_s - self._last_progress_s >= NO_PICTURE_FACTOR * limit_s:
                raise self._lost(NO_PICTURE_FACTOR * limit_s)
