"""The writer of overlaid video: H.264 MP4 whose frames keep their own times."""

from collections.abc import Iterator
from contextlib import contextmanager
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
from monitor.mp4 import CONTAINER_OPTIONS, TICKS_PER_S, TIME_BASE

# What a kill can cost, and how exactly a player can seek.
_KEY_INTERVAL_S = 2.0
_CODEC_OPTIONS = {"crf": "23", "preset": "veryfast"}
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
            tick = round((time_s - self._start_s) * TICKS_PER_S)
            if tick <= self._last_tick:
                return
            self._last_tick = tick
            frame = self._encodable(image, self._stream)
            frame.pts = tick
            frame.time_base = TIME_BASE
            if tick >= self._next_key_tick:
                frame.pict_type = PictureType.I
                self._next_key_tick = tick + round(_KEY_INTERVAL_S * TICKS_PER_S)
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
        container = av.open(self._file, "w", format="mp4", options=CONTAINER_OPTIONS)
        # The rate is only the encoder's first guess at its bit budget: times come from the frames.
        stream = container.add_stream("libx264", rate=30, options=_CODEC_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TIME_BASE
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
