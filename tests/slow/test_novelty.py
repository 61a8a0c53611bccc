from pathlib import Path

import numpy as np
import pytest

from export.export import export_model
from export.keras_file import load_model, save_model
from export.options import Engine
from export.verify import compare_novelty
from monitor.errors import ModelError
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import Unknown
from testkit.models import metadata
from testkit.trained import SMALL, random_clips, trained_like
from train.evaluate.novelty import classify_with, window_novelty, with_novelty
from train.networks.architectures import NETWORKS

ABOUT = metadata(
    frames=SMALL.frames,
    size=SMALL.size,
    fps=SMALL.fps,
    unknown=Unknown(threshold=2.5, share=0.01, evaluation="-"),
)


def clips(count: int) -> list[np.ndarray]:
    """Clips of one and two windows, some darker than others."""
    windows = random_clips(2 * count).reshape(count, 2, *SMALL.shape)
    return [pair[: 1 + n % 2] // np.uint8(1 + n) for n, pair in enumerate(windows)]


@pytest.mark.parametrize("engine", Engine)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_gives_novelty_and_its_export_gives_the_same(
    name: str, engine: Engine, tmp_path: Path
) -> None:
    network = trained_like(name)
    fitted_on = clips(5)
    wider = with_novelty(network, fitted_on)
    save_model(wider, ABOUT, tmp_path / "model.keras")
    loaded, about = load_model(tmp_path / "model.keras")

    export_model(tmp_path / "model.keras", tmp_path / "model.onnx", engine=engine)
    classifier = OnnxClassifier(tmp_path / "model.onnx")

    assert classifier.metadata == about == ABOUT
    tested = random_clips(3)
    scores, novelty, _ = classify_with(loaded)(tested)
    exported = classifier.classify(tested)
    assert novelty is not None
    assert exported.novelty is not None
    np.testing.assert_allclose(scores, network(tested, training=False), atol=1e-6)
    np.testing.assert_allclose(exported.scores, scores, atol=1e-5)
    np.testing.assert_allclose(exported.novelty, novelty, rtol=1e-3)
    of_fitted = window_novelty(classify_with(wider), [pair[len(pair) // 2 :] for pair in fitted_on])
    assert of_fitted is not None
    assert of_fitted.mean() == pytest.approx(0.5, abs=0.25), "but for features that hardly vary"
    assert wider.count_params() == network.count_params()


def test_less_than_in_the_training_clips_is_no_news_and_more_is() -> None:
    calm = [random_clips(1) // 4, random_clips(3) // 3]
    wider = with_novelty(trained_like("motion-peaks"), calm)
    still = np.repeat(random_clips(1)[:, :1], SMALL.frames, axis=1)

    novelty = classify_with(wider)(np.concatenate([still, random_clips(1)])).novelty

    assert novelty is not None
    assert novelty[0] == pytest.approx(0, abs=0.01)
    assert novelty[1] > 1


def test_a_network_and_metadata_that_do_not_agree_on_novelty_are_refused(tmp_path: Path) -> None:
    network = trained_like("motion-peaks")
    path = tmp_path / "model.keras"
    save_model(network, ABOUT, path)
    with pytest.raises(ModelError, match="has a threshold for novelty, its network gives none"):
        load_model(path)
    save_model(with_novelty(network, clips(2)), ABOUT.model_copy(update={"unknown": None}), path)
    with pytest.raises(ModelError, match="has no threshold for novelty, its network gives novelty"):
        load_model(path)


def test_a_network_without_novelty_is_taken_as_it_is() -> None:
    network = trained_like("motion-peaks")

    assert classify_with(network)(random_clips(2)).novelty is None
    assert window_novelty(classify_with(network), clips(2)) is None


@pytest.mark.parametrize("got", [[2.0, 1001.0], [2.0, np.nan]], ids=["too far", "not a number"])
def test_novelty_that_differs_by_more_than_a_share_of_it_is_refused(got: list[float]) -> None:
    expected = np.array([2.0, 1000.0], np.float32)

    compare_novelty(expected, np.array([2.0, 1000.05], np.float32), 2)
    with pytest.raises(ModelError, match="exported novelty differs from Keras by up to"):
        compare_novelty(expected, np.array(got, np.float32), 2)
