"""Small videos, made where a test needs them, whose pictures carry their own number."""

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

BITS = 12  # of the number burned into a picture
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "mpeg4": "mpeg4", "mjpeg": "mjpeg"}


@dataclass(frozen=True)
class Made:
    """A video that `make_video` wrote."""

    path: Path
    fps: float
    frames: int

    @property
    def duration_s(self) -> float:
        """From its first frame to the end of its last."""
        return self.frames / self.fps


def make_video(
    path: Path,
    *,
    fps: float = 25,
    duration_s: float = 1.0,
    size: tuple[int, int] = (160, 96),
    codec: str = "h264",
    gop: int = 12,
    b_frames: int = 0,
    faststart: bool = False,
) -> Made:
    """Write a video of `numbered` pictures to `path`; `size` is width and height.

    The container is the one of the file's name. With `faststart` an mp4's index comes first, so
    that the file still opens when its end is cut off.
    """
    frames = round(duration_s * fps)
    rate = Fraction(fps).limit_denominator(1001)
    path.write_bytes(_encoded(path.suffix, rate, frames, size, codec, gop, b_frames, faststart))
    return Made(path, float(rate), frames)


@lru_cache(maxsize=64)
def _encoded(
    suffix: str,
    rate: Fraction,
    frames: int,
    size: tuple[int, int],
    codec: str,
    gop: int,
    b_frames: int,
    faststart: bool,
) -> bytes:
    options = {"movflags": "+faststart"} if faststart else {}
    with TemporaryDirectory() as folder:
        path = Path(folder, f"video{suffix}")
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(_ENCODERS[codec], rate=rate)
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.codec_context.thread_count = 1
            if codec in ("h264", "hevc"):
                # An IP camera's encoder: no long look ahead, a key frame every `gop` pictures.
                stream.options = {"preset": "ultrafast", "g": str(gop), "bf": str(b_frames)}
            if codec == "hevc":
                one_thread = "pools=none:frame-threads=1"
                stream.options |= {
                    "x265-params": f"log-level=none:keyint={gop}:bframes={b_frames}:{one_thread}"
                }
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(numbered(index, size), format="gray")
                frame = frame.reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = index, 1 / rate
                frame.pict_type = PictureType.NONE
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def numbered(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey picture, (H, W), whose columns are the bits of `index`, dark for 0, bright for 1.

    A bright band lies across it, so that none is black.
    """
    width, height = size
    bits = [(index >> bit) & 1 for bit in range(BITS)]
    columns = np.array(bits, np.uint8)[np.arange(width) * BITS // width]
    picture = np.broadcast_to(columns * 160 + 48, (height, width)).astype(np.uint8)
    picture[height * 7 // 16 : height * 9 // 16] = 208
    return picture


def number_of(image: NDArray[Any]) -> int:
    """The number burned into a picture, (H, W, 3), at any size and after any codec here."""
    width = image.shape[1]
    centres = (np.arange(BITS) * 2 + 1) * width // (2 * BITS)
    bright = image[:, centres].mean(axis=(0, 2)) > 128
    return sum(1 << bit for bit in range(BITS) if bright[bit])


def cut(path: Path, share: float) -> Path:
    """A copy of a file's first bytes, `share` of them, beside it."""
    data = path.read_bytes()
    shorter = path.with_stem(f"{path.stem}-cut")
    shorter.write_bytes(data[: int(len(data) * share)])
    return shorter


def filtered(target: Path, filters: str, *sources: Path, crf: int = 20) -> Path:
    """Write `sources` through FFmpeg's `filters`, as H.264 of a quality `crf`."""
    inputs = [word for path in sources for word in ("-i", str(path))]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", str(crf), "-g", "50", "-bf", "0"]
    command = ["ffmpeg", "-v", "error", *inputs, "-filter_complex", filters, *encoder, str(target)]
    subprocess.run(command, check=True)
    return target


def twin(film: Path, target: Path) -> None:
    """Write the film mirrored: as like it as can be, and no copy of it."""
    target.write_bytes(_mirrored(film))


@cache
def _mirrored(film: Path) -> bytes:
    with TemporaryDirectory() as folder:
        return filtered(Path(folder, film.name), "hflip", film).read_bytes()


def make_audio(path: Path) -> Path:
    """Write half a second of silence, and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for start in range(0, 8192, 1024):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
