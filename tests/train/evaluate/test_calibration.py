from dataclasses import replace

import numpy as np
import pytest

from testkit.scores import scored
from train.evaluate.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    fit_fold_temperatures,
    fit_temperature,
    with_temperature,
)
from train.evaluate.scores import Scored


def drawn(temperature: float, clips: int = 20_000, labels: int = 3) -> Scored:
    """Clips whose truth is drawn from their scores, which are then sharpened or flattened."""
    random = np.random.default_rng(1)
    logits = random.normal(0, 1.5, (clips, labels))
    right = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    said = np.exp(logits * temperature)
    shape = scored([f"l{i}" for i in range(labels)], [[clips, 0, 0], [0, 0, 0], [0, 0, 0]])
    return replace(
        shape,
        truth=np.array([random.choice(labels, p=row) for row in right], np.int64),
        scores=(said / said.sum(axis=1, keepdims=True)).astype(np.float32),
    )


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_overconfident_scores_get_the_temperature_that_corrects_them(temperature: float) -> None:
    assert fit_temperature([drawn(temperature)]) == pytest.approx(temperature, rel=0.05)


def test_one_temperature_is_fitted_to_all_parts() -> None:
    sure, unsure = drawn(2.0), drawn(0.5)

    assert fit_temperature([sure]) > fit_temperature([sure, unsure]) > fit_temperature([unsure])


def test_the_temperature_of_a_fold_is_fitted_on_the_other_folds_as_their_networks_scored_them() -> (
    None
):
    alike = fit_fold_temperatures(dict.fromkeys(range(4), drawn(0.4)))
    mixed = fit_fold_temperatures({0: drawn(0.5), 1: drawn(2.0)})

    assert alike == pytest.approx(dict.fromkeys(range(4), 0.4), rel=0.05)
    assert mixed == pytest.approx({0: 2.0, 1: 0.5}, rel=0.05)
    assert fit_fold_temperatures({3: drawn(2.0)}) == pytest.approx({3: 2.0}, rel=0.05)


@pytest.mark.parametrize(("right", "limit"), [(True, MIN_TEMPERATURE), (False, MAX_TEMPERATURE)])
def test_all_right_or_all_wrong_answers_give_a_limit_of_the_temperature(
    right: bool, limit: float
) -> None:
    counts = [[20, 0], [0, 20]] if right else [[0, 20], [20, 0]]

    clips = scored(("a", "b"), counts, score=0.6)
    assert fit_temperature([clips]) == pytest.approx(limit, rel=0.01)


def test_a_temperature_changes_the_confidence_and_not_the_answers() -> None:
    clips = drawn(1.0, clips=50)

    cooled = with_temperature(clips, 2.0)

    np.testing.assert_array_equal(cooled.predicted, clips.predicted)
    assert (cooled.confidence < clips.confidence).all()
    expected = np.sqrt(clips.scores) / np.sqrt(clips.scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(cooled.scores, expected, rtol=1e-5)
    np.testing.assert_allclose(with_temperature(clips, 1.0).scores, clips.scores, rtol=1e-5)
