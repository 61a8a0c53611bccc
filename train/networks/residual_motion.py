"""What is left of a change when it is explained as far as one shift of the picture can.

A rigid thing that crosses carries its features along: their change at a place is their slope times
its velocity, the same for all of them. Of people who fight, more than that changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from train.networks.shift import shift

if TYPE_CHECKING:
    import keras

FLATTEST = 1e-3  # squared slope: flatter places have no velocity
EDGE = 0.02  # of the squared slopes


def not_carried(features: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, T - 1, H - 2, W - 2, C): each change less what a shift explains."""
    from keras import ops

    across, down, change, u, v = shift(features, EDGE, FLATTEST)
    return ops.add(change, ops.add(ops.multiply(u, across), ops.multiply(v, down)))
