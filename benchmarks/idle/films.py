"""Short activities laid into a real still scene, encoded as cameras encode.

The scene is the empty corridor of `surveillance`, its frames shown forwards and backwards. An
activity is a clip of `fight-surv`. Its first frame is shown all the time before it, and its last
frame after it. So only the people begin to move and stand still again, as before a real camera.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av import VideoFrame, VideoStream
from av.video.frame import PictureType
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

FPS = 25
CORRIDOR = "surveillance/one-by-one-person-detection.mp4"
_EMPTY = range(3, 51)  # its frames without a person
_CORRIDOR_FPS = 10
_NOISE = 3.0  # grey levels of sensor noise, new in every frame
_ENCODERS = {"h264": "libx264", "hevc": "libx265"}

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Codec = Literal["h264", "hevc"]


@dataclass(frozen=True)
class Encoding:
    """How a camera encodes."""

    codec: Codec = "h264"
    group: int = 50  # frames from one key frame to the next
    b_frames: int = 0
    open_groups: bool = False  # frames of one GOP may refer to the next GOP
    kbps: int | None = None  # constant rate; None: constant quality
    keys: tuple[int, ...] = ()  # frames that are key frames as well


@dataclass(frozen=True)
class Laid:
    """An activity and its place in a film."""

    images: Sequence[Image]  # the first is shown before it, the last after it
    spells: Sequence[tuple[int, int]]  # when it moves: first frame of the film, number of frames
    left: int
    top: int

    def at(self, index: int) -> Image:
        """The image of the activity at a frame of the film."""
        shown = sum(min(max(index - start, 0), count) for start, count in self.spells)
        return self.images[min(shown, len(self.images) - 1)]


def corridor(data: Path, size: tuple[int, int]) -> list[Image]:
    """The empty corridor at 25 frames a second; it can be repeated without a jump."""
    seen = images(data / CORRIDOR, size, _EMPTY)
    there_and_back = [*seen, *seen[-2:0:-1]]
    shown = len(there_and_back) * FPS // _CORRIDOR_FPS
    return [there_and_back[index * _CORRIDOR_FPS // FPS] for index in range(shown)]


def activity(path: Path, size: tuple[int, int], seconds: float) -> list[Image]:
    """The middle of a clip, forwards and backwards until it is long enough."""
    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or FPS)
    seen = images(path, size)
    taken = [
        seen[min(round(n * fps / FPS), len(seen) - 1)] for n in range(int(len(seen) * FPS / fps))
    ]
    wanted = round(seconds * FPS)
    start = max(0, (len(taken) - wanted) // 2)
    taken = taken[start : start + wanted]
    to_and_fro = itertools.cycle([*taken, *taken[-2:0:-1]])
    return list(itertools.islice(to_and_fro, wanted))


def images(path: Path, size: tuple[int, int], which: range | None = None) -> list[Image]:
    """The frames of a video, scaled to a width and height."""
    found: list[Image] = []
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if which is None or index in which:
                small = frame.reformat(*size, "rgb24", interpolation=Interpolation.AREA)
                found.append(np.asarray(small.to_ndarray(), np.uint8))
    return found


def film(
    scene: Sequence[Image], laid: Sequence[Laid], seconds: float, seed: int = 0
) -> Iterator[Image]:
    """The scene with the activities laid into it, and noise."""
    random = np.random.default_rng(seed)
    height, width, _ = scene[0].shape
    noise = random.normal(0, _NOISE, (height + 64, width + 64, 1)).round().astype(np.int16)
    for index in range(round(seconds * FPS)):
        image = scene[index % len(scene)].copy()
        for one in laid:
            shown = one.at(index)
            image[one.top : one.top + shown.shape[0], one.left : one.left + shown.shape[1]] = shown
        down, right = random.integers(0, 64, 2)
        mirror = random.choice((-1, 1))
        own = mirror * noise[down : down + height, right : right + width]
        yield np.clip(image + own, 0, 255).astype(np.uint8)


def encode(path: Path, pictures: Iterable[Image], how: Encoding) -> Path:
    """Encode images as a camera would send them."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(_ENCODERS[how.codec], rate=FPS, options=_options(how))
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_count = 1
        for index, image in enumerate(pictures):
            if not index:
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            frame.pict_type = PictureType.I if index in how.keys else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _options(how: Encoding) -> dict[str, str]:
    group, b_frames = str(how.group), str(how.b_frames)
    rate = {"crf": "26"}
    if how.kbps is not None:
        rate = {"b": f"{how.kbps}k", "maxrate": f"{how.kbps}k", "bufsize": f"{how.kbps}k"}
    if how.codec == "hevc":
        params = f"keyint={group}:min-keyint={group}:scenecut=0:bframes={b_frames}:log-level=none"
        params += f":open-gop={int(how.open_groups)}:pools=none:frame-threads=1"
        return {"preset": "ultrafast", "x265-params": params} | rate
    params = f"keyint={group}:min-keyint={group}:scenecut=0:bframes={b_frames}:rc-lookahead=5"
    params += f":open-gop={int(how.open_groups)}:force-cfr=1" + ":nal-hrd=cbr" * bool(how.kbps)
    return {"preset": "veryfast", "forced-idr": "1", "x264-params": params} | rate
