"""Video files."""

import logging
import stat
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
from av import VideoFrame, VideoStream
from av.container import InputContainer

from monitor.decode.decoder import DecodedFrame
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


class FileSource:
    """A video file, read from its first frame to its last, in media time.

    Bytes that do not decode are passed over and counted in one warning. A file that holds no
    picture at all is an error.
    """

    def __init__(self, path: Path, decoding: Decoding = FULL) -> None:
        self.path = path
        self._decoding = decoding
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

    def _decode(self, container: InputContainer) -> Iterator[Frame | NoFrameYet]:
        stream = video_stream(container)
        assert stream is not None  # or it would not be open
        faults: list[str] = []
        rate = frame_rate(stream, faults)
        count = 0
        times = TimestampRepair(str(self.path), lambda: count / rate.fps)
        if not rate.timed:
            times.distrust()
        time_s = 0.0
        for decoded in self._decoded_frames(container, stream, faults):
            if decoded is None:
                yield NoFrameYet.IDLE
                continue
            placed_s = times.of(decoded.pts_s)
            count += 1
            if placed_s is None:
                continue
            time_s = placed_s
            shown = None if decoded.picture is None else apply_rotation(decoded.picture)
            yield Frame(time_s, shown, skipped=decoded.skipped)
        if not count:
            raise SourceOpenError(
                f"{self.path}: holds no picture that can be decoded", OpenFailure.INVALID
            )
        end_s = time_s + 1 / rate.fps
        declared_s = _declared_s(container, stream) if rate.timed else 0.0
        if declared_s - end_s > TRUNCATED_S:
            faults.append(f"it ends at {end_s:.1f} s, its header says {declared_s:.1f} s")
        if faults:
            log.warning("%s: %s", self.path, "; ".join(faults))

    def _decoded_frames(
        self, container: InputContainer, stream: VideoStream, faults: list[str]
    ) -> Iterator[DecodedFrame | None]:
        decoder = make_decoder(stream, self._decoding)
        try:
            for packet in container.demux(stream):
                yield from decoder.decode(packet)
        except av.FFmpegError as error:
            faults.append(f"reading stopped: {reason(error)}")
        yield from decoder.finish()
        if decoder.damaged:
            faults.append(f"damaged packets passed over: {decoder.damaged}")


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


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    # The stream's own first: sound may go on after the last picture.
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
