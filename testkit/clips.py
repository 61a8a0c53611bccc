"""A handful of small clips that a network can be fitted on in seconds."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FPS = 10
FRAMES = 8
SIZE = 32  # pixels
LEVELS = {"dark": 40, "light": 200}  # of grey


def make_clips(data: Path, folds: int = 2, labels: Mapping[str, int] = LEVELS) -> Path:
    """A data folder with a table: clips of grey `labels`, one of each in two groups a fold."""
    rows = ["path,label,group,fold"]
    for fold in range(folds):
        for part in range(2):
            for label, level in labels.items():
                name = f"{label}/{fold}{part}.mp4"
                _write(data / name, level, seed=fold * 2 + part)
                rows.append(f"{name},{label},g{fold}{part},{fold}")
    (data / "clips.csv").write_text("\n".join(rows) + "\n")
    return data


def _write(path: Path, level: int, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-30, 30, (FRAMES, SIZE, SIZE, 3))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index, pixels in enumerate((level + noise).astype(np.uint8)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
