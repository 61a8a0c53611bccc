"""Where files are parted."""

import shutil
from pathlib import Path

import pytest

from monitor.errors import SourceOpenError
from monitor.recognition.classifier import OnnxClassifier
from monitor.scan.plan import WHOLE, starts
from monitor.windows.buffer import WindowBuffer
from testkit import ROOT
from testkit.scans import encoded, film, planned

BUS = ROOT / "monitor" / "samples" / "bus.mp4"  # 18.7 s, a key frame every two seconds


@pytest.fixture(scope="module")
def classifier() -> OnnxClassifier:
    return OnnxClassifier()


def test_a_file_is_parted_at_the_first_key_frames_behind_each_length(
    classifier: OnnxClassifier,
) -> None:
    plan = planned(film(BUS), classifier, 5)
    assert [one.from_s for one in plan.segments[1:]] == pytest.approx([6.0, 12.0])
    assert [one.until_s for one in plan.segments] == [
        *(one.from_s for one in plan.segments[1:]),
        None,
    ]
    assert plan.declared_s == pytest.approx(18.67, abs=0.01)


def test_a_file_that_is_hardly_longer_than_a_segment_is_one(classifier: OnnxClassifier) -> None:
    assert planned(film(BUS), classifier, 13).segments == WHOLE
    assert len(planned(film(BUS), classifier, 12).segments) == 2


@pytest.mark.parametrize("name", ["f.h264", "f.avi"])
def test_a_file_without_reliable_times_is_not_parted(
    name: str, classifier: OnnxClassifier, tmp_path: Path
) -> None:
    small = ("-vf", "scale=160:90", "-c:v", "libx264", "-g", "25", "-bf", "2")
    path = encoded(tmp_path / name, BUS, *small)
    assert planned(film(path), classifier, 2).segments == WHOLE


def test_a_file_that_is_no_video_is_an_error(classifier: OnnxClassifier, tmp_path: Path) -> None:
    path = tmp_path / "f.mp4"
    path.write_text("no video")
    with pytest.raises(SourceOpenError, match=r"f\.mp4: not a video file that can be read"):
        planned(film(path), classifier, 5)


def test_a_file_that_changed_since_it_was_found_is_an_error(
    classifier: OnnxClassifier, tmp_path: Path
) -> None:
    path = Path(shutil.copy(BUS, tmp_path / "f.mp4"))
    one = film(path)
    path.touch()
    with pytest.raises(SourceOpenError, match=r"f\.mp4: changed during the scan$"):
        planned(one, classifier, 5)


def test_starts_are_the_same_from_any_of_them_on(classifier: OnnxClassifier) -> None:
    def found(after: int | None = None) -> list[object]:
        buffer = WindowBuffer("", classifier.metadata.clip, stride=5)
        return list(starts(BUS, buffer, None if after is None else every[after]))

    every = []
    every = found()  # type: ignore[assignment]
    assert [one.time_s for one in every] == pytest.approx([2.0 * n for n in range(1, 10)])  # type: ignore[attr-defined]
    assert found(3)[-5:] == every[4:]
