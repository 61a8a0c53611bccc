"""Video files."""

import logging
from collections.abc import Iterator
from pathlib import Path

import av
from av import VideoFrame, VideoStream
from av.container import InputContainer

from monitor.errors import SourceOpenError
from monitor.source import Picture
from monitor.source.ffmpeg import reason, video_fault

log = logging.getLogger(__name__)

# A header may round the duration up; more than this missing at the end is worth a warning.
TRUNCATED_S = 0.5


class FileSource:
    """A video file, read from its first frame to its last, in media time.

    Bytes that do not decode are passed over and counted in one warning. A file that holds no
    picture at all is an error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._container: InputContainer | None = None
        self._pictures: Iterator[Picture] = iter(())

    def open(self) -> None:
        """Open the file; SourceOpenError says what is wrong with it."""
        if not self.path.exists():
            raise SourceOpenError(f"{self.path}: no such file", "not found")
        if self.path.is_dir():
            raise SourceOpenError(f"{self.path}: is a folder, not a video file", "invalid")
        try:
            # A file may only lead to itself: no playlist or reference reaches the network.
            self._container = av.open(
                str(self.path),
                "r",
                options={"protocol_whitelist": "file"},
                metadata_errors="ignore",
            )
        except PermissionError:
            raise SourceOpenError(f"{self.path}: permission denied", "invalid") from None
        except (av.FFmpegError, OSError) as error:
            raise SourceOpenError(
                f"{self.path}: not a video file that can be read ({reason(error)})", "invalid"
            ) from None
        if fault := video_fault(self._container):
            self.close()
            raise SourceOpenError(f"{self.path}: {fault}", "invalid")
        self._pictures = self._decode(self._container)

    def read(self) -> Picture | None:
        """The next picture; None at the end."""
        return next(self._pictures, None)

    def close(self) -> None:
        """Release the file."""
        self._pictures = iter(())  # what it was reading is gone
        if self._container is not None:
            self._container.close()
            self._container = None

    def _decode(self, container: InputContainer) -> Iterator[Picture]:
        stream = container.streams.video[0]
        # One thread: frame threads would only add delay, and the cores belong to other cameras.
        stream.codec_context.thread_type = "NONE"
        frame_s = 1 / float(stream.average_rate or 25)
        first_s: float | None = None
        time_s = 0.0
        count = 0
        faults: list[str] = []
        for frame in self._frames(container, stream, faults):
            at_s = frame.time
            if at_s is None:
                at_s = count * frame_s
            first_s = at_s if first_s is None else first_s
            time_s = at_s - first_s
            count += 1
            yield Picture(time_s, frame)
        if not count:
            raise SourceOpenError(f"{self.path}: holds no picture that can be decoded", "invalid")
        end_s = time_s + frame_s
        declared_s = _declared_s(container, stream)
        if declared_s - end_s > TRUNCATED_S:
            faults.append(f"it ends at {end_s:.1f} s, its header says {declared_s:.1f} s")
        if faults:
            log.warning("%s: %s", self.path, "; ".join(faults))

    def _frames(
        self, container: InputContainer, stream: VideoStream, faults: list[str]
    ) -> Iterator[VideoFrame]:
        damaged = 0
        try:
            for packet in container.demux(stream):
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    damaged += 1
        except av.FFmpegError as error:
            faults.append(f"reading stopped: {reason(error)}")
            yield from stream.codec_context.decode(None)  # what the decoder still held back
        if damaged:
            faults.append(f"damaged packets passed over: {damaged}")


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    # The stream's own first: sound may go on after the last picture.
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
