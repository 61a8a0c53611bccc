"""Histograms, as windows are counted in them."""

import pytest

from monitor.health.histogram import SCORES, Histogram, WindowHistograms


@pytest.mark.parametrize(
    ("value", "bucket"), [(-1.0, 0), (1.0, 0), (1.1, 1), (2.0, 1), (2.1, 2), (99.0, 2)]
)
def test_a_value_is_counted_at_the_first_bound_that_it_does_not_exceed(
    value: float, bucket: int
) -> None:
    histogram = Histogram((1.0, 2.0))
    histogram.add(value)
    assert [n for n, count in enumerate(histogram.counts) if count] == [bucket]
    assert (sum(histogram.counts), histogram.sum) == (1, value)


def test_a_copy_stays_as_it_is() -> None:
    histograms = WindowHistograms.of(["fall", "fight"])
    histograms.take(0.3, {"fall": 0.05, "fight": 0.95, "other": 0.0})
    copy = histograms.copy()
    assert copy == histograms
    histograms.take(0.3, {"fall": 0.05, "fight": 0.95, "other": 0.0})
    histograms.inference_s.add(0.1)
    histograms.alert_latency_s.add(0.1)
    assert copy.latency_s.sum == 0.3
    assert copy.inference_s.sum == copy.alert_latency_s.sum == 0.0
    assert {label: one.counts for label, one in copy.scores.items()} == {
        "fall": [1, *[0] * len(SCORES)],
        "fight": [*[0] * len(SCORES), 1],
    }
