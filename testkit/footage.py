"""Footage in which nothing happens, and clips to be laid into it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from testkit.media import twin

FIGHTS = {"fight": "moving", "nofight": "still"}  # clip of the tests -> label of the motion model


def quiet_footage(path: Path, seconds: float, fps: int = 10) -> Path:
    """Write a video of stripes on which one dot moves; 160x96."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.thread_count = 1
        for index in range(round(seconds * fps)):
            image = np.full((96, 160, 3), 100, np.uint8)
            image[:, np.arange(160) // 8 % 2 == 0] += 40
            image[40:48, index % 150 : index % 150 + 8] += 20
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def motion_clips(folder: Path, fight: Path, nofight: Path) -> Path:
    """A data folder for the motion model: a clip of each label in each of two groups and folds."""
    rows = ["path,label,group,fold"]
    for clip, path in (("fight", fight), ("nofight", nofight)):
        label = FIGHTS[clip]
        (folder / label).mkdir(parents=True)
        (folder / label / "0.mp4").write_bytes(path.read_bytes())
        twin(path, folder / label / "1.mp4")  # a copy would count as one group with it
        rows += [f"{label}/{fold}.mp4,{label},scene-{fold},{fold}" for fold in range(2)]
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder
