"""Training batches, cut and varied anew in every epoch while the network learns from the last."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from monitor.clip import ClipSpec
from train.augment import mixup, random_window, vary
from train.cache import Decoded
from train.config import TrainConfig
from train.windows import uniform_window

Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]  # (N, T, H, W, 3), (N, labels)

_AHEAD = 2  # batches made in advance


class TrainingBatches:
    """One window of every clip in each epoch, shuffled.

    An epoch's batches depend on the seed and the epoch's number alone, so that a resumed run sees
    what the uninterrupted one would have seen.
    """

    def __init__(
        self, decoded: list[Decoded], targets: NDArray[np.float32], config: TrainConfig
    ) -> None:
        self._decoded = decoded
        self._targets = targets
        self._config = config
        self._spec: ClipSpec = config.spec

    def __len__(self) -> int:
        return -(-len(self._decoded) // self._config.batch)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, in order, made ahead in a thread."""
        order = np.random.default_rng((self._config.seed, number)).permutation(len(self._decoded))
        # Of even size: a leftover of one or two clips would make a noisy step of its own.
        parts = np.array_split(order, len(self))
        with ThreadPoolExecutor(1, "batches") as maker:
            coming = [
                maker.submit(self._batch, number, index, part)
                for index, part in enumerate(parts[:_AHEAD])
            ]
            for index in range(len(parts)):
                batch = coming.pop(0).result()
                if index + _AHEAD < len(parts):
                    coming.append(
                        maker.submit(self._batch, number, index + _AHEAD, parts[index + _AHEAD])
                    )
                yield batch

    def _batch(self, number: int, index: int, members: NDArray[np.int64]) -> Batch:
        rng = np.random.default_rng((self._config.seed, number, index + 1))
        clips = np.stack([self._window(self._decoded[member], rng) for member in members])
        targets = self._targets[members]
        if self._config.augment is not None:
            clips, targets = mixup(clips, targets, self._config.augment, rng)
        return clips, targets

    def _window(self, decoded: Decoded, rng: np.random.Generator) -> NDArray[np.uint8]:
        augment = self._config.augment
        if self._config.sampling == "uniform":
            window = uniform_window(decoded, self._spec)[0]
        else:
            speed_min = augment.speed_min if augment else 1.0
            window = random_window(decoded, self._spec, speed_min, rng)
        return window if augment is None else vary(window, augment, rng)
