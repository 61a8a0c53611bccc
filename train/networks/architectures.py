"""The networks that har-train can fit: a clip of uint8 RGB in, one score for each label out.

Every network takes `clip` (N, T, H, W, 3) uint8 and gives `scores` (N, labels) float32 that sum to
1; pixels are scaled to 0..1 inside. Only built-in layers of Keras are used, so that a saved model
loads in safe mode, without custom code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from monitor.errors import ConfigError
from monitor.recognition.metadata import INPUT, OUTPUT
from monitor.windows.clip import ClipSpec
from train.networks.motion_tsm import motion_tsm
from train.networks.optical_flow import residual_motion
from train.networks.pretrained import imagenet_stem
from train.networks.trajectories import time_statistics, trajectories

if TYPE_CHECKING:
    import keras

# Momentum of the running mean and variance. Keras' 0.99 needs some 400 steps to forget the initial
# values: at 27 steps an epoch, early epochs look useless and would stop the training.
BATCH_MOMENTUM = 0.9
# Momentum before a layer of few weights, where statistics that change with every batch would bias
# the scores. They settle in 500 steps; train.fit.trainer lowers the momentum for a shorter fit.
PEAK_MOMENTUM = 0.99
PLACES = 6  # highest places that are averaged, of some 256
JUMPS = 2  # a cut makes a jump of one first difference and of two second ones
MIN_FRAMES = 6  # four steps of motion: two remain without the jumps


def convlstm(spec: ClipSpec, labels: int) -> keras.Model:
    """The source paper's ConvLSTM: 44,524 parameters for 20x64x64 and 4 labels.

    Source: "Human Activity Recognition using LSTM & CNN" (Dheeraj et al.).
    """
    from keras import layers

    clip, x = _pixels(spec)
    for block, filters in enumerate((4, 8, 14, 16), start=1):
        x = layers.ConvLSTM2D(filters, 3, return_sequences=True, recurrent_dropout=0.2)(x)
        x = layers.MaxPooling3D((1, 2, 2), padding="same")(x)
        if block < 4:
            x = layers.TimeDistributed(layers.Dropout(0.2))(x)
    return _classify(clip, layers.Flatten()(x), labels)


def lrcn(spec: ClipSpec, labels: int) -> keras.Model:
    """The source paper's LSTM + CNN: 73,060 parameters for 20x64x64 and 4 labels."""
    from keras import layers

    clip, x = _pixels(spec)
    for block, filters, pool in ((1, 16, 4), (2, 32, 4), (3, 64, 2), (4, 64, 2)):
        conv = layers.Conv2D(filters, 3, padding="same", activation="relu")
        x = layers.TimeDistributed(conv)(x)
        x = layers.TimeDistributed(layers.MaxPooling2D(pool))(x)
        if block < 4:
            x = layers.TimeDistributed(layers.Dropout(0.25))(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    return _classify(clip, layers.LSTM(32)(x), labels)


def r2plus1d(spec: ClipSpec, labels: int) -> keras.Model:
    """A (2+1)D CNN on RGB and frame differences: 125,122 parameters for 2 labels.

    After a stem in space alone, each block looks at space (1, 3, 3) and then at time (3, 1, 1); the
    first block halves the frames, every block but the residual ones halves the picture.
    Source: Tran et al. 2018, "A Closer Look at Spatiotemporal Convolutions", made small.
    """
    from keras import layers

    clip, x = _pixels(spec)
    x = _convolve(_with_differences(x), 16, (1, 3, 3), (1, 2, 2))
    x = _factored(x, 32, (2, 2, 2))
    x = layers.Add()([x, _factored(x, 32)])
    x = _factored(x, 48, (1, 2, 2))
    x = layers.Add()([x, _factored(x, 48)])
    x = _factored(x, 80, (1, 2, 2))
    x = layers.GlobalAveragePooling3D()(x)
    return _classify(clip, layers.Dropout(0.4)(x), labels)


def motion_peaks(spec: ClipSpec, labels: int) -> keras.Model:
    """The strongest lasting motion in the picture: 7,530 parameters for 2 labels, 578 to fit.

    It measures how fast ImageNet features change at each place, in both halves of the clip, and how
    much of the change optical flow does not explain, and takes the few highest places of both. So
    an act of a few people counts in full whatever else moves less, and a car that crosses counts
    little. The network knows what moved most, not where.
    """
    from keras import layers

    clip, motion, residual = _feature_motion(spec)
    return _classify(clip, layers.Dropout(0.2)(_peaks(motion, residual)), labels)


def convlstm_motion(spec: ClipSpec, labels: int) -> keras.Model:
    """A ConvLSTM on the motion of ImageNet features, beside its peaks: 14,118 parameters.

    motion_peaks knows how much moved; the ConvLSTM adds the order. Its maps are averaged over the
    clip and max-pooled over the picture, so that it cannot memorise places or times.
    """
    from keras import layers

    clip, motion, residual = _feature_motion(spec)
    x = layers.MaxPooling3D((1, 2, 2), padding="same")(motion)
    x = layers.BatchNormalization(momentum=PEAK_MOMENTUM)(_log1p(x))
    x = layers.Dense(12, activation="relu")(x)
    x = layers.ConvLSTM2D(8, 3, padding="same", return_sequences=True)(x)
    x = layers.Dropout(0.5)(layers.GlobalMaxPooling3D()(_mean_in_time(x)))
    peaks = layers.Dropout(0.2)(_peaks(motion, residual))
    return _classify(clip, layers.Concatenate()([peaks, x]), labels)


def motion_trajectories(spec: ClipSpec, labels: int) -> keras.Model:
    """A linear classifier on trajectories: 722 parameters for 2 labels, 482 fitted by descent.

    It sees direction, speed and extent of what moves, frame by frame. Nine clips of each label are
    enough, in the light or in the dark.
    """
    from keras import Input, layers

    clip = Input(spec.shape, dtype="uint8", name=INPUT)
    x = layers.BatchNormalization(momentum=BATCH_MOMENTUM)(time_statistics(trajectories(clip)))
    return _classify(clip, layers.Dropout(0.2)(x), labels)


NETWORKS: dict[str, Callable[[ClipSpec, int], keras.Model]] = {
    "convlstm": convlstm,
    "lrcn": lrcn,
    "r2plus1d": r2plus1d,
    "motion-peaks": motion_peaks,
    "convlstm-motion": convlstm_motion,
    "motion-trajectories": motion_trajectories,
    "motion-tsm": motion_tsm,
}


def build(name: str, spec: ClipSpec, labels: int) -> keras.Model:
    """The network `name` with initial weights; ConfigError for an unknown name."""
    if name not in NETWORKS:
        raise ConfigError(f"unknown network {name!r}; allowed: {', '.join(NETWORKS)}")
    try:
        return NETWORKS[name](spec, labels)
    except ValueError as error:  # Keras raises it too if a picture shrinks to nothing
        shape = "x".join(str(side) for side in spec.shape)
        raise ConfigError(
            f"network {name} cannot take clips of {shape}: too small or too short"
        ) from error


def _pixels(spec: ClipSpec) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input, and its pixels as float32 in 0..1."""
    from keras import Input, layers

    clip = Input(spec.shape, dtype="uint8", name=INPUT)
    return clip, layers.Rescaling(1 / 255)(clip)


def _with_differences(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, 3) -> (N, T, H, W, 6): RGB, then frame t less frame t-1 (zero at t=0)."""
    from keras import layers

    change = layers.ZeroPadding3D(((1, 0), (0, 0), (0, 0)))(_differences(x))
    return layers.Concatenate()([x, change])


def _feature_motion(
    spec: ClipSpec,
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """The input, the motion of ImageNet features, and their residual motion without optical flow.

    (N, T - 2, H / 4, W / 4, 48) and (N, T - 1, H / 4 - 2, W / 4 - 2, 24), not negative. The first
    holds the absolute first and second differences in time: speed, and change of speed, which
    distinguishes a blow from a walk. ValueError below MIN_FRAMES.
    """
    from keras import Input, layers, ops

    if spec.frames < MIN_FRAMES:
        raise ValueError(f"{spec.frames} frames: at least {MIN_FRAMES} are needed")
    clip = Input(spec.shape, dtype="uint8", name=INPUT)
    features = layers.TimeDistributed(imagenet_stem(spec.size), name="stem")(clip)
    speed = _differences(features)
    change = _differences(speed)
    speed = layers.Cropping3D(((1, 0), (0, 0), (0, 0)))(speed)
    motion = ops.absolute(layers.Concatenate()([speed, change]))
    return clip, _without_jumps(motion), _without_jumps(ops.absolute(residual_motion(features)))


def _without_jumps(motion: keras.KerasTensor) -> keras.KerasTensor:
    """Motion (N, T, H, W, C), set to 0 at the JUMPS steps at which the whole picture moves most.

    A light that goes on, a lost key frame or a shaken camera is no act. Steps with as much motion
    as the next highest one are kept: if the whole picture moves steadily, nothing is a jump.
    """
    from keras import ops

    overall = ops.mean(motion, axis=(2, 3, 4), keepdims=True)
    highest = ops.top_k(ops.reshape(overall, (-1, motion.shape[1])), JUMPS + 1)[0]
    limit = ops.reshape(highest[:, JUMPS:], (-1, 1, 1, 1, 1))
    return ops.multiply(motion, ops.cast(ops.less_equal(overall, limit), motion.dtype))


def _differences(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, T - 1, H, W, C): frame t less frame t - 1."""
    from keras import layers

    still = (0, 0)
    later = layers.Cropping3D(((1, 0), still, still))(x)
    earlier = layers.Cropping3D(((0, 1), still, still))(x)
    return layers.Subtract()([later, earlier])


def _mean_in_time(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, 1, H, W, C)."""
    from keras import layers

    return layers.AveragePooling3D((x.shape[1], 1, 1))(x)


def _lower_half_mean(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) -> (N, 1, H, W, C): the lower of the means over the two halves of the clip.

    A thing that passes a place moves it in one half, people who stay there in both.
    """
    from keras import layers, ops

    half = max(1, x.shape[1] // 2)
    return ops.min(layers.AveragePooling3D((half, 1, 1))(x), axis=1, keepdims=True)


def _peaks(motion: keras.KerasTensor, residual: keras.KerasTensor) -> keras.KerasTensor:
    """(N, T, H, W, C) each -> (N, 2 C of both): the highest places, single and as 3x3 means.

    Motion counts as far as it lasts, residual motion by its mean in time; log(1 + x), normalised.
    """
    from keras import layers

    wider = layers.AveragePooling3D((1, 3, 3), (1, 1, 1), padding="same")
    halves = max(1, motion.shape[1] // 2)
    found = [
        _mean_of_highest(_lower_half_mean(motion)),
        _mean_of_highest(_lower_half_mean(wider(layers.AveragePooling3D((halves, 1, 1))(motion)))),
        _mean_of_highest(_mean_in_time(residual)),
        _mean_of_highest(wider(_mean_in_time(residual))),
    ]
    x = _log1p(layers.Concatenate()(found))
    return layers.BatchNormalization(momentum=PEAK_MOMENTUM)(x)


def _mean_of_highest(x: keras.KerasTensor) -> keras.KerasTensor:
    """(N, 1, H, W, C), not negative -> (N, C): the mean of the PLACES highest distinct values.

    A single place may be noise; a real act covers several. Equal places count once, which is rare
    in features of real pictures. If there are fewer distinct values, the rest count as 0.
    """
    from keras import ops

    found = []
    for _ in range(PLACES):
        found.append(ops.max(x, axis=(1, 2, 3), keepdims=True))
        x = ops.multiply(x, ops.cast(ops.less(x, found[-1]), x.dtype))
    total = found[0]
    for one in found[1:]:
        total = ops.add(total, one)
    return ops.multiply(ops.reshape(total, (-1, x.shape[-1])), 1 / PLACES)


def _log1p(x: keras.KerasTensor) -> keras.KerasTensor:
    """log(1 + x), with operations that ONNX has."""
    from keras import layers, ops

    return ops.log(layers.Rescaling(1.0, offset=1.0)(x))


def _convolve(
    x: keras.KerasTensor, filters: int, kernel: tuple[int, int, int], strides: tuple[int, int, int]
) -> keras.KerasTensor:
    """Convolution, BatchNorm, ReLU; kernel and strides over (T, H, W)."""
    from keras import layers

    x = layers.Conv3D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=BATCH_MOMENTUM)(x))


def _factored(
    x: keras.KerasTensor, filters: int, strides: tuple[int, int, int] = (1, 1, 1)
) -> keras.KerasTensor:
    """One (2+1)D block: a convolution in space and then one in time; strides over (T, H, W)."""
    in_time, down, across = strides
    x = _convolve(x, filters, (1, 3, 3), (1, down, across))
    return _convolve(x, filters, (3, 1, 1), (in_time, 1, 1))


def _classify(clip: keras.KerasTensor, features: keras.KerasTensor, labels: int) -> keras.Model:
    """The model from `clip` to a softmax over the labels on top of `features`."""
    from keras import Model, layers

    scores = layers.Dense(labels, activation="softmax", dtype="float32", name=OUTPUT)(features)
    return Model(clip, scores)
