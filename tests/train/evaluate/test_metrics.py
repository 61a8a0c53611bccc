from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testkit.scores import PAPER_COUNTS, PAPER_LABELS, scored
from train.evaluate.intervals import group_bootstrap, poisson_mean, wilson
from train.evaluate.metrics import calibrate, measure, roc, summary
from train.evaluate.scores import Scored, concatenate

matrices = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.integers(0, 6), min_size=k, max_size=k), min_size=k, max_size=k
    ).filter(lambda rows: any(map(any, rows)))
)


def of(matrix: list[list[int]]) -> Scored:
    return scored([f"label {index}" for index in range(len(matrix))], matrix)


def test_the_papers_counts_give_the_rates_it_reports() -> None:
    metrics = measure(scored(PAPER_LABELS, PAPER_COUNTS))

    horse_race = metrics.one_vs_rest[0]
    assert (horse_race.tn, horse_race.fp, horse_race.fn, horse_race.tp) == (91, 11, 4, 33)
    assert [round(count.tpr or 0, 4) for count in metrics.one_vs_rest] == [
        0.8919, 0.9375, 0.8929, 0.8077,
    ]  # fmt: skip
    assert [round(count.fpr or 0, 4) for count in metrics.one_vs_rest] == [0.1078, 0, 0, 0.0354]
    assert round(metrics.accuracy, 3) == 0.892
    assert metrics.confusion.sum() == 139


@given(matrices)
@settings(max_examples=60, deadline=None)
def test_micro_precision_recall_and_f1_are_the_accuracy(matrix: list[list[int]]) -> None:
    metrics = measure(of(matrix))

    assert metrics.micro.precision == pytest.approx(metrics.accuracy, abs=1e-12)
    assert metrics.micro.recall == pytest.approx(metrics.accuracy, abs=1e-12)
    assert metrics.micro.f1 == pytest.approx(metrics.accuracy, abs=1e-12)


def test_macro_averages_are_plain_means_over_the_labels_that_were_tested() -> None:
    # By hand: precision 2/3, 3/4 and, for the label without clips, 0; recall 2/3 and 3/4.
    metrics = measure(of([[2, 1, 0], [1, 3, 0], [0, 0, 0]]))

    assert metrics.macro.precision == pytest.approx((2 / 3 + 3 / 4) / 2, abs=1e-12)
    assert metrics.macro.recall == pytest.approx((2 / 3 + 3 / 4) / 2, abs=1e-12)
    assert metrics.macro.f1 == pytest.approx((2 / 3 + 3 / 4) / 2, abs=1e-12)


def test_the_curve_steps_once_for_clips_of_equal_score_and_ties_count_half() -> None:
    # By hand: of the six pairs of a right and a wrong clip, four are in order and one is a tie.
    curve = roc(np.array([True, False, True, False, False]), np.array([0.9, 0.8, 0.4, 0.4, 0.1]))

    assert curve is not None
    assert curve.auc == pytest.approx(4.5 / 6, abs=1e-12)
    assert list(zip(curve.fpr, curve.tpr, strict=True)) == [
        (0, 0), (0, 1 / 2), (1 / 3, 1 / 2), (2 / 3, 1), (1, 1),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=60))
@settings(max_examples=80, deadline=None)
def test_the_area_is_the_chance_that_a_clip_with_the_label_scores_higher(
    clips: list[tuple[bool, int]],
) -> None:
    positive = np.array([is_positive for is_positive, _ in clips])
    score = np.array([level / 8 for _, level in clips], np.float32)

    curve = roc(positive, score)

    if positive.all() or not positive.any():
        assert curve is None
    else:
        assert curve is not None
        gaps = score[positive][:, np.newaxis] - score[~positive]
        assert curve.auc == pytest.approx(((gaps > 0) + (gaps == 0) / 2).mean())
        assert (curve.fpr[0], curve.tpr[0]) == (0, 0)
        assert (curve.fpr[-1], curve.tpr[-1]) == (1, 1)


def test_rows_of_the_confusion_matrix_are_the_truth() -> None:
    assert measure(of([[1, 1, 0], [0, 1, 0], [1, 0, 0]])).confusion.tolist() == [
        [1, 1, 0], [0, 1, 0], [1, 0, 0],
    ]  # fmt: skip


def test_a_label_without_test_clips_has_no_rates_and_is_left_out_of_the_macro_averages() -> None:
    metrics = measure(of([[3, 0, 1], [0, 4, 0], [0, 0, 0]]))
    absent = metrics.one_vs_rest[2]

    assert (absent.support, absent.tpr, absent.f1, metrics.rocs[2]) == (0, None, None, None)
    assert absent.precision == 0
    assert metrics.macro.recall == pytest.approx((0.75 + 1) / 2)


def test_a_label_never_answered_has_precision_zero() -> None:
    never = measure(of([[4, 0], [2, 0]])).one_vs_rest[1]

    assert (never.tp, never.fp, never.precision, never.tpr, never.f1) == (0, 0, 0, 0, 0)


def test_a_test_of_one_label_only_has_no_curve_and_no_false_positive_rate() -> None:
    metrics = measure(of([[4, 1], [0, 0]]))

    assert metrics.rocs == (None, None)
    assert metrics.macro_auc is None
    assert metrics.one_vs_rest[0].fpr is None
    assert "auc" not in summary(metrics)


