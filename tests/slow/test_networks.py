import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.layers import BatchNormalization
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from monitor.errors import ConfigError
from monitor.windows.clip import ClipSpec
from testkit.trained import SMALL, random_clips, trained_like
from train.fit.fast_layers import with_fast_layers
from train.networks.architectures import (
    NETWORKS,
    PLACES,
    _lower_half_mean,
    _mean_of_highest,
    _peaks,
    _without_jumps,
    build,
)
from train.networks.optical_flow import residual_motion
from train.networks.pretrained import imagenet_stem

PAPER = ClipSpec(frames=20, size=64, fps=10.0)
Array = NDArray[np.float64]


@pytest.mark.parametrize(
    ("name", "labels", "parameters"),
    [
        pytest.param("convlstm", 4, 44_524, id="the paper's ConvLSTM"),
        pytest.param("lrcn", 4, 73_060, id="the paper's LRCN"),
        pytest.param("r2plus1d", 2, 125_122, id="(2+1)D"),
        pytest.param("motion-peaks", 2, 7_530, id="peaks of motion"),
        pytest.param("convlstm-motion", 2, 14_118, id="ConvLSTM with motion"),
        pytest.param("motion-trajectories", 2, 722, id="paths of motion"),
        pytest.param("motion-tsm", 2, 281_858, id="temporal shifts on differences"),
    ],
)
def test_a_network_has_exactly_its_parameters(name: str, labels: int, parameters: int) -> None:
    assert build(name, PAPER, labels).count_params() == parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_uint8_clips_and_gives_scores_that_sum_to_one(name: str) -> None:
    network = trained_like(name, labels=3)

    scores = np.asarray(network(random_clips(2), training=False))

    assert network.inputs[0].name == "clip"
    assert network.inputs[0].dtype == "uint8"
    assert network.output_names == ["scores"]
    assert scores.dtype == np.float32
    assert scores.shape == (2, 3)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_made_of_keras_own_layers_only(name: str) -> None:
    layers = build(name, SMALL, 2).layers

    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in layers)


def test_the_papers_convlstm_has_its_layers_and_settings() -> None:
    network = build("convlstm", PAPER, 4)
    cells = [layer for layer in network.layers if isinstance(layer, keras.layers.ConvLSTM2D)]

    assert [cell.filters for cell in cells] == [4, 8, 14, 16]
    assert {cell.recurrent_dropout for cell in cells} == {0.2}
    assert {cell.padding for cell in cells} == {"valid"}
    assert {cell.activation.__name__ for cell in cells} == {"tanh"}
    assert sum(isinstance(layer, keras.layers.TimeDistributed) for layer in network.layers) == 3


def test_the_motion_input_is_the_picture_and_its_change_since_the_frame_before() -> None:
    network = build("r2plus1d", SMALL, 2)
    join = next(x for x in network.layers if isinstance(x, keras.layers.Concatenate))
    clips = random_clips(1)

    motion = np.asarray(keras.Model(network.input, join.output)(clips))

    pixels = clips.astype(np.float32) / 255
    np.testing.assert_allclose(motion[..., :3], pixels, atol=1e-6)
    np.testing.assert_allclose(motion[:, 0, ..., 3:], 0)
    np.testing.assert_allclose(motion[:, 1:, ..., 3:], pixels[:, 1:] - pixels[:, :-1], atol=1e-6)


@pytest.mark.parametrize("name", ["motion-peaks", "convlstm-motion"])
def test_a_cut_between_two_still_scenes_is_no_motion(name: str) -> None:
    network = build(name, PAPER, 2)
    scenes = random_clips(3, PAPER)[:, 0]
    still = np.repeat(scenes[:1], PAPER.frames, axis=0)
    cut = np.concatenate([np.repeat(scenes[1:2], 7, axis=0), np.repeat(scenes[2:], 13, axis=0)])
    moving = random_clips(1, PAPER)[0]

    scores = np.asarray(network(np.stack([still, cut, moving]), training=False))

    np.testing.assert_allclose(scores[1], scores[0], atol=1e-6)
    assert np.abs(scores[2] - scores[0]).max() > 0.01


