import logging
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from monitor.errors import MonitorError
from monitor.windows.clip import ClipSpec
from train.data.cache import DecodedClip
from train.fit.batches import TrainingBatches
from train.fit.checkpoint import load_state
from train.fit.trainer import (
    FittedNetwork,
    Predict,
    Trainer,
    averaged_weights,
    compile_network,
    explain_out_of_memory,
)
from train.networks.architectures import build
from train.recipe.options import ClipOptions, Recipe

CONFIG = Recipe(
    clip=ClipOptions(frames=4, size=16, fps=10.0),
    epochs=4,
    batch=4,
    validation_share=0.2,
    patience=None,
)
SILENT = Console(quiet=True)


def batches(config: Recipe = CONFIG, target: float = 1.0) -> TrainingBatches:
    rng = np.random.default_rng(5)
    clips = [
        DecodedClip(rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8), np.arange(8) / 10)
        for _ in range(8)
    ]
    targets = np.eye(2, dtype=np.float32)[np.arange(8) % 2] * np.float32(target)
    return TrainingBatches(clips, targets, config)


def network() -> keras.Model:
    """A small network with everything a fit has to keep: batch statistics and dropout's seeds."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(CONFIG.spec.shape, dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Conv3D(4, 3, strides=2),
            layers.BatchNormalization(momentum=0.9),
            layers.GlobalAveragePooling3D(),
            layers.Dropout(0.4),
            layers.Dense(2, activation="softmax"),
        ]
    )


def fit(
    folder: Path,
    config: Recipe = CONFIG,
    losses: Iterator[float] | None = None,
    fingerprint: str = "f",
    target: float = 1.0,
) -> FittedNetwork:
    """A fit whose validation losses are given; StopIteration of them is a kill between epochs."""

    def validate(predict: Predict) -> tuple[float, float]:
        assert losses is not None
        try:
            return next(losses), 0.5
        except StopIteration:
            raise KeyboardInterrupt from None

    return Trainer(
        network(),
        batches(config, target),
        None if losses is None else validate,
        config,
        folder / "checkpoint" / "state.npz",
        fingerprint,
    ).fit(SILENT, "test")


def test_a_resumed_fit_ends_like_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole", losses=iter([1.0] * 4))
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "stopped", losses=iter([1.0] * 2))

    resumed = fit(tmp_path / "stopped", losses=iter([1.0] * 2))

    assert len(resumed.history["loss"]) == 4
    np.testing.assert_allclose(resumed.history["loss"], whole.history["loss"], rtol=1e-4)
    for one, other in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_another_recipe_starts_afresh_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path, losses=iter([1.0]))

    with caplog.at_level(logging.WARNING):
        fitted = fit(tmp_path, losses=iter([1.0] * 4), fingerprint="other")

    assert len(fitted.history["loss"]) == 4
    assert caplog.messages == [
        "test: recipe or data have changed since it was stopped: starting again"
    ]


def test_early_stopping_restores_the_weights_of_the_lowest_validation_loss(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"patience": 2, "epochs": 9})

    fitted = fit(tmp_path, config, iter([0.9, 0.5, 0.6, 0.7, 0.1]))

    state = load_state(tmp_path / "checkpoint" / "state.npz")
    assert state is not None
    assert fitted.history["val_loss"] == [0.9, 0.5, 0.6, 0.7]
    assert fitted.best_epoch == state.best_epoch == 1
    for one, other in zip(fitted.model.get_weights(), state.best, strict=True):
        np.testing.assert_array_equal(one, other)


def test_without_early_stopping_the_last_averaged_weights_are_kept(tmp_path: Path) -> None:
    trainer = Trainer(network(), batches(), None, CONFIG, tmp_path / "c" / "state.npz", "f")
    fitted = trainer.fit(SILENT, "test")

    assert fitted.best_epoch == CONFIG.epochs - 1
    assert set(fitted.history) == {"loss", "accuracy"}
    optimizer = trainer._model.optimizer
    for variable, average in zip(
        fitted.model.trainable_variables, optimizer._model_variables_moving_average, strict=True
    ):
        np.testing.assert_allclose(np.asarray(variable), np.asarray(average), atol=1e-5)


def test_averaged_weights_are_lent_and_taken_back() -> None:
    model = network()
    compile_network(model, CONFIG, steps=2)
    for clips, targets in batches().epoch(0):
        model.train_on_batch(clips, targets)
    before = model.get_weights()

    with averaged_weights(model):
        during = model.get_weights()

    assert any((one != other).any() for one, other in zip(before, during, strict=True))
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_lost_loss_is_an_error_that_says_what_to_change(tmp_path: Path) -> None:
    with pytest.raises(MonitorError) as error:
        fit(tmp_path, target=float("nan"))

    assert str(error.value) == "the loss became nan in epoch 1: lower learning_rate (now 0.002)"


@pytest.mark.parametrize(
    "raised",
    [
        pytest.param(MemoryError(), id="python"),
        pytest.param(tf.errors.ResourceExhaustedError(None, None, "OOM"), id="tensorflow"),
        pytest.param(
            tf.errors.AbortedError(None, None, "could not create a primitive"), id="onednn"
        ),
    ],
)
def test_too_little_memory_is_an_error_that_says_what_to_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(keras.Model, "train_on_batch", exhausted)

    with pytest.raises(MonitorError) as error:
        fit(tmp_path)

    assert str(error.value) == (
        "not enough memory in epoch 1: a smaller batch (now 4) or smaller clips (now 4x16x16) help"
    )


def test_what_was_aborted_for_another_reason_stays_what_it_is() -> None:
    with (
        pytest.raises(tf.errors.AbortedError, match="cancelled"),
        explain_out_of_memory(CONFIG, "in epoch 1"),
    ):
        raise tf.errors.AbortedError(None, None, "cancelled")


def test_an_epoch_repeats_and_the_next_one_differs() -> None:
    made = batches()
    first, again, other = (next(iter(made.epoch(number)))[0] for number in (0, 0, 1))

    assert (first == again).all()
    assert (first != other).any()


def test_every_clip_is_in_an_epoch_and_no_batch_is_a_leftover() -> None:
    config = CONFIG.model_copy(update={"batch": 7, "augment": None})
    sizes = [len(clips) for clips, _ in batches(config).epoch(0)]

    assert sizes == [4, 4]


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_the_learning_rate_rises_and_falls_as_configured(optimizer: str) -> None:
    config = CONFIG.model_copy(
        update={"optimizer": optimizer, "epochs": 10, "warmup_share": 0.2, "weight_decay": 0.0}
    )
    model = network()

    compile_network(model, config, steps=10)

    schedule = model.optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 20, 60, 100)]
    np.testing.assert_allclose(rates, [0, 2e-3, 1e-3, 0], atol=1e-6)


def momenta(model: keras.Model) -> list[float]:
    kind = keras.layers.BatchNormalization
    return [layer.momentum for layer in model.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(
    ("steps", "momentum"),
    [
        pytest.param(870, 0.99, id="enough"),
        pytest.param(500, 0.99, id="just enough"),
        pytest.param(120, 0.9583, id="few"),
        pytest.param(8, 0.5, id="hardly any"),
        pytest.param(1, 0.5, id="one"),
    ],
)
def test_batch_statistics_forget_as_fast_as_a_fit_is_short(steps: int, momentum: float) -> None:
    model = build("motion-peaks", ClipSpec(20, 64, 10.0), 2)
    compile_network(model, CONFIG.model_copy(update={"epochs": 1}), steps)

    assert momenta(model) == pytest.approx([momentum], abs=1e-4)


def test_batch_statistics_have_settled_after_a_hundred_steps() -> None:
    given = keras.Input((3,))
    normalised = keras.layers.BatchNormalization(momentum=0.99)(given)
    model = keras.Model(given, keras.layers.Dense(2, activation="softmax")(normalised))
    compile_network(model, CONFIG.model_copy(update={"epochs": 4}), steps=25)
    rng = np.random.default_rng(1)

    for _ in range(100):
        model.train_on_batch(rng.normal(7, 3, (64, 3)), np.eye(2)[rng.integers(2, size=64)])

    layer = model.layers[1]
    np.testing.assert_allclose(layer.moving_mean, 7, rtol=0.05)  # 4.4 at 0.99
    np.testing.assert_allclose(layer.moving_variance, 9, rtol=0.15)  # 6.1 at 0.99


def test_a_momentum_that_settles_in_time_is_let_be() -> None:
    model = network()
    compile_network(model, CONFIG.model_copy(update={"epochs": 1}), steps=60)

    assert momenta(model) == [0.9]
    assert model.optimizer.ema_momentum == CONFIG.ema_momentum
