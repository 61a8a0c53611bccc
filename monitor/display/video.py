"""The writer of overlaid video: H.264 MP4 whose frames keep their own times."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av import VideoFrame
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from monitor.errors import SinkError

# The usual clock of video: whole ticks for 24, 25, 30 and 60 frames per second.
_TICKS_PER_S = 90_000
_TIME_BASE = Fraction(1, _TICKS_PER_S)
# What a kill can cost, and how exactly a player can seek.
_KEY_INTERVAL_S = 2.0
_CODEC_OPTIONS = {"crf": "23", "preset": "veryfast"}
_CONTAINER_OPTIONS = {
    # In fragments while it grows, so that a killed process leaves a file that plays; an ordinary
    # MP4 once closed. delay_moov keeps the first frame at 0: without it B-frames shift all times.
    "movflags": "+hybrid_fragmented+frag_keyframe+delay_moov",
    "flush_packets": "1",  # a finished fragment is on disk, not in a buffer of this process
}
_BT709 = 1  # the number of the colour matrix, primaries and transfer in H.264's own tables


class VideoWriter:
    """Writes pictures to an MP4 file with a variable frame rate.

    The file's time starts at 0 with the first frame, whose size (cropped to even numbers, which
    yuv420p needs) is the size of the video. After a kill the file plays up to its last seconds.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._picture_shape: tuple[int, ...] = ()
        self._start_s = 0.0
        self._last_tick = -1
        self._next_key_tick = 0
        self._closed = False
        if path.suffix.lower() != ".mp4":
            raise SinkError(f"{path}: video is written as MP4, so the name must end in .mp4")
        # Found now, not with the first frame; a file that is there stays until a frame comes.
        existed = path.exists()
        with self._named_errors(), path.open("ab"):
            pass
        if not existed:
            path.unlink()

    def write(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Appends a picture, (H, W, 3) RGB; one whose time is not after the last one's is skipped.

        A picture of another size than the first is scaled to it. SinkError if the file cannot
        be written.
        """
        if self._closed:
            raise ValueError(f"{self._path}: write after close")
        if self._file is not None and self._file.closed:
            raise SinkError(f"{self._path}: cannot write video: an earlier write failed")
        with self._named_errors():
            if self._container is None or self._stream is None:
                self._container, self._stream = self._open(image)
                self._picture_shape = image.shape
                self._start_s = time_s
            tick = round((time_s - self._start_s) * _TICKS_PER_S)
            if tick <= self._last_tick:
                return
            self._last_tick = tick
            frame = self._encodable(image, self._stream)
            frame.pts = tick
            frame.time_base = _TIME_BASE
            if tick >= self._next_key_tick:
                frame.pict_type = PictureType.I
                self._next_key_tick = tick + round(_KEY_INTERVAL_S * _TICKS_PER_S)
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finishes the file; without a frame there is none. After a failed write it stays cut."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._file is not None and not self._file.closed:
                with self._named_errors():
                    if self._container is not None and self._stream is not None:
                        self._container.mux(self._stream.encode(None))
                        self._container.close()
        finally:
            self._container = self._stream = None
            if self._file is not None:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self, image: NDArray[np.uint8]) -> tuple[OutputContainer, VideoStream]:
        height, width = (max(2, side - side % 2) for side in image.shape[:2])
        self._file = FileIO(self._path, "w")
        container = av.open(self._file, "w", format="mp4", options=_CONTAINER_OPTIONS)
        # The rate is only the encoder's first guess at its bit budget: times come from the frames.
        stream = container.add_stream("libx264", rate=30, options=_CODEC_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = _TIME_BASE
        # Untagged video is shown in other colours by other players.
        stream.codec_context.colorspace = _BT709
        stream.codec_context.color_primaries = _BT709
        stream.codec_context.color_trc = _BT709
        stream.codec_context.color_range = ColorRange.MPEG
        return container, stream

    def _encodable(self, image: NDArray[np.uint8], stream: VideoStream) -> VideoFrame:
        if image.shape == self._picture_shape:  # crop an odd row or column rather than blur it all
            image = image[: stream.height, : stream.width]
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        return frame.reformat(
            width=stream.width,
            height=stream.height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Turns what the file system or FFmpeg raises into a SinkError that names the file."""
        try:
            yield
        except (OSError, av.FFmpegError) as error:
            # FFmpeg crashes the process when it finishes an MP4 whose start was not written. PyAV
            # leaves that out for a file that is closed.
            if self._file is not None:
                self._file.close()
            reason = error.strerror or error
            raise SinkError(f"{self._path}: cannot write video: {reason}") from error
