from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.windows.clip import ClipSpec
from tests.train.data.test_windows import numbered_clip, numbers
from train.data.cache import DecodedClip
from train.fit.augmentation import (
    augment_window,
    mixup,
    paste_smaller,
    random_window,
    resample_rate,
)
from train.recipe.options import AugmentOptions

SPEC = ClipSpec(frames=8, size=32, fps=10.0)
OFF = AugmentOptions(
    speed_min=1, crop_min=1, flip_share=0, brightness=0, contrast=0, gray_share=0, mixup_share=0
)


def only(**options: float) -> AugmentOptions:
    return OFF.model_copy(update=options)


@pytest.fixture
def window() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, SPEC.shape, dtype=np.uint8)


def test_an_augmented_window_keeps_its_shape_and_type(window: NDArray[np.uint8]) -> None:
    varied = augment_window(window, AugmentOptions(), np.random.default_rng(1))

    assert varied.shape == window.shape
    assert varied.dtype == np.uint8


def test_the_same_seed_gives_the_same_augmentation(window: NDArray[np.uint8]) -> None:
    first, second, other = (
        augment_window(window, AugmentOptions(), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )

    assert (first == second).all()
    assert (first != other).any()


def test_with_everything_off_a_window_is_unchanged(window: NDArray[np.uint8]) -> None:
    assert (augment_window(window, OFF, np.random.default_rng(1)) == window).all()


def test_a_flip_mirrors_every_frame(window: NDArray[np.uint8]) -> None:
    flipped = augment_window(window, only(flip_share=1.0), np.random.default_rng(1))

    assert (flipped == window[:, :, ::-1]).all()


def test_a_gray_window_has_no_colour(window: NDArray[np.uint8]) -> None:
    gray = augment_window(window, only(gray_share=1.0), np.random.default_rng(1))

    assert (gray == gray[..., :1]).all()
    assert gray.std() > 0


def test_a_crop_is_the_same_in_every_frame_and_stretches_a_part(
    window: NDArray[np.uint8],
) -> None:
    still = np.broadcast_to(window[0], window.shape)
    cropped = augment_window(still, only(crop_min=0.5), np.random.default_rng(1))
    ramp = np.broadcast_to(
        np.arange(32, dtype=np.uint8)[:, np.newaxis, np.newaxis] * 8, (*window.shape[:2], 32, 3)
    )
    stretched = augment_window(ramp, only(crop_min=0.5), np.random.default_rng(1))[
        0, :, 0, 0
    ].astype(int)

    assert (cropped == cropped[:1]).all()
    assert stretched[-1] - stretched[0] < 248
    assert (np.diff(stretched) >= 0).all()


def test_a_zoom_keeps_and_enlarges_what_moves() -> None:
    window = np.zeros(SPEC.shape, np.uint8)
    window[::2, 22:26, 4:8] = 255  # blinks
    for seed in range(10):
        zoomed = augment_window(
            window, only(zoom_share=1.0, zoom_min=0.5), np.random.default_rng(seed)
        )

        assert (zoomed[1::2] == 0).all()
        assert (zoomed[0] > 0).sum() >= (window[0] > 0).sum()


def test_a_zoom_of_a_still_window_is_still() -> None:
    still = np.full(SPEC.shape, 99, np.uint8)

    assert (augment_window(still, only(zoom_share=1.0), np.random.default_rng(1)) == 99).all()


class Draws:
    """A generator that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._rng = np.random.default_rng(1)

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._rng, name)


def test_a_zoom_that_is_off_draws_nothing(window: NDArray[np.uint8]) -> None:
    """What was drawn before there were zooms is what is drawn without them."""
    draws = Draws()

    augment_window(window, only(crop_min=0.5), cast(np.random.Generator, draws))

    crop, flip, grey, contrast, brightness = ["uniform"] * 3, "random", "random", *["uniform"] * 2
    assert draws.asked == [*crop, flip, grey, contrast, brightness]


def test_another_rate_that_is_off_draws_nothing() -> None:
    clip, draws = numbered_clip(100, fps=20), Draws()

    assert resample_rate(clip, SPEC, 0.0, cast(np.random.Generator, draws)) is clip
    assert draws.asked == []


def test_brightness_and_contrast_stay_within_bytes() -> None:
    edges = np.zeros(SPEC.shape, np.uint8)
    edges[:, :16] = 255
    for seed in range(20):
        varied = augment_window(
            edges, only(brightness=0.5, contrast=0.5), np.random.default_rng(seed)
        )
        assert (varied[:, :16] >= varied[:, 16:]).all()


def test_a_random_window_lies_anywhere_in_the_clip_and_never_leaves_it() -> None:
    clip = numbered_clip(100, fps=20)
    rng = np.random.default_rng(1)

    found = [numbers(random_window(clip, SPEC, (0.6, 1.0), rng)) for _ in range(200)]

    assert min(window[0] for window in found) < 5
    assert max(window[-1] for window in found) > 94
    assert all(np.diff(window).min() >= 1 for window in found)
    spans = {window[-1] - window[0] for window in found}
    assert min(spans) < 10 < 13 < max(spans) <= 15


def test_a_faster_window_covers_more_frames() -> None:
    clip = numbered_clip(100, fps=20)

    found = numbers(random_window(clip, SPEC, (1.25, 1.25), np.random.default_rng(1)))

    assert found[-1] - found[0] == pytest.approx((SPEC.frames - 1) / SPEC.fps * 1.25 * 20, abs=1)


def test_gamma_noise_and_negatives_change_every_frame_the_same_way() -> None:
    ramp = np.linspace(0, 255, SPEC.size).astype(np.uint8)
    window = np.broadcast_to(ramp[:, np.newaxis], SPEC.shape)

    darker = augment_window(window, only(gamma=1.0), np.random.default_rng(3)).astype(int)
    assert not (darker == window).all()
    assert (darker == darker[:1]).all(), "gamma"
    assert (np.diff(darker[0, 0, :, 0]) >= 0).all()
    assert darker[0, 0, [0, -1], 0].tolist() == [0, 255]

    negative = augment_window(window, only(negative_share=1.0), np.random.default_rng(1))
    assert (negative == 255 - window).all()

    grey = np.full(SPEC.shape, 128, np.uint8)
    spread = [
        float(augment_window(grey, only(noise=20.0), np.random.default_rng(seed)).std())
        for seed in range(30)
    ]
    assert min(spread) < 2 < 10 < max(spread) <= 20.5


def test_a_window_is_pasted_smaller_at_any_place_and_the_scene_stays_around_it() -> None:
    window, scene = np.full(SPEC.shape, 200, np.uint8), np.full(SPEC.shape, 50, np.uint8)
    shares, places = [], set()
    for seed in range(40):
        pasted = paste_smaller(window, scene, 3.0, np.random.default_rng(seed))
        assert set(np.unique(pasted)) == {50, 200}
        assert (pasted == pasted[:1]).all()
        inside = pasted[0, :, :, 0] == 200
        places.add(tuple(np.argwhere(inside)[0].tolist()))
        shares.append(float(np.sqrt(inside.mean())))
    assert 0.3 <= min(shares) < 0.5 < 0.75 < max(shares) <= 0.9
    assert len(places) > 20
    assert (scene == 50).all()


def test_a_pasted_window_is_averaged_and_not_sampled() -> None:
    stripes = np.zeros(SPEC.shape, np.uint8)
    stripes[:, ::2] = 255
    found = paste_smaller(stripes, np.zeros(SPEC.shape, np.uint8), 3.0, np.random.default_rng(5))

    assert found[found > 0].std() < 60


def test_mixup_blends_clips_and_targets_alike() -> None:
    black, white = np.zeros(SPEC.shape, np.uint8), np.full(SPEC.shape, 255, np.uint8)
    clips = np.stack([black, white] * 4)
    targets = np.eye(2, dtype=np.float32)[[0, 1] * 4]

    mixed, blended = mixup(clips, targets, only(mixup_share=1.0), np.random.default_rng(2))

    assert mixed.dtype == np.uint8
    assert blended.dtype == np.float32
    np.testing.assert_allclose(blended.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(mixed[:, 0, 0, 0, 0] / 255, blended[:, 1], atol=0.002)
    assert ((blended > 0.01) & (blended < 0.99)).any()


def test_mixup_can_be_off() -> None:
    clips, targets = np.zeros((2, *SPEC.shape), np.uint8), np.eye(2, dtype=np.float32)

    mixed, blended = mixup(clips, targets, OFF, np.random.default_rng(2))

    assert mixed is clips
    assert blended is targets


def test_a_clip_at_another_rate_shows_its_newest_frames_and_invents_none() -> None:
    spec = ClipSpec(frames=20, size=8, fps=10)
    times_s = np.arange(100) / 25
    frames = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 8, 8, 3))
    clip = DecodedClip(frames, times_s)
    rng = np.random.default_rng(1)
    assert resample_rate(clip, spec, 0.0, rng) is clip
    steps = set()
    for _ in range(50):
        seen = resample_rate(clip, spec, 1.0, rng)
        step_s = float(np.diff(seen.times_s).mean())
        assert 1 / 20 <= step_s <= 1 / 10
        assert np.diff(seen.times_s) == pytest.approx(step_s)
        numbers = np.asarray(seen.frames)[:, 0, 0, 0].astype(int)
        shown_s = numbers / 25 - numbers[0] / 25
        assert np.all(np.abs(shown_s - seen.times_s) < 1 / 25 + 1e-6), "the newest there was"
        steps.add(round(step_s, 3))
    assert len(steps) > 10
    unchanged = [resample_rate(clip, spec, 0.5, rng) is clip for _ in range(400)]
    assert 140 < sum(unchanged) < 260


SLOW = ClipSpec(frames=8, size=32, fps=5.0)


@pytest.mark.parametrize(
    ("clip", "spec"),
    [
        pytest.param(numbered_clip(1, fps=25), SPEC, id="one frame"),
        pytest.param(numbered_clip(2, fps=25), SPEC, id="shorter than a step"),
        pytest.param(numbered_clip(3, fps=25), SLOW, id="hardly a step"),
    ],
)
def test_a_clip_too_short_for_another_rate_is_unchanged(clip: DecodedClip, spec: ClipSpec) -> None:
    for seed in range(20):
        seen = resample_rate(clip, spec, 1.0, np.random.default_rng(seed))

        assert seen is clip or len(seen.times_s) >= 2


def test_a_gap_is_not_hidden_by_repeated_frames() -> None:
    times_s = np.arange(60) / 25
    gap, pause = times_s.copy(), times_s.copy()
    gap[40:] += 1.0
    pause[40:] += 0.9
    frames = numbered_clip(60, fps=25).frames
    rng = np.random.default_rng(1)

    with_gap, with_pause = DecodedClip(frames, gap), DecodedClip(frames, pause)

    assert all(resample_rate(with_gap, SPEC, 1.0, rng) is with_gap for _ in range(20))
    assert all(resample_rate(with_pause, SPEC, 1.0, rng) is not with_pause for _ in range(20))


def test_an_unchanged_clip_draws_as_many_random_numbers() -> None:
    """So that a clip with a gap changes no other of its batch."""
    times_s = np.arange(60) / 25
    times_s[40:] += 2.0
    clips = numbered_clip(60, fps=25), DecodedClip(numbered_clip(60, fps=25).frames, times_s)
    asked = []
    for clip in clips:
        draws = Draws()
        resample_rate(clip, SPEC, 1.0, cast(np.random.Generator, draws))
        asked.append(draws.asked)

    assert asked[0] == asked[1] == ["random", "uniform", "uniform"]


def test_a_clip_slower_than_the_camera_has_its_frames_repeated() -> None:
    clip = numbered_clip(20, fps=5)

    seen = resample_rate(clip, SPEC, 1.0, np.random.default_rng(1))

    assert set(np.diff(numbers(np.asarray(seen.frames)))) == {0, 1}
