import weakref
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

import train.experiment.experiment
from monitor.errors import ConfigError
from train.data.cache import DecodedClip
from train.data.clips import Clip, Dataset
from train.data.decoding import DecodedClips
from train.data.split import fold_split
from train.evaluate.scores import mean_window_scores
from train.experiment.experiment import Experiment
from train.networks.baselines import (
    Predict,
    baseline_features,
    fit_baseline,
    histogram_features,
    motion_features,
)
from train.recipe.options import ClipOptions, Recipe

LABELS = 3  # still, left half moves, right half moves


def moving(label: int, count: int, seed: int, size: int = 24) -> NDArray[np.uint8]:
    """Windows (count, 6, size, size, 3) in which one half flickers, or none."""
    rng = np.random.default_rng(seed)
    windows = np.full((count, 6, size, size, 3), 100, np.uint8)
    half = {0: slice(0, 0), 1: slice(0, size // 2), 2: slice(size // 2, size)}[label]
    part = windows[:, :, :, half]
    part += rng.integers(0, 60, part.shape, np.uint8)
    return windows


def fitted(
    name: str,
    windows: NDArray[np.uint8],
    truth: NDArray[np.int64],
    groups: list[str],
    labels: int = LABELS,
    seed: int = 1,
) -> Predict:
    return fit_baseline(name, baseline_features(name, windows), truth, groups, labels, seed)


def training() -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]:
    windows = np.concatenate([moving(label, 12, label) for label in range(LABELS)])
    return windows, np.repeat(np.arange(LABELS), 12), [f"g{i % 6}" for i in range(36)]


@pytest.mark.parametrize("name", ["svm", "forest"])
def test_a_baseline_learns_where_it_moves(name: str) -> None:
    windows, truth, groups = training()

    predict = fitted(name, windows, truth, groups)

    for label in range(LABELS):
        scores = predict(moving(label, 4, seed=50 + label))
        assert scores.shape == (4, LABELS)
        assert scores.dtype == np.float32
        assert scores.sum(axis=1) == pytest.approx(1)
        assert (scores.argmax(axis=1) == label).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svm", "forest"])
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    windows, truth, groups = training()
    tested = moving(1, 3, seed=9)

    first = fitted(name, windows, truth, groups, seed=4)(tested)
    second = fitted(name, windows, truth, groups, seed=4)(tested)

    assert (first == second).all()


def test_a_label_without_training_windows_scores_zero() -> None:
    windows, truth, groups = training()

    predict = fitted("forest", windows, truth, groups, LABELS + 1)

    assert (predict(windows)[:, LABELS] == 0).all()


def test_a_still_window_has_no_motion_in_it() -> None:
    assert (motion_features(moving(0, 2, seed=0)) == 0).all()


@pytest.mark.parametrize(
    ("size", "cells"), [(24, 24 * 24), (32, 32 * 32), (50, 32 * 32), (64, 32 * 32)]
)
def test_the_energy_map_has_at_most_32_cells_a_side(size: int, cells: int) -> None:
    assert motion_features(moving(1, 2, 0, size)).shape == (2, cells + 5)


def test_energy_is_the_mean_change_of_grey_level_where_it_moves() -> None:
    window = np.zeros((1, 3, 64, 64, 3), np.uint8)
    window[0, 1, :2, :2] = 100  # one cell flashes once: it changes by 100 in both differences

    energy = motion_features(window)[0, :1024] ** 2

    assert energy[0] == pytest.approx(100)
    assert (energy[1:] == 0).all()


def test_the_shares_of_a_histogram_add_up_in_every_cell() -> None:
    shares = histogram_features(moving(2, 2, seed=3)).reshape(2, 5, 16)

    assert shares.sum(axis=1) == pytest.approx(1)


def test_an_unknown_baseline_is_an_error_that_lists_the_known_ones() -> None:
    windows, truth, groups = training()

    with pytest.raises(ConfigError, match="unknown baseline 'knn'; allowed: svm, forest"):
        fitted("knn", windows, truth, groups)


def run_of(name: str) -> Experiment:
    """A run on clips of two windows each, in memory, three folds by group."""
    clips, decoded = [], {}
    for number in range(18):
        label = number % LABELS
        clip = Clip(f"{number:02d}.mp4", "abc"[label], f"g{number // LABELS}", number // LABELS % 3)
        clips.append(clip)
        frames = moving(label, 2, seed=number).reshape(12, 24, 24, 3)
        decoded[clip.path] = DecodedClip(frames, np.arange(12) / 10)
    decoded_clips = DecodedClips(tuple(clips), (), (), decoded, {clip.path: "" for clip in clips})
    config = Recipe(arch=name, clip=ClipOptions(frames=6, size=24, fps=10.0), stride=6)
    dataset = Dataset("made", {"": Path("made")}, tuple(clips), ("a", "b", "c"))
    return Experiment(dataset, decoded_clips, config, Console(quiet=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["svm", "forest"])
def test_windows_are_read_clip_by_clip_and_give_the_same_scores(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(name)
    clips = run.decoded_clips.clips
    split = fold_split(clips, [clip for clip in clips if clip.fold == 0], run.recipe)
    made: list[weakref.ref[NDArray[np.uint8]]] = []
    alive: list[int] = []
    cut = train.experiment.experiment.sample_windows

    def watched(*arguments: object) -> NDArray[np.uint8]:
        alive.append(sum(one() is not None for one in made))
        windows = cut(*arguments)
        made.append(weakref.ref(windows))
        return windows

    monkeypatch.setattr(train.experiment.experiment, "sample_windows", watched)

    result = run.fit_baseline(split, name)

    assert len(made) == len(split.train) == 12
    assert max(alive) == 0
    together = np.concatenate([run._windows(clip) for clip in split.train])
    truth = np.repeat([run.dataset.labels.index(clip.label) for clip in split.train], 2)
    groups = [clip.group for clip in split.train for _ in range(2)]
    predict = fitted(name, together, truth, groups)
    assert result.scored is not None
    expected = mean_window_scores(predict, map(run._windows, split.test))
    np.testing.assert_array_equal(result.scored.scores, expected)
