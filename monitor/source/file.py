"""Video files."""

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import av
from av import VideoStream
from av.container import InputContainer

from monitor.errors import SourceOpenError
from monitor.found import video_file
from monitor.hardware import accelerator, not_by_hardware
from monitor.source import Picture, Unseen
from monitor.source.decoder import Decoded, make_decoder
from monitor.source.decoding import FULL, Decoding
from monitor.source.ffmpeg import open_file, reason, video_fault
from monitor.source.upright import upright

log = logging.getLogger(__name__)

# A header may round the duration up; more than this missing at the end is worth a warning.
TRUNCATED_S = 0.5


class FileSource:
    """A video file, read from its first frame to its last, in media time.

    Bytes that do not decode are passed over and counted in one warning. A file that holds no
    picture at all is an error.
    """

    def __init__(self, path: Path, decoding: Decoding = FULL) -> None:
        self.path = path
        self._decoding = decoding
        self._container: InputContainer | None = None
        self._pictures: Iterator[Picture | Unseen] = iter(())

    def open(self) -> None:
        """Open the file; SourceOpenError says what is wrong with it."""
        if stat.S_ISDIR(video_file(self.path, str(self.path)).st_mode):
            raise SourceOpenError(f"{self.path}: is a folder, not a video file", "invalid")
        try:
            self._container = open_file(self.path, accelerator(self._decoding.hardware))
        except RuntimeError as error:
            raise SourceOpenError(f"{self.path}: {not_by_hardware(error)}", "invalid") from None
        except PermissionError:
            raise SourceOpenError(f"{self.path}: permission denied", "invalid") from None
        except av.ArgumentError:
            raise SourceOpenError(
                f"{self.path}: not a kind of video file that is read here", "invalid"
            ) from None
        except (av.FFmpegError, OSError) as error:
            raise SourceOpenError(
                f"{self.path}: not a video file that can be read ({reason(error)})", "invalid"
            ) from None
        if fault := video_fault(self._container):
            self.close()
            raise SourceOpenError(f"{self.path}: {fault}", "invalid")
        self._pictures = self._decode(self._container)

    def read(self) -> Picture | Unseen | None:
        """The next moment; None at the end."""
        return next(self._pictures, None)

    def close(self) -> None:
        """Release the file."""
        self._pictures = iter(())  # what it was reading is gone
        if self._container is not None:
            self._container.close()
            self._container = None

    def _decode(self, container: InputContainer) -> Iterator[Picture | Unseen]:
        stream = container.streams.video[0]
        frame_s = 1 / float(stream.average_rate or 25)
        first_s: float | None = None
        time_s = 0.0
        count = 0
        faults: list[str] = []
        for decoded in self._decoded(container, stream, faults):
            if decoded is None:
                yield Unseen(None)
                continue
            at_s = decoded.stamp_s
            if at_s is None:
                at_s = count * frame_s
            first_s = at_s if first_s is None else first_s
            time_s = at_s - first_s
            count += 1
            if decoded.frame is None:
                yield Unseen(time_s)
            else:
                yield Picture(time_s, upright(decoded.frame))
        if not count:
            raise SourceOpenError(f"{self.path}: holds no picture that can be decoded", "invalid")
        end_s = time_s + frame_s
        declared_s = _declared_s(container, stream)
        if declared_s - end_s > TRUNCATED_S:
            faults.append(f"it ends at {end_s:.1f} s, its header says {declared_s:.1f} s")
        if faults:
            log.warning("%s: %s", self.path, "; ".join(faults))

    def _decoded(
        self, container: InputContainer, stream: VideoStream, faults: list[str]
    ) -> Iterator[Decoded | None]:
        decoder = make_decoder(stream, self._decoding)
        try:
            for packet in container.demux(stream):
                yield from decoder.take(packet)
        except av.FFmpegError as error:
            faults.append(f"reading stopped: {reason(error)}")
        yield from decoder.finish()
        if decoder.damaged:
            faults.append(f"damaged packets passed over: {decoder.damaged}")


def pictures(path: Path) -> Iterator[Picture]:
    """Every picture of a file, decoded in full; SourceOpenError where it cannot be read."""
    source = FileSource(path)
    source.open()
    try:
        while isinstance(picture := source.read(), Picture):
            yield picture
    finally:
        source.close()


def _declared_s(container: InputContainer, stream: VideoStream) -> float:
    # The stream's own first: sound may go on after the last picture.
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base