def _waves(right: float, down: float) -> Array:
    """Features (1, T, H, W, C) that move by so many places a step."""
    rows, columns, steps = np.mgrid[0:16, 0:16, 0:6]
    x, y = columns - right * steps, rows - down * steps
    pattern = [np.sin(x / 2 + y / 3), np.cos(x / 3 - y / 2), np.sin(y / 2 + x / 4)]
    return np.stack(pattern, axis=-1).transpose(2, 0, 1, 3)[np.newaxis]


def _left_of_change(features: Array) -> float:
    """The share of it that no shift of the picture explains."""
    change = np.abs(np.diff(features, axis=1))[:, :, 1:-1, 1:-1].mean()
    given = keras.Input(features.shape[1:])
    found = keras.Model(given, residual_motion(given))(features.astype(np.float32))
    return float(np.abs(np.asarray(found)).mean() / change)


@pytest.mark.parametrize(
    ("right", "down"),
    [
        pytest.param(0.5, 0.0, id="to the right"),
        pytest.param(-0.5, 0.0, id="to the left"),
        pytest.param(0.0, 0.5, id="down"),
        pytest.param(0.0, -0.5, id="up"),
        pytest.param(0.4, 0.4, id="down to the right"),
        pytest.param(-0.4, 0.4, id="down to the left"),
    ],
)
def test_of_a_change_little_is_left_where_the_picture_shifts(right: float, down: float) -> None:
    assert _left_of_change(_waves(right, down)) < 0.15


def test_of_a_change_most_is_left_where_places_blink() -> None:
    blinking = _waves(0.0, 0.0)
    blinking[:, ::2] *= -1

    assert _left_of_change(blinking) > 0.5


def _peaks_of(motion: Array, uncarried: Array) -> Array:
    """What `_peaks` makes of one clip's motion (T, H, W, C), and of the other (T, H, W, C)."""
    given = keras.Input(motion.shape), keras.Input(uncarried.shape)
    network = keras.Model(given, _peaks(*given))
    return np.asarray(network([_float32(motion), _float32(uncarried)]))[0]


def test_peaks_are_of_points_and_of_areas_of_motion_and_then_of_what_is_not_carried() -> None:
    motion, uncarried = np.zeros((18, 16, 16, 48)), np.zeros((19, 14, 14, 24))
    motion[:, 4, 4, 7] = 12.0
    uncarried[:, 9, 9, 5] = 6.0

    found = _peaks_of(motion, uncarried)

    assert found.shape == (48 + 48 + 24 + 24,)
    assert np.flatnonzero(found).tolist() == [7, 48 + 7, 96 + 5, 120 + 5]
    expected = np.log1p([12 / PLACES, 12 / 9 / PLACES, 6 / PLACES, 6 / 9 / PLACES])
    np.testing.assert_allclose(found[found > 0], expected, rtol=2e-3)


def test_what_passes_in_one_half_of_a_clip_peaks_less_than_what_stays_in_both() -> None:
    passing, staying = np.zeros((2, 18, 16, 16, 48))
    passing[:9, 4, 4] = 12.0
    staying[:, 4, 4] = 6.0
    nothing = np.zeros((19, 14, 14, 24))

    passes, stays = _peaks_of(passing, nothing), _peaks_of(staying, nothing)

    assert passes.max() == 0
    assert stays[:96].min() > 0.1


def test_what_is_not_carried_counts_whenever_it_happens() -> None:
    early, late = np.zeros((2, 19, 14, 14, 24))
    early[:9, 4, 4] = late[10:, 4, 4] = 12.0
    still = np.zeros((18, 16, 16, 48))

    np.testing.assert_allclose(_peaks_of(still, early), _peaks_of(still, late))
    assert _peaks_of(still, early)[96:].min() > 0.1


def test_motion_counts_for_as_long_as_it_lasts() -> None:
    motion = np.zeros((1, 8, 4, 4, 2), np.float32)
    motion[0, :4, 1, 1] = 6.0  # passes
    motion[0, :, 2, 2] = 2.0  # stays
    given = keras.Input(motion.shape[1:])

    lasting = np.asarray(keras.Model(given, _lower_half_mean(given))(motion))[0, 0]

    assert lasting.shape == (4, 4, 2)
    assert lasting[1, 1].max() == 0
    np.testing.assert_allclose(lasting[2, 2], 2.0)