@pytest.mark.parametrize(
    ("right", "total", "expected"),
    [
        pytest.param(8, 10, (0.4902, 0.9433), id="eight-of-ten"),
        pytest.param(0, 20, (0.0, 0.1611), id="none-of-twenty"),
        pytest.param(20, 20, (0.8389, 1.0), id="all-of-twenty"),
    ],
)
def test_wilsons_interval_has_the_published_values(
    right: int, total: int, expected: tuple[float, float]
) -> None:
    interval = wilson(right, total)

    assert (round(interval.low, 4), round(interval.high, 4)) == expected


@pytest.mark.parametrize(
    ("count", "high"),
    # R: qchisq(.95, 2 * (count + 1)) / 2
    [(0, 2.995732), (1, 4.743865), (10, 16.962219), (300, 330.094249), (5000, 5117.886079)],
)
def test_the_upper_poisson_bound_has_the_published_values(count: int, high: float) -> None:
    assert poisson_mean(count, 0.05) == pytest.approx(high, rel=1e-6)


@pytest.mark.parametrize(
    ("count", "low"),
    # R: qchisq(.025, 2 * count) / 2
    [(1, 0.02531781), (10, 4.795389), (300, 267.0091)],
)
def test_the_lower_poisson_bound_has_the_published_values(count: int, low: float) -> None:
    assert poisson_mean(count - 1, 0.975) == pytest.approx(low, rel=1e-6)


def test_clips_of_a_scene_that_fail_together_widen_the_interval() -> None:
    right = np.repeat([True, True, False, True, False, True], 20)
    alone = group_bootstrap(right, [str(i) for i in range(120)], seed=0)
    together = group_bootstrap(right, [str(i // 20) for i in range(120)], seed=0)

    assert alone is not None
    assert together is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert group_bootstrap(right, [str(i // 20) for i in range(120)], seed=0) == together


def test_one_group_alone_has_no_group_interval() -> None:
    assert group_bootstrap(np.array([True, False]), ["a", "a"], seed=0) is None


def test_a_group_interval_is_never_narrower_than_one_over_clips() -> None:
    found = group_bootstrap(np.ones(4, bool), list("aabb"), seed=0)
    assert found is not None
    assert found.low == wilson(4, 4).low
    assert found.high == pytest.approx(1)


def test_calibration_error_is_the_gap_between_score_and_share_right() -> None:
    # Bin (0.8, 0.9]: two clips at 0.9, one right. Bin (0.5, 0.6]: one at 0.6, right.
    bins = calibrate(np.array([0.9, 0.9, 0.6]), np.array([True, False, True]), bins=10)

    assert bins.count.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 2, 0]
    assert bins.error == pytest.approx((2 * 0.4 + 1 * 0.4) / 3)


def test_a_score_of_one_falls_into_the_last_bin() -> None:
    assert calibrate(np.array([1.0, 0.0]), np.array([True, True])).count.tolist()[-1] == 1


def test_one_vs_rest_counts_add_up_to_every_clip() -> None:
    clips = scored(PAPER_LABELS, PAPER_COUNTS)

    for count in measure(clips).one_vs_rest:
        assert count.tp + count.fp + count.tn + count.fn == len(clips)


def test_folds_are_pooled_clip_by_clip() -> None:
    first = scored(("a", "b"), ((2, 1), (0, 1)), folder="1/")
    second = scored(("a", "b"), ((0, 1), (0, 3)), folder="2/")

    pooled = concatenate([first, second])

    assert measure(pooled).confusion.tolist() == [[2, 2], [0, 4]]
    assert pooled.clips == first.clips + second.clips


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(scored(("a", "c"), ((1, 0), (0, 1)), folder="2/"), id="other-labels"),
        pytest.param(scored(("a", "b"), ((1, 0), (0, 1)), folder="1/"), id="the-same-clip-twice"),
    ],
)
def test_folds_that_do_not_fit_each_other_are_refused(others: Scored) -> None:
    with pytest.raises(ValueError, match=r"labels differ|each once"):
        concatenate([scored(("a", "b"), ((1, 0), (0, 1)), folder="1/"), others])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"labels": ("a", "a")}, "each different", id="a-label-twice"),
        pytest.param({"groups": ("g",)}, "1 groups for 2 clips", id="too-few-groups"),
        pytest.param({"truth": np.array([0, 2])}, "allowed 0..1", id="truth-out-of-range"),
        pytest.param({"truth": np.array([0.0, 1.0])}, "integer", id="truth-not-integer"),
        pytest.param({"scores": np.ones((2, 3), np.float32)}, r"\(2, 2\) needed", id="shape"),
        pytest.param({"scores": np.ones((2, 2), np.float32)}, "sums to 1", id="not-normalised"),
        pytest.param({"scores": np.full((2, 2), np.nan, np.float32)}, "finite", id="not-a-number"),
        pytest.param({"previews": np.zeros((2, 4, 8, 8))}, "uint8", id="no-pictures"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(scored(("a", "b"), ((1, 0), (0, 1))), **changes)
