"""Segments of real films give what har-monitor finds in one piece, window for window."""

from pathlib import Path

import pytest

from monitor.errors import SourceOpenError
from monitor.recognition.classifier import OnnxClassifier
from monitor.scan.join import fit
from monitor.scan.models import load_model
from monitor.states import SkipReason
from testkit import ROOT
from testkit.scans import encoded, film, model_file, planned, scanned, segments, watched

pytestmark = pytest.mark.slow

BUS = ROOT / "monitor" / "samples" / "bus.mp4"  # 18.7 s with B-frames
SMALL = ("-vf", "scale=160:90", "-preset", "ultrafast")
FILMS = {
    "MPEG-TS, whose clock does not begin at 0": ("f.ts", ("-c", "copy")),
    "Matroska, H.264 with open GOPs": (
        "f.mkv",
        (*SMALL, "-c:v", "libx264", "-g", "25", "-bf", "3", "-x264-params", "open-gop=1"),
    ),
    "H.265 with open GOPs": (
        "f.mp4",
        (*SMALL, "-c:v", "libx265", "-g", "25", "-x265-params", "log-level=none:open-gop=1"),
    ),
    "a camera slower than the model": (
        "f.mp4",
        ("-vf", "scale=160:90,fps=8", "-preset", "ultrafast", "-c:v", "libx264", "-g", "12"),
    ),
    "a pause of seven seconds within it": (
        "f.mp4",
        (
            "-vf", "scale=160:90,select='not(between(t,5,12.5))'", "-fps_mode", "passthrough",
            "-preset", "ultrafast", "-c:v", "libx264", "-g", "20",
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def classifier() -> OnnxClassifier:
    return OnnxClassifier()


@pytest.mark.parametrize(("name", "options"), FILMS.values(), ids=FILMS)
def test_segments_of_a_film_are_the_film(
    name: str, options: tuple[str, ...], classifier: OnnxClassifier, tmp_path: Path
) -> None:
    one = film(encoded(tmp_path / name, BUS, *options), decode={"idle": False})
    plan = planned(one, classifier, 4.0)
    assert len(plan.segments) >= 3
    parts = segments(one, classifier, plan)
    assert fit(parts)
    found = scanned(parts, one, classifier)
    assert found == watched(one, classifier)
    assert any(facts[3] is None for facts in found.windows)
    assert found.alerts


def test_regions_of_a_film_are_parted_alike(classifier: OnnxClassifier) -> None:
    regions = [
        {"name": "left", "box": [0, 0, 0.5, 1]},
        {"name": "right", "polygon": [[0.5, 0], [1, 0], [1, 1]]},
    ]
    one = film(BUS, regions=regions)
    parts = segments(one, classifier, planned(one, classifier, 4.0))
    assert fit(parts)
    found = scanned(parts, one, classifier)
    assert found == watched(one, classifier)
    assert {facts[0] for facts in found.windows} == {"left", "right"}


def test_each_window_is_in_one_segment(classifier: OnnxClassifier) -> None:
    one = film(BUS)
    parts = segments(one, classifier, planned(one, classifier, 4.0))
    ends = [seen.end_s for _, result in parts if result for seen in result.windows]
    assert len(parts) == 5
    assert ends == sorted(set(ends))
    assert parts[-1][1] is not None
    assert parts[-1][1].end_s == pytest.approx(18.63, abs=0.05)


def test_a_film_whose_key_frames_do_not_stand_for_themselves_is_told(
    classifier: OnnxClassifier, tmp_path: Path
) -> None:
    refreshed = (*SMALL, "-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=30")
    one = film(encoded(tmp_path / "f.mkv", BUS, *refreshed), decode={"idle": False})
    plan = planned(one, classifier, 4.0)
    assert len(plan.segments) > 1
    assert not fit(segments(one, classifier, plan))


def test_a_film_in_which_nothing_moves_is_frozen_after_a_minute_wherever_it_is_parted(
    classifier: OnnxClassifier, tmp_path: Path
) -> None:
    picture = tmp_path / "p.png"
    encoded(picture, BUS, "-frames:v", "1", "-vf", "scale=160:90")
    still = ("-vf", "loop=2000:1,fps=10", "-preset", "ultrafast", "-g", "20", "-c:v", "libx264")
    one = film(encoded(tmp_path / "f.mp4", picture, *still), decode={"idle": False})
    parts = segments(one, classifier, planned(one, classifier, 25.0))
    assert len(parts) == 3
    found = scanned(parts, one, classifier)
    assert found == watched(one, classifier)
    reasons = [facts[3] for facts in found.windows]
    assert {SkipReason.STILL, SkipReason.FROZEN} <= set(reasons)


def test_a_file_that_changes_is_not_scanned(classifier: OnnxClassifier, tmp_path: Path) -> None:
    path = tmp_path / "f.mp4"
    path.write_bytes(BUS.read_bytes())
    one = film(path)
    plan = planned(one, classifier, 4.0)
    path.write_bytes(BUS.read_bytes() + b"more")
    with pytest.raises(SourceOpenError, match=r"f\.mp4: changed during the scan$"):
        segments(one, classifier, plan)


def test_a_process_loads_its_model_once(classifier: OnnxClassifier) -> None:
    model = model_file(classifier)
    assert load_model(model) is load_model(model)
