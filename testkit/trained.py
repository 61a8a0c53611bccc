"""Networks that look trained, without the time to train them."""

import keras
import numpy as np

from monitor.windows.clip import ClipSpec
from train.networks.architectures import build

SMALL = ClipSpec(frames=6, size=64, fps=10.0)  # the smallest picture that every network can take


def trained_like(name: str, spec: ClipSpec = SMALL, labels: int = 2) -> keras.Model:
    """Network `name` with weights drawn at random, batch statistics too, so that scores vary."""
    return give_weights(build(name, spec, labels))


def give_weights(model: keras.Model) -> keras.Model:
    """`model` with weights drawn at random, always the same."""
    random = np.random.default_rng(7)
    for weight in model.variables:
        if weight.name in ("gamma", "moving_variance"):
            value = random.uniform(0.5, 1.5, weight.shape)
        elif len(weight.shape) == 1 and "seed" not in weight.name:
            value = random.normal(0, 0.1, weight.shape)
        elif len(weight.shape) > 1:
            inputs = int(np.prod(weight.shape[:-1]))
            value = random.normal(0, (2 / inputs) ** 0.5, weight.shape)
        else:
            continue
        weight.assign(value)
    return model


def random_clips(count: int, spec: ClipSpec = SMALL) -> np.ndarray:
    """(count, T, H, W, 3) uint8 of noise."""
    return np.random.default_rng(count).integers(0, 256, (count, *spec.shape), dtype=np.uint8)
