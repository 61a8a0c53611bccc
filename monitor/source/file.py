"""Video files."""

import logging
from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer

from monitor.errors import SourceOpenError
from monitor.source import Picture
from monitor.source.ffmpeg import reason

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
        if not self._container.streams.video:
            self.close()
            raise SourceOpenError(f"{self.path}: holds no video stream", "invalid")
        self._pictures = self._decode(self._container)

    def read(self) -> Picture | None:
        """The next picture; None at the end."""
        return next(self._pictures, None)

    def close(self) -> None:
        """Release the file."""
        if self._container is not None:
            self._container.close()
            self._container = None

    def _decode(self, container: InputContainer) -> Iterator[Picture]:
        stream = container.streams.video[0]
        # One thread: frame threads would only add delay, and the cores belong to other cameras.
        stream.codec_context.thread_type = "NONE"
        first_s: float | None = None
        time_s = 0.0
        count = damaged = 0
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except av.InvalidDataError:
                damaged += 1
                continue
            except av.FFmpegError as error:
                log.warning("%s: reading stopped: %s", self.path, reason(error))
                break
            for frame in frames:
                at_s = frame.time
                if at_s is None:
                    at_s = count / float(stream.average_rate or 25)
                first_s = at_s if first_s is None else first_s
                time_s = at_s - first_s
                count += 1
                yield Picture(time_s, frame)
        if not count:
            raise SourceOpenError(f"{self.path}: holds no picture that can be decoded", "invalid")
        if damaged:
            log.warning("%s: %d damaged packets were passed over", self.path, damaged)
        if container.duration is not None:
            declared_s = container.duration / av.time_base
            frame_s = 1 / float(stream.average_rate or 25)
            if declared_s - time_s - frame_s > TRUNCATED_S:
                log.warning(
                    "%s: ends at %.1f s, its header says %.1f s",
                    self.path,
                    time_s + frame_s,
                    declared_s,
                )