def test_the_highest_places_are_averaged() -> None:
    maps = np.random.default_rng(1).random((2, 1, 8, 8, 3)).astype(np.float32)
    given = keras.Input(maps.shape[1:])

    highest = np.asarray(keras.Model(given, _mean_of_highest(given))(maps))

    expected = np.sort(maps.reshape(2, 64, 3), axis=1)[:, -PLACES:].mean(axis=1)
    np.testing.assert_allclose(highest, expected, rtol=1e-5)


def test_the_highest_places_are_of_different_values() -> None:
    maps = np.zeros((1, 1, 8, 8, 1), np.float32)
    maps[0, 0, 0, :, 0] = 6.0
    maps[0, 0, 1, :, 0] = 3.0
    given = keras.Input(maps.shape[1:])

    highest = np.asarray(keras.Model(given, _mean_of_highest(given))(maps))

    np.testing.assert_allclose(highest, (6 + 3) / PLACES)


def test_the_steps_at_which_the_whole_picture_moves_most_are_left_out() -> None:
    motion = np.ones((2, 5, 4, 4, 1), np.float32)
    motion[0] *= np.array([1, 9, 2, 8, 3], np.float32)[:, None, None, None]
    given = keras.Input(motion.shape[1:])

    jumping, steady = np.asarray(keras.Model(given, _without_jumps(given))(motion))[..., 0, 0, 0]

    assert jumping.tolist() == [1, 0, 2, 0, 3]
    assert steady.tolist() == [1, 1, 1, 1, 1]


