"""A window that is seen once more."""

import numpy as np
import pytest

from monitor.recognition.classifier import OnnxClassifier
from monitor.scan.strip import window_again
from testkit import ROOT
from testkit.scans import film, planned, segments

BUS = ROOT / "monitor" / "samples" / "bus.mp4"


@pytest.fixture(scope="module")
def classifier() -> OnnxClassifier:
    return OnnxClassifier()


@pytest.mark.parametrize("place", [0, 13, 33], ids=["the first", "one within", "the last"])
def test_the_model_sees_the_same_in_it(place: int, classifier: OnnxClassifier) -> None:
    one = film(BUS)
    plan = planned(one, classifier, 5)
    found = [
        seen for _, result in segments(one, classifier, plan) if result for seen in result.windows
    ]
    seen = found[place]
    window = window_again(one, classifier, plan.segments, "", seen.start_s)
    assert window is not None
    assert (window.start_s, window.end_s) == (seen.start_s, seen.end_s)
    scores = classifier.predict(window.clip[np.newaxis])[0]
    assert tuple(scores.tolist()) == seen.scores


def test_one_that_there_never_was_is_not_found(classifier: OnnxClassifier) -> None:
    one = film(BUS)
    plan = planned(one, classifier, 5)
    assert window_again(one, classifier, plan.segments, "", 7.123) is None
    assert window_again(one, classifier, plan.segments, "door", 7.0) is None
