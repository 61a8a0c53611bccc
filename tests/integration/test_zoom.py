"""Where in the picture an activity is, by a model that zooms."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from monitor import Camera, Model, Monitor, Region
from testkit.models import metadata, motion_model

SIZE = 320, 192
PLACE = 250, 130, 40  # left, top and side of what flickers


def film(path: Path, levels: int) -> Path:
    """Six seconds in which a square flickers at the lower right, by so many grey levels."""
    left, top, side = PLACE
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index in range(60):
            image = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
            image[:80, np.arange(SIZE[0]) // 40 % 2 == 0] = 140
            image[top : top + side, left : left + side] = 90 + levels * (index % 2)
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("regions", "levels"), [((), 30), ((Region(name="right", box=(0.5, 0.25, 1, 1)),), 12)]
)
def test_an_alert_says_where_in_the_picture_it_is(
    tmp_path: Path, regions: tuple[Region, ...], levels: int
) -> None:
    model = Model(motion_model(tmp_path / "m.onnx", metadata(zoom=2)))
    assert model.metadata.clip.size == 128

    source = str(film(tmp_path / "film.mp4", levels))
    camera = Camera(name="yard", source=source, regions=regions)
    start, *_ = list(Monitor([camera], model))

    assert start.box is not None
    left, top, right, bottom = start.box
    assert (right - left, bottom - top) == pytest.approx(
        (0.3125, 0.46875) if regions else (0.625, 0.625), abs=1e-3
    )
    x, y, side = PLACE
    assert left * SIZE[0] <= x < x + side <= right * SIZE[0] + 2
    assert top * SIZE[1] <= y < y + side <= bottom * SIZE[1] + 2


def test_a_model_that_does_not_zoom_tells_no_place(tmp_path: Path) -> None:
    model = Model(motion_model(tmp_path / "m.onnx", metadata()))
    source = str(film(tmp_path / "film.mp4", 160))

    start, *_ = list(Monitor([Camera(name="yard", source=source)], model))

    assert start.box is None