@pytest.mark.parametrize("name", ["motion-peaks", "convlstm-motion"])
def test_what_imagenet_taught_is_kept_as_it_was_in_training(name: str) -> None:
    network = build(name, SMALL, 2)
    network.compile("sgd", "categorical_crossentropy")
    before = [np.asarray(weight) for weight in network.get_layer("stem").weights]

    network.train_on_batch(random_clips(2), np.eye(2, dtype=np.float32))

    assert len(before) == 12
    for weight, value in zip(network.get_layer("stem").weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_imagenet_features_tell_edges_from_flat_pictures() -> None:
    stem = imagenet_stem(64)
    flat = np.full((1, 64, 64, 3), 127, np.uint8)
    edge = flat.copy()
    edge[:, :, 32:] = 255

    differing = np.abs(np.asarray(stem(edge)) - np.asarray(stem(flat)))[0].sum(axis=-1)

    assert differing.shape == (16, 16)
    assert differing[4:12, 8].min() > 10 * differing[4:12, 2:6].max()


def test_an_unknown_network_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        build("resnet", PAPER, 2)

    assert str(caught.value) == (
        "unknown network 'resnet'; allowed: convlstm, lrcn, r2plus1d, motion-peaks, "
        "convlstm-motion, motion-trajectories, motion-tsm"
    )


@pytest.mark.parametrize("name", ["motion-peaks", "convlstm-motion", "motion-tsm"])
@pytest.mark.parametrize("frames", [2, 3, 4, 5])
def test_clips_too_short_for_a_network_are_refused(name: str, frames: int) -> None:
    with pytest.raises(ConfigError) as caught:
        build(name, ClipSpec(frames, 64, 10.0), 2)

    assert str(caught.value) == (
        f"network {name} cannot take clips of {frames}x64x64x3: too small or too short"
    )


@pytest.mark.parametrize("name", ["motion-peaks", "convlstm-motion"])
@pytest.mark.parametrize("frames", [6, 16])
def test_of_clips_long_enough_every_feature_is_seen_to_move(name: str, frames: int) -> None:
    spec = ClipSpec(frames, 64, 10.0)
    network = build(name, spec, 2)
    (peaks,) = (
        x for x in network.layers if isinstance(x, BatchNormalization) and x.input.ndim == 2
    )

    found = np.asarray(keras.Model(network.input, peaks.output)(random_clips(8, spec)))

    assert found.max(axis=0).min() > 0


@pytest.mark.parametrize("name", ["convlstm", "lrcn"])
def test_pictures_too_small_for_a_network_are_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(name, ClipSpec(frames=4, size=16, fps=10.0), 2)

    assert str(caught.value) == (
        f"network {name} cannot take clips of 4x16x16x3: too small or too short"
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_convlstm_step_follows_the_papers_gate_equations(padding: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    steps, size, channels, filters = 3, 9, 2, 4
    inner = size if padding == "same" else size - 2
    x = random.normal(size=(steps, size, size, channels))
    h, c = random.normal(size=(2, inner, inner, filters))
    layer = keras.layers.ConvLSTM2D(filters, 3, padding=padding, return_sequences=True)
    layer.build((1, *x.shape))
    layer.set_weights([random.normal(0, 0.3, weight.shape) for weight in layer.weights])

    by_keras = layer(_float32(x), initial_state=[_float32(h), _float32(c)])

    for t in range(steps):
        h, c = _convlstm_step(x[t], h, c, layer.get_weights(), padding)
        np.testing.assert_allclose(by_keras[0, t], h, atol=1e-5, rtol=0)


def _convlstm_step(
    x: Array, h: Array, c: Array, weights: list[Array], padding: str
) -> tuple[Array, Array]:
    """h_t and C_t by equations 1 to 4 of the paper, with W * [h, x] a convolution."""
    kernel, recurrent_kernel, bias = weights
    w = np.concatenate([recurrent_kernel, kernel], axis=2)
    w_i, w_f, w_c, w_o = np.split(w, 4, axis=3)  # Keras keeps its gates in this order
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    # The state keeps its size whatever the padding of the input, so it always gets a border.
    bracket = np.concatenate([_border(h), _border(x) if padding == "same" else x], axis=2)

    f_t = _sigmoid(_convolve(bracket, w_f) + b_f)  # 1: forget gate
    i_t = _sigmoid(_convolve(bracket, w_i) + b_i)  # 2: input gate and candidate
    candidate = np.tanh(_convolve(bracket, w_c) + b_c)
    c_t = f_t * c + i_t * candidate  # 3: cell state
    o_t = _sigmoid(_convolve(bracket, w_o) + b_o)  # 4: output gate and hidden state
    return o_t * np.tanh(c_t), c_t


def _convolve(picture: Array, kernel: Array) -> Array:
    """(H, W, C) with (3, 3, C, F) -> (H - 2, W - 2, F)."""
    patches = sliding_window_view(picture, (3, 3), axis=(0, 1))
    return np.asarray(np.einsum("hwcij,ijcf->hwf", patches, kernel))


def _border(picture: Array) -> Array:
    return np.pad(picture, ((1, 1), (1, 1), (0, 0)))


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _float32(x: Array) -> NDArray[np.float32]:
    return x[np.newaxis].astype(np.float32)


@pytest.mark.parametrize("name", ["lrcn", "convlstm-motion", "motion-tsm"])
def test_a_network_with_fast_layers_computes_the_same_with_the_same_weights(name: str) -> None:
    network = build(name, PAPER, 2)
    quick = with_fast_layers(network)
    windows = np.random.default_rng(1).integers(0, 256, (2, *PAPER.shape), np.uint8)

    np.testing.assert_allclose(quick(windows), network(windows), atol=1e-6)
    quick.set_weights([weight * 0.9 for weight in quick.get_weights()])
    np.testing.assert_allclose(quick(windows), network(windows), atol=1e-6)
    assert not any(type(layer) is keras.layers.TimeDistributed for layer in quick.layers)


@pytest.mark.parametrize("shape", [(7,), (5, 6, 6, 3)])
def test_fused_normalisation_trains_as_keras_does(shape: tuple[int, ...]) -> None:
    def normalising() -> keras.Model:
        clip = keras.Input(shape)
        layer = keras.layers.BatchNormalization(momentum=0.7, epsilon=1e-3)
        return keras.Model(clip, layer(clip))

    slow, fast = normalising(), with_fast_layers(normalising())
    rng = np.random.default_rng(1)
    weights = [rng.random(weight.shape, np.float32) + 0.5 for weight in slow.get_weights()]
    slow.set_weights(weights)
    fast.set_weights(weights)
    inputs = tf.constant(3 * rng.random((4, *shape), np.float32) + 1)
    found = []
    for model in (slow, fast):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            result = model(inputs, training=True)
            loss = tf.reduce_sum(result**3)
        gradients = tape.gradient(loss, [inputs, *model.trainable_variables])
        found.append([result, *gradients, *model.get_weights()])
    for expected, value in zip(*found, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-4, atol=2e-4)
    assert len(found[0]) == 8
