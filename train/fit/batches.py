"""Training batches, cut and varied anew in every epoch while the network learns from the last."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from monitor.windows.clip import ClipSpec
from train.data.cache import DecodedClip
from train.data.windows import uniform_window
from train.fit.augmentation import at_another_rate, mixup, random_window, vary
from train.fit.moving_patch import MOST, with_crossings
from train.recipe.options import TrainConfig

Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]  # (N, T, H, W, 3), (N, labels)
_Job = tuple[int, int, NDArray[np.int64]]  # epoch, batch, the clips in it

_AHEAD = 4  # batches made in advance


class TrainingBatches:
    """One window of every clip in each epoch, shuffled, and of as many slices of footage.

    An epoch's batches depend on the seed and the epoch's number alone, so that a resumed run sees
    what the uninterrupted one would have seen. From the first one on, the process' NumPy works on
    one thread.
    """

    def __init__(
        self,
        decoded: list[DecodedClip],
        targets: NDArray[np.float32],
        config: TrainConfig,
        slices: int = 0,
    ) -> None:
        """`decoded`, with `targets` (n, labels), are the clips and then so many `slices`."""
        self._clips = len(decoded) - slices
        self._slices = slices
        self._decoded = decoded
        self._targets = targets
        self._config = config
        self._spec: ClipSpec = config.spec
        self._begun: dict[int, deque[Future[Batch]]] = {}  # first batches of the next epoch
        # The products of `vary` are small. More threads gain nothing, take the cores away from the
        # network (a batch took 10 times as long beside another job), and round otherwise with
        # every number of cores.
        threadpool_limits(1, user_api="blas")

    def __len__(self) -> int:
        windows = 2 * self._clips if self._slices else self._clips
        return -(-windows // self._config.batch)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, in order, made ahead in a thread.

        So are the next epoch's first ones, while the network still learns from the last ones of
        this epoch and is validated and saved. The thread ends when nothing is left to be made.
        """
        coming = self._begun.pop(number, deque())
        self._begun.clear()
        jobs: Iterator[_Job] = islice(self._jobs(number), len(coming), None)
        if number + 1 < self._config.epochs:
            jobs = chain(jobs, islice(self._jobs(number + 1), _AHEAD))
        maker = ThreadPoolExecutor(1, "batches")
        try:
            for job in islice(jobs, _AHEAD - len(coming)):
                coming.append(maker.submit(self._batch, *job))
            for _ in range(len(self)):
                batch = coming.popleft().result()
                for job in islice(jobs, 1):
                    coming.append(maker.submit(self._batch, *job))
                yield batch
            self._begun[number + 1] = coming
        except BaseException:
            maker.shutdown(wait=False, cancel_futures=True)
            raise
        maker.shutdown(wait=False)

    def _jobs(self, number: int) -> Iterator[_Job]:
        """What `_batch` takes, for every batch of an epoch."""
        seed = self._config.seed
        taken = np.arange(self._clips)
        if self._slices:
            drawn = draw(self._slices, self._clips, seed, number)
            taken = np.append(taken, self._clips + drawn)
        order = taken[np.random.default_rng((seed, number)).permutation(len(taken))]
        # Of even size: a leftover of one or two clips would make a noisy step of its own.
        for index, members in enumerate(np.array_split(order, len(self))):
            yield number, index, members

    def _batch(self, number: int, index: int, members: NDArray[np.int64]) -> Batch:
        rng = np.random.default_rng((self._config.seed, number, index + 1))
        clips = np.stack([self._window(self._decoded[member], rng) for member in members])
        targets = self._targets[members]
        if self._config.augment is not None:
            clips, targets = mixup(clips, targets, self._config.augment, rng)
        return clips, targets

    def _window(self, decoded: DecodedClip, rng: np.random.Generator) -> NDArray[np.uint8]:
        augment = self._config.augment
        window: NDArray[np.uint8]
        if self._config.sampling == "uniform":
            window = uniform_window(decoded, self._spec)[0]
        else:
            if augment is not None:
                decoded = at_another_rate(decoded, self._spec, augment.rate_share, rng)
            speed_min = augment.speed_min if augment else 1.0
            window = random_window(decoded, self._spec, speed_min, rng)
        if augment is None:
            return window
        window = vary(window, augment, rng)
        if augment.crossing_share and rng.random() < augment.crossing_share:
            pictures = [self._picture(rng) for _ in range(rng.integers(1, MOST + 1))]
            window = with_crossings(window, pictures, self._spec.fps, rng)
        return window

    def _picture(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A picture of any clip that is trained on."""
        frames = self._decoded[rng.integers(len(self._decoded))].frames
        picture: NDArray[np.uint8] = frames[rng.integers(len(frames))]
        return picture


def draw(slices: int, wanted: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Which of `slices` an epoch takes: (wanted,) indices.

    They are dealt in an order that is shuffled anew whenever all were dealt: up to any epoch, each
    slice was taken as often as every other, or once more. Seed and epoch alone decide.
    """
    dealt = epoch * wanted
    rounds = range(dealt // slices, -(-(dealt + wanted) // slices))
    orders = [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,))).permutation(slices)
        for number in rounds
    ]
    return np.concatenate(orders)[dealt % slices :][:wanted]
