"""Fits one network on one split, epoch by epoch, and resumes a killed fit."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from monitor.errors import MonitorError
from train.fit.batches import TrainingBatches
from train.fit.checkpoint import FitState, Weights, load_state, save_state
from train.fit.fast_layers import with_fast_layers
from train.progress import Bar, StepTimer
from train.recipe.options import Recipe

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)

# A fit has at least this many times the steps that a running mean and variance remember, so that
# exp(-5), 0.7 %, of their initial values is left.
SETTLED = 5
MIN_MOMENTUM = 0.5  # even for few steps, because one batch alone is no mean
# Windows (N, T, H, W, 3) -> scores (N, labels).
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
# A predictor -> mean loss and accuracy on the validation clips.
Validate = Callable[[Predict], tuple[float, float]]


@dataclass(frozen=True)
class FittedNetwork:
    """A fitted network, with the weights of its best epoch."""

    model: keras.Model
    history: dict[str, list[float]]  # loss, accuracy, val_loss, val_accuracy; a value an epoch
    best_epoch: int  # counted from 0


class Trainer:
    """Fits a network by a recipe until the last epoch, or until early stopping.

    If the recipe averages weights (EMA), validation and the result use the averages.
    """

    def __init__(
        self,
        model: keras.Model,
        batches: TrainingBatches,
        validate: Validate | None,
        recipe: Recipe,
        state_file: Path,
        fingerprint: str,
    ) -> None:
        self._network = model
        self._model = with_fast_layers(model)
        self._batches = batches
        self._validate = validate
        self._recipe = recipe
        self._file = state_file
        self._fingerprint = fingerprint
        self._history: dict[str, list[float]] = {}
        self._best: Weights = []
        self._best_epoch = -1
        compile_network(self._model, recipe, len(batches))

    def fit(self, console: Console, title: str, timer: StepTimer | None = None) -> FittedNetwork:
        """Train; MonitorError if the loss is not finite or memory runs out.

        A command with several fits shares one `timer`.
        """
        self._resume(title)
        done = len(self._history.get("loss", ()))
        with Bar(console, title, self._recipe.epochs, done, timer) as bar:
            for epoch in range(done, self._recipe.epochs):
                if self._patience_is_over(epoch):
                    log.info("%s: stopped after %d epochs without a better one", title,
                             self._recipe.patience)  # fmt: skip
                    break
                self._epoch(epoch)
                self._save()
                bar.advance(self._progress_text(epoch))
        self._model.set_weights(self._best)
        return FittedNetwork(self._network, self._history, self._best_epoch)

    def _epoch(self, epoch: int) -> None:
        sums = {"loss": 0.0, "accuracy": 0.0}
        seen = 0
        with explain_out_of_memory(self._recipe, f"in epoch {epoch + 1}"):
            for clips, targets in self._batches.epoch(epoch):
                logs = self._model.train_on_batch(clips, targets, return_dict=True)
                seen += len(clips)
                if not math.isfinite(logs["loss"]):
                    raise MonitorError(
                        f"the loss became {logs['loss']} in epoch {epoch + 1}: "
                        f"lower learning_rate (now {self._recipe.learning_rate:g})"
                    )
                for name in sums:
                    sums[name] += float(logs[name]) * len(clips)
            values = {name: value / seen for name, value in sums.items()}
            with averaged_weights(self._model):
                if self._validate is not None:
                    values["val_loss"], values["val_accuracy"] = self._validate(
                        predictor(self._model)
                    )
                if self._is_best(values):
                    self._best_epoch = epoch
                    self._best = self._model.get_weights()
        for name, value in values.items():
            self._history.setdefault(name, []).append(value)

    def _is_best(self, values: dict[str, float]) -> bool:
        """Whether to keep the weights of an epoch; without early stopping, always."""
        if self._recipe.patience is None or "val_loss" not in values:
            return True
        return values["val_loss"] < min(self._history.get("val_loss", ()), default=math.inf)

    def _patience_is_over(self, epoch: int) -> bool:
        patience = self._recipe.patience
        return (
            patience is not None and self._best_epoch >= 0 and epoch - self._best_epoch > patience
        )

    def _resume(self, title: str) -> None:
        state = load_state(self._file)
        if state is None:
            return
        if state.fingerprint != self._fingerprint:
            log.warning(
                "%s: recipe or data have changed since it was stopped: starting again", title
            )
            return
        _assign(self._model.variables, state.model)
        _assign(self._model.optimizer.variables, state.optimizer)
        self._history = state.history
        self._best, self._best_epoch = state.best, state.best_epoch
        log.info("%s: resuming after epoch %d", title, state.epochs)

    def _save(self) -> None:
        save_state(
            self._file,
            FitState(
                fingerprint=self._fingerprint,
                history=self._history,
                best_epoch=self._best_epoch,
                best=self._best,
                model=_values(self._model.variables),
                optimizer=_values(self._model.optimizer.variables),
            ),
        )

    def _progress_text(self, epoch: int) -> str:
        last = {name: values[epoch] for name, values in self._history.items()}
        text = f"loss {last['loss']:.3f} accuracy {last['accuracy']:.3f}"
        if "val_loss" in last:
            text += f" validation {last['val_loss']:.3f} {last['val_accuracy']:.3f}"
        return text


def compile_network(model: keras.Model, recipe: Recipe, steps: int) -> None:
    """Compile `model` by the recipe; an epoch has `steps` batches.

    In a short fit the momentum of batch statistics is lowered, so that they settle. The momentum of
    averaged weights is an option of the recipe and is not changed.
    """
    import keras

    total = recipe.epochs * steps
    _cap_momentum(model, total)
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        warmup = round(total * recipe.warmup_share)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else recipe.learning_rate,
            max(1, total - warmup),
            warmup_target=recipe.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    average: dict[str, Any] = {}
    if recipe.ema_momentum is not None:
        average = {"use_ema": True, "ema_momentum": recipe.ema_momentum}
    if recipe.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, **average)
    else:
        optimizer = keras.optimizers.Adam(rate, **average)
    model.compile(
        optimizer,
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # measured slower on a processor
    )
    optimizer.build(model.trainable_variables)


def _cap_momentum(model: keras.Model, steps: int) -> None:
    """Lower the momentum of batch statistics to what settles in `steps`.

    This must precede compiling, because the traced train function reads the momentum.
    """
    from keras import layers

    highest = max(MIN_MOMENTUM, 1 - SETTLED / steps)
    for layer in (getattr(layer, "layer", layer) for layer in model.layers):
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = min(layer.momentum, highest)


def predictor(model: keras.Model) -> Predict:
    """The model as a function of windows."""

    def predict(windows: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(windows), np.float32)

    return predict


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Use the averaged weights inside the block, if the optimizer keeps any."""
    import keras

    if not model.optimizer.use_ema:
        yield
        return
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(model)
    swap.on_test_begin()
    try:
        yield
    finally:
        swap.on_test_end()


@contextmanager
def explain_out_of_memory(recipe: Recipe, when: str) -> Iterator[None]:
    """Turn a failed allocation into a MonitorError that says `when`, and what to change."""
    import tensorflow as tf

    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError, tf.errors.AbortedError) as error:
        # oneDNN's error if it finds no memory for a convolution.
        if isinstance(error, tf.errors.AbortedError) and "create a primitive" not in str(error):
            raise
        raise MonitorError(
            f"not enough memory {when}: a smaller batch (now {recipe.batch}) or "
            f"smaller clips (now {recipe.clip.frames}x{recipe.clip.size}x{recipe.clip.size}) help"
        ) from None


def _values(variables: list[Any]) -> Weights:
    return [np.asarray(variable) for variable in variables]


def _assign(variables: list[Any], values: Weights) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
