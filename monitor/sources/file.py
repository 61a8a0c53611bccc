"""Video files."""

from __future__ import annotations

import logging
import math
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av import Packet, VideoFrame, VideoStream
from av.container import InputContainer

from monitor.decode.decoder import DecodedFrame, Decoder
from monitor.decode.ffmpeg import (
    UNTIMED,
    apply_rotation,
    open_file,
    reason,
    video_fault,
    video_stream,
)
from monitor.decode.hardware import accelerator, not_by_hardware
from monitor.decode.make import make_decoder
from monitor.decode.options import FULL, Decoding
from monitor.decode.pts import FramePts
from monitor.decode.timestamps import TimestampRepair
from monitor.errors import SourceOpenError
from monitor.paths import video_file
from monitor.records import Frame, NoFrameYet
from monitor.states import OpenFailure

log = logging.getLogger(__name__)

# A header may round the duration up; more than this missing at the end is worth a warning.
TRUNCATED_S = 0.5
FPS = 0.1, 240.0  # what a camera may have: all times of an AVI hang on the rate in its header
ASSUMED_FPS = 25  # of a file that does not say
# Where a key frame is looked for, in seconds before its time: an index may lead behind it.
_SEEK_BACK_S = 0.0, 10.0, 120.0


@dataclass(frozen=True)
class KeyFrame:
    """A key frame of a file from which it can be read, on the same time axis as from its start."""

    pts: int  # in units of the stream
    origin_s: float  # the timestamp of the file's first frame
    last_s: float  # time of the frame before this one


class FileSource:
    """A video file, read from its first frame, or a later key frame, to its last, in media time.

    Bytes that do not decode are passed over and counted in one warning. A file that holds no
    picture at all is an error.
    """

    def __init__(
        self, path: Path, decoding: Decoding = FULL, begin: KeyFrame | None = None
    ) -> None:
        self.path = path
        self._decoding = decoding
        self._begin = begin
        self._decoder: Decoder | None = None
        self._faults: list[str] = []
        self.newest_s = 0.0  # time of the frame that was read last
        self._container: InputContainer | None = None
        self._frames: Iterator[Frame | NoFrameYet] = iter(())

    def open(self) -> None:
        """Open the file; SourceOpenError says what is wrong with it."""
        if stat.S_ISDIR(video_file(self.path, str(self.path)).st_mode):
            raise SourceOpenError(
                f"{self.path}: is a folder, not a video file", OpenFailure.INVALID
            )
        try:
            self._container = open_file(self.path, accelerator(self._decoding.hardware))
        except RuntimeError as error:
            raise SourceOpenError(
                f"{self.path}: {not_by_hardware(error)}", OpenFailure.INVALID
            ) from None
        except PermissionError:
            raise SourceOpenError(f"{self.path}: permission denied", OpenFailure.INVALID) from None
        except av.ArgumentError:
            raise SourceOpenError(
                f"{self.path}: not a kind of video file that is read here", OpenFailure.INVALID
            ) from None
        except (av.FFmpegError, OSError) as error:
            raise SourceOpenError(
                f"{self.path}: not a video file that can be read ({reason(error)})",
                OpenFailure.INVALID,
            ) from None
        if fault := video_fault(self._container):
            self.close()
            raise SourceOpenError(f"{self.path}: {fault}", OpenFailure.INVALID)
        self._frames = self._decode(self._container)

    def read(self) -> Frame | NoFrameYet | None:
        """The next frame; None at the end."""
        return next(self._frames, None)

    def close(self) -> None:
        """Release the file."""
        self._frames = iter(())  # what it was reading is gone
        if self._container is not None:
            self._container.close()
            self._container = None

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, as far as it was read."""
        damaged = 0 if self._decoder is None else self._decoder.damaged
        return self._faults + [f"damaged packets passed over: {damaged}"] * bool(damaged)

    def _decode(self, container: InputContainer) -> Iterator[Frame | NoFrameYet]:
        stream = video_stream(container)
        assert stream is not None  # or it would not be open
        rate = frame_rate(stream, self._faults)
        count = 0
        times = TimestampRepair(str(self.path), lambda: count / rate.fps)
        if not rate.timed:
            times.distrust()
        begins_s = -math.inf
        if self._begin is not None:
            times.resume(self._begin.origin_s, self._begin.last_s)
            begins_s = FramePts(stream).seconds(self._begin.pts) or 0.0
        time_s = 0.0
        for decoded in self._decoded_frames(container, stream):
            if decoded is None:
                yield NoFrameYet.IDLE
                continue
            if decoded.pts_s is not None and decoded.pts_s < begins_s:
                continue  # shown before the key frame, and in need of what comes before it
            placed_s = times.of(decoded.pts_s)
            count += 1
            if placed_s is None:
                continue
            time_s = self.newest_s = placed_s
            shown = None if decoded.picture is None else apply_rotation(decoded.picture)
            yield Frame(time_s, shown, skipped=decoded.skipped)
        if not count:
            raise SourceOpenError(
                f"{self.path}: holds no picture that can be decoded", OpenFailure.INVALID
            )
        end_s = time_s + 1 / rate.fps
        said_s = declared_s(container, stream) if rate.timed else 0.0
        if said_s - end_s > TRUNCATED_S:
            self._faults.append(f"it ends at {end_s:.1f} s, its header says {said_s:.1f} s")
        if self.faults:
            log.warning("%s: %s", self.path, "; ".join(self.faults))

    def _decoded_frames(
        self, container: InputContainer, stream: VideoStream
    ) -> Iterator[DecodedFrame | None]:
        decoder = self._decoder = make_decoder(stream, self._decoding)
        begin = self._begin
        try:
            packets = container.demux(stream) if begin is None else packets_from(stream, begin.pts)
            for packet in packets:
                yield from decoder.decode(packet)
        except av.FFmpegError as error:
            self._faults.append(f"reading stopped: {reason(error)}")
        yield from decoder.finish()
        self._faults, self._decoder = self.faults, None


def packets_from(stream: VideoStream, pts: int) -> Iterator[Packet[VideoStream]]:
    """The packets of a file from a key frame on; none if it is not found. FFmpeg's errors."""
    container, base = stream.container, stream.time_base
    assert isinstance(container, InputContainer)
    assert base is not None  # or no packet would have a time
    for back_s in _SEEK_BACK_S:
        found = False
        with suppress(av.FFmpegError):  # then it is read from where it is
            container.seek(pts - round(back_s / base), stream=stream)
        for packet in container.demux(stream):
            found = found or (packet.is_keyframe and packet.pts == pts)
            if found:
                yield packet
            elif packet.is_keyframe and packet.pts is not None and packet.pts > pts:
                break
        if found:
            return


