import threading
from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import train.fit.batches
from tests.train.fit.test_augmentation import Draws
from train.data.cache import DecodedClip
from train.fit.batches import Batch, TrainingBatches
from train.recipe.options import AugmentOptions, ClipOptions, Recipe

CONFIG = Recipe(clip=ClipOptions(frames=4, size=16, fps=10.0), batch=2, epochs=3)
CLIPS = 12


PLAIN = CONFIG.model_copy(update={"augment": None})
# Parts of the clips, with their shares of the windows.
SHARES = ((range(4), 0.5), (range(4, 6), 0.25), (range(6, 12), 0.25))


def batches(config: Recipe = CONFIG) -> TrainingBatches:
    rng = np.random.default_rng(5)
    clips = [
        DecodedClip(rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8), np.arange(8) / 10)
        for _ in range(CLIPS)
    ]
    return TrainingBatches(clips, np.eye(2, dtype=np.float32)[np.arange(CLIPS) % 2], config)


def drawn(shares: Sequence[tuple[Sequence[int], float]], epoch: int, seed: int = 1) -> list[int]:
    """The clips of an epoch in the order in which they are drawn, each by its number."""
    clips = [DecodedClip(np.zeros((8, 16, 16, 3), np.uint8), np.arange(8) / 10)] * CLIPS
    config = PLAIN.model_copy(update={"seed": seed})
    made = TrainingBatches(clips, np.eye(CLIPS, dtype=np.float32), config, shares=shares)
    return [int(number) for _, targets in made.epoch(epoch) for number in targets.argmax(axis=1)]


def wait_for_the_maker() -> None:
    for thread in threading.enumerate():
        if thread.name.startswith("batches"):
            thread.join()


def assert_same(some: list[Batch], others: list[Batch]) -> None:
    assert len(some) == len(others)
    for (clips, targets), (other_clips, other_targets) in zip(some, others, strict=True):
        np.testing.assert_array_equal(clips, other_clips)
        np.testing.assert_array_equal(targets, other_targets)


def test_a_model_that_zooms_is_trained_on_both_of_its_views() -> None:
    # What moves is 8 of 32 pixels wide: 4 of 16 in the whole view, 6.4 of 16 in the part.
    off = ("brightness", "contrast", "gray_share", "flip_share", "mixup_share")
    augment = AugmentOptions(speed_min=1.0, crop_min=1.0, part_share=0.5, **dict.fromkeys(off, 0.0))
    recipe = Recipe(clip=ClipOptions(frames=4, size=16), zoom=2, batch=8, epochs=1, augment=augment)
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    frames[1::2, 8:16, 8:16] = 255
    clips = [DecodedClip(frames, np.arange(4) / 10)] * 64
    made = TrainingBatches(clips, np.ones((64, 1), np.float32), recipe)

    windows = np.concatenate([clips for clips, _ in made.epoch(0)])

    widths = Counter(int((window[1, :, :, 0] > 127).any(axis=0).sum()) for window in windows)
    assert set(widths) == {4, 7}
    assert 20 <= widths[7] <= 44


def test_batches_prepared_ahead_equal_those_of_the_epoch_itself() -> None:
    running = batches()
    epochs = [list(running.epoch(number)) for number in range(CONFIG.epochs)]

    for number, found in enumerate(epochs):
        assert_same(found, list(batches().epoch(number)))


def test_the_first_batches_of_an_epoch_are_prepared_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running = batches()
    list(running.epoch(0))
    wait_for_the_maker()
    made: list[int] = []
    make = TrainingBatches._batch

    def noted(self: TrainingBatches, number: int, index: int, members: object) -> Batch:
        made.append(index)
        return make(self, number, index, members)

    monkeypatch.setattr(TrainingBatches, "_batch", noted)
    coming = running.epoch(1)
    ready = [next(coming) for _ in range(2)]
    coming.close()
    wait_for_the_maker()

    assert len(ready) == 2
    assert 0 not in made
    assert 1 not in made


def test_nothing_is_prepared_for_an_epoch_after_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    running = batches(CONFIG.model_copy(update={"epochs": 1}))
    made: list[object] = []
    monkeypatch.setattr(
        train.fit.batches, "augment_window", lambda window, *_: made.append(window) or window
    )

    list(running.epoch(0))
    wait_for_the_maker()

    assert len(made) == CLIPS


def test_an_error_in_the_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(train.fit.batches, "augment_window", broken)

    with pytest.raises(MemoryError):
        list(batches().epoch(0))


def test_numpy_works_on_one_thread_beside_the_network() -> None:
    batches()

    assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}


def test_windows_with_patches_do_not_depend_on_when_they_are_prepared() -> None:
    assert CONFIG.augment is not None
    crossed = CONFIG.augment.model_copy(update={"crossing_share": 1.0})
    config = CONFIG.model_copy(update={"augment": crossed})

    first, again = list(batches(config).epoch(1)), list(batches(config).epoch(1))

    assert_same(first, again)
    usual = [clips for clips, _ in batches().epoch(1)]
    assert any((clips != other).any() for (clips, _), other in zip(first, usual, strict=True))


def test_each_part_of_the_clips_has_its_share_of_every_epoch() -> None:
    for epoch in range(3):
        found = Counter(drawn(SHARES, epoch))
        assert [sum(found[clip] for clip in part) for part, _ in SHARES] == [6, 3, 3]


def test_shares_that_do_not_divide_the_clips_are_rounded_and_none_is_lost() -> None:
    shares = [([clip], 1 / 7) for clip in range(7)]

    for epoch in range(3):
        found = Counter(drawn(shares, epoch))
        assert sum(found.values()) == CLIPS
        assert set(found.values()) == {1, 2}
        assert len(found) == 7


def test_the_clips_of_a_part_are_drawn_equally_often() -> None:
    found = Counter(clip for epoch in range(4) for clip in drawn(SHARES, epoch))

    assert {clip: found[clip] for clip in range(CLIPS)} == {
        clip: 6 if clip < 6 else 2 for clip in range(CLIPS)
    }
    for epoch in range(3):  # they are dealt: none is drawn twice before all were drawn once
        assert max(Counter(drawn(SHARES, epoch)).values()) <= 2


def test_shares_are_drawn_by_the_seed_and_the_epoch_alone() -> None:
    running = drawn(SHARES, 0), drawn(SHARES, 1)

    assert drawn(SHARES, 1) == running[1] != running[0]
    assert drawn(SHARES, 1, seed=2) != running[1]


def test_without_shares_every_clip_is_drawn_once_in_an_order_of_the_seed() -> None:
    for epoch in range(2):
        order = np.random.default_rng((1, epoch)).permutation(CLIPS)
        assert drawn((), epoch) == order.tolist()


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_patches_that_are_off_draw_nothing(share: float) -> None:
    """What was drawn before there were crossings is what is drawn without them."""
    assert CONFIG.augment is not None
    augment = CONFIG.augment.model_copy(update={"crossing_share": share})
    made, draws = batches(CONFIG.model_copy(update={"augment": augment})), Draws()

    made._window(made._decoded[0], cast(np.random.Generator, draws))

    place, crop, flip, grey = ["uniform"] * 2, ["uniform"] * 3, "random", "random"
    brightness, crossing = ["uniform"] * 2, ["random"] if share else []
    assert draws.asked == [*place, *crop, flip, grey, *brightness, *crossing]
