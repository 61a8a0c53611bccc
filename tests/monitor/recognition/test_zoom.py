"""A network that sees the whole clip and the part that moves most."""

import numpy as np
from numpy.typing import NDArray

from monitor.recognition.zoom import with_zoom
from monitor.records import Outputs
from monitor.windows.zoom import views

RNG = np.random.default_rng(2)


def brightness(clips: NDArray[np.uint8]) -> Outputs:
    """Two labels: how bright the clips are, and how dark; novelty is the number of clips."""
    bright = clips.mean(axis=(1, 2, 3, 4), dtype=np.float32) / 255
    return Outputs(np.stack((bright, 1 - bright), axis=1), np.arange(len(clips), dtype=np.float32))


def clip_with(part: int, rest: int) -> NDArray[np.uint8]:
    """The part that moves is of one grey level, all else of another."""
    clip = np.full((4, 32, 32, 3), rest, np.uint8)
    clip[:, :20, 12:] = part
    clip[::2, 4:8, 20:24] = 255 - part
    return clip


def test_the_view_with_the_higher_score_of_an_alert_counts() -> None:
    clips = np.stack([clip_with(200, 20), clip_with(20, 200), clip_with(100, 100)])
    seen = np.concatenate([views(clip)[0] for clip in clips])
    of_views = brightness(seen).scores.reshape(3, 2, 2)

    by_bright = with_zoom(brightness, 2, [0])(clips)
    by_dark = with_zoom(brightness, 2, [1])(clips)

    assert np.array_equal(by_bright.scores[:, 0], of_views[..., 0].max(axis=1))
    assert np.array_equal(by_dark.scores[:, 1], of_views[..., 1].max(axis=1))
    assert by_bright.scores.sum(axis=1).tolist() == [1, 1, 1]
    assert by_bright.novelty is not None
    assert by_bright.novelty.tolist()[:2] == [1, 2], "of the view that counts"
    assert by_bright.boxes[:2] == (views(clips[0])[1], None)


def test_without_zoom_nothing_changes() -> None:
    assert with_zoom(brightness, 1, [0]) is brightness