def read_frames(path: Path) -> Iterator[tuple[float, VideoFrame]]:
    """Each frame of a file with its time, decoded in full; SourceOpenError if it is no video."""
    source = FileSource(path)
    source.open()
    try:
        while isinstance(frame := source.read(), Frame):
            assert frame.picture is not None  # nothing is skipped in full decoding
            yield frame.time_s, frame.picture
    finally:
        source.close()


class FrameRate(NamedTuple):
    """How many frames a second a file has, on average."""

    fps: float
    timed: bool  # whether the file keeps times; if not, frames are counted


def frame_rate(stream: VideoStream, faults: list[str] | None = None) -> FrameRate:
    """The frame rate of a file's video; what is wrong with it is added to `faults`."""
    faults = [] if faults is None else faults
    header, own = stream.average_rate, stream.codec_context.framerate
    timed = stream.container.format.name not in UNTIMED
    if timed and stream.container.format.name == "avi" and header:
        said = f"its header says {float(header):g} frames a second"
        timed = FPS[0] <= header <= FPS[1]
        if not timed:
            faults.append(f"{said}, which cannot be")
        elif own and not 0.9 < header / own < 1.1:
            faults.append(f"{said}, its video {float(own):g}: the header is taken at its word")
    if timed:
        return FrameRate(float(header or own or ASSUMED_FPS), True)
    if own is None or not FPS[0] <= own <= FPS[1]:
        faults.append(f"it does not say how many frames a second it has: {ASSUMED_FPS} are assumed")
        own = Fraction(ASSUMED_FPS)
    return FrameRate(float(own), False)


def declared_s(container: InputContainer, stream: VideoStream) -> float:
    """How long a file says that its video is; 0 if it does not say."""
    # The stream's own first: sound may go on after the last picture.
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
