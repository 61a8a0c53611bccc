"""One Keras layer or operation, read setting by setting; an unread setting is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from monitor.errors import ModelError

if TYPE_CHECKING:
    import keras

# Settings that matter in training only.
IN_TRAINING_ONLY = frozenset(
    (
        *("name", "trainable", "rate", "seed", "noise_shape", "stddev", "dropout"),
        *("recurrent_dropout", "unit_forget_bias", "momentum", "synchronized"),
        *("renorm", "renorm_clipping", "renorm_momentum"),
    )
)
IN_TRAINING_ONLY_ENDS = ("_initializer", "_regularizer", "_constraint")


class NotFused(ModelError):
    """A network, layer or setting that the fused engine does not know."""


class Layer:
    """A Keras layer or an operation of `keras.ops`, with its settings and weights."""

    def __init__(self, operation: keras.Operation) -> None:
        self.operation = operation
        self.kind = type(operation).__name__
        self._name: str = operation.name
        self._unread: dict[str, Any] = {
            key: value
            for key, value in operation.get_config().items()
            if key not in IN_TRAINING_ONLY and not key.endswith(IN_TRAINING_ONLY_ENDS)
        }
        self._read: dict[str, Any] = {}
        if hasattr(operation, "compute_dtype"):  # a layer: for an operation, dtype is a setting
            self._unread.pop("dtype", None)
            if operation.compute_dtype != "float32":
                self.refuse(f"calculates in {operation.compute_dtype}; allowed: float32")

    def __getitem__(self, key: str) -> Any:
        """The setting `key`, which counts as read from now on."""
        if key in self._unread:
            self._read[key] = self._unread.pop(key)
        if key not in self._read:
            self.refuse(f"has no setting {key}")
        return self._read[key]

    def require(self, key: str, *allowed: object) -> None:
        """Refuse all values of the setting `key` except `allowed`."""
        if self[key] not in allowed:
            self.refuse(f"{key} is {self[key]!r}; allowed: {', '.join(map(repr, allowed))}")

    def weight(self, name: str) -> NDArray[np.float64]:
        """The weight `name`, as float64 so that folding rounds only once."""
        for weight in self.operation.weights:
            if weight.name == name:
                return np.asarray(weight, np.float64)
        self.refuse(f"has no weight {name}")

    def check_all_read(self) -> None:
        """Refuse the layer if a setting was not read."""
        for key, value in self._unread.items():
            self.refuse(f"the setting {key} = {value!r} is not known")

    def refuse(self, reason: str) -> NoReturn:
        """Raise NotFused for this layer, with `reason`."""
        raise NotFused(f"{self.kind} {self._name!r}: {reason}")
