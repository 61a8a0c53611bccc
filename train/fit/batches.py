"""Training batches, drawn and augmented anew in every epoch, in a thread beside the fit."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from monitor.windows.clip import ClipSpec
from monitor.windows.zoom import views, whole_view
from train.data.cache import DecodedClip
from train.data.windows import uniform_window
from train.fit.augmentation import (
    augment_window,
    mixup,
    paste_smaller,
    random_window,
    resample_rate,
)
from train.fit.moving_patch import MAX_PATCHES, paste_moving_patches
from train.recipe.options import Recipe

Batch = tuple[NDArray[np.uint8], NDArray[np.float32]]  # (N, T, H, W, 3), (N, labels)
_Job = tuple[int, int, NDArray[np.int64]]  # epoch, batch, the clips in it

_AHEAD = 4  # batches prepared in advance


class TrainingBatches:
    """In each epoch a window of every clip, or as many by shares, and as many slices of footage.

    The batches of an epoch depend only on the seed and the epoch's number, so that a resumed fit
    sees the same batches. The process' NumPy is limited to one thread.
    """

    def __init__(
        self,
        decoded: list[DecodedClip],
        targets: NDArray[np.float32],
        recipe: Recipe,
        slices: int = 0,
        shares: Sequence[tuple[Sequence[int], float]] = (),
        background: Sequence[int] = (),
    ) -> None:
        """`decoded`, with `targets` (n, labels), holds the clips and then `slices` slices.

        `shares` are parts of the clips, by index, with their shares of the windows; by default an
        epoch takes every clip once. `background` are the clips and slices, by index, into which
        others may be pasted.
        """
        self._clips = len(decoded) - slices
        self._slices = slices
        self._shares = shares
        self._background = np.asarray(background, np.int64)
        self._decoded = decoded
        self._targets = targets
        self._recipe = recipe
        self._spec: ClipSpec = recipe.spec
        self._begun: dict[int, deque[Future[Batch]]] = {}  # first batches of the next epoch
        # The matrices of `augment_window` are small. More threads gain nothing, take cores from the
        # network (a batch took 10 times as long beside another job), and change the rounding with
        # the number of cores.
        threadpool_limits(1, user_api="blas")

    def __len__(self) -> int:
        windows = 2 * self._clips if self._slices else self._clips
        return -(-windows // self._recipe.batch)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, in order, prepared ahead in a thread.

        The thread also prepares the first batches of the next epoch, while this epoch is completed,
        validated and saved. It ends when there is nothing left to prepare.
        """
        coming = self._begun.pop(number, deque())
        self._begun.clear()
        jobs: Iterator[_Job] = islice(self._jobs(number), len(coming), None)
        if number + 1 < self._recipe.epochs:
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
        """The arguments of `_batch` for each batch of an epoch."""
        seed = self._recipe.seed
        taken = self._draw_clips(number) if self._shares else np.arange(self._clips)
        if self._slices:
            drawn = draw_slices(self._slices, self._clips, seed, number)
            taken = np.append(taken, self._clips + drawn)
        order = taken[np.random.default_rng((seed, number)).permutation(len(taken))]
        # Batches of even size: a last batch of one or two clips would make a noisy step.
        for index, members in enumerate(np.array_split(order, len(self))):
            yield number, index, members

    def _draw_clips(self, epoch: int) -> NDArray[np.int64]:
        """The clips of an epoch, as many as there are, each part by its share."""
        ends = np.cumsum([share for _, share in self._shares]) * self._clips
        counts = np.diff(np.floor(ends + 0.5).astype(int), prepend=0)
        return np.concatenate(
            [
                np.asarray(part)[draw_slices(len(part), int(count), (self._recipe.seed, n), epoch)]
                for n, ((part, _), count) in enumerate(zip(self._shares, counts, strict=True))
                if count
            ]
        )

    def _batch(self, number: int, index: int, members: NDArray[np.int64]) -> Batch:
        rng = np.random.default_rng((self._recipe.seed, number, index + 1))
        clips = np.stack([self._window(self._decoded[member], rng) for member in members])
        targets = self._targets[members]
        if self._recipe.augment is not None:
            clips, targets = mixup(clips, targets, self._recipe.augment, rng)
        return clips, targets

    def _window(self, decoded: DecodedClip, rng: np.random.Generator) -> NDArray[np.uint8]:
        augment = self._recipe.augment
        if augment is None:
            return self._plain_window(decoded, rng)
        if augment.part_share and rng.random() < augment.part_share:
            _, window = views(self._cut_window(decoded, rng))[0]
        else:
            window = self._plain_window(decoded, rng)
            if augment.paste_share and len(self._background) and rng.random() < augment.paste_share:
                scene = self._decoded[rng.choice(self._background)]
                window = paste_smaller(
                    window, self._plain_window(scene, rng), augment.paste_max, rng
                )
        window = augment_window(window, augment, rng)
        if augment.crossing_share and rng.random() < augment.crossing_share:
            pictures = [self._picture(rng) for _ in range(rng.integers(1, MAX_PATCHES + 1))]
            window = paste_moving_patches(window, pictures, self._spec.fps, rng)
        return window

    def _plain_window(self, decoded: DecodedClip, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A window of a clip as the network sees it whole."""
        return whole_view(self._cut_window(decoded, rng), self._recipe.zoom)

    def _cut_window(self, decoded: DecodedClip, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A window of a clip, at the speed and the rate that augmentation draws."""
        augment = self._recipe.augment
        if self._recipe.sampling == "uniform":
            window: NDArray[np.uint8] = uniform_window(decoded, self._spec)[0]
            return window
        if augment is None:
            return random_window(decoded, self._spec, (1.0, 1.0), rng)
        decoded = resample_rate(decoded, self._spec, augment.rate_share, rng)
        return random_window(decoded, self._spec, (augment.speed_min, augment.speed_max), rng)

    def _picture(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A random frame of a random training clip."""
        frames = self._decoded[rng.integers(len(self._decoded))].frames
        return whole_view(frames[rng.integers(len(frames))], self._recipe.zoom)


def draw_slices(
    slices: int, wanted: int, seed: int | tuple[int, int], epoch: int
) -> NDArray[np.int64]:
    """The slices of an epoch: (wanted,) indices below `slices`.

    They are dealt like cards, reshuffled when all have been dealt: no slice is ever used more than
    once more than another. The result depends only on the seed and the epoch.
    """
    dealt = epoch * wanted
    rounds = range(dealt // slices, -(-(dealt + wanted) // slices))
    orders = [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,))).permutation(slices)
        for number in rounds
    ]
    return np.concatenate(orders)[dealt % slices :][:wanted]
