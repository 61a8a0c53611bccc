"""The work folder of a scan."""

from pathlib import Path

import pytest

from monitor.errors import ConfigError
from monitor.scan.job import Plan, SeenWindow, Segment, SegmentResult, Start
from monitor.scan.parts import Part, Parts, PlannedFilm, ScannedFilm
from monitor.sources.file import KeyFrame
from monitor.states import SkipReason
from monitor.windows.buffer import GridPlace

START = Start(KeyFrame(1024, 0.1, 9.9), GridPlace(0.1, 9.9, 99, 100), 10.0)
PLANNED = PlannedFilm("hall", 1000, 10**18 + 1, Plan((Segment(None, 10.0), Segment(START)), 20.5))
RESULT = SegmentResult(
    (
        SeenWindow("", 0.1 + 0.2, 2.2, None, (1 / 3, 2 / 3), 0.7, (0.0, 0.1, 0.5, 1.0)),
        SeenWindow("door", 1.0, 1.0, SkipReason.GAPS),
    ),
    (SeenWindow("", 10.0, 12.0, SkipReason.UNKNOWN, (0.1, 0.9)),),
    12.04,
    ("damaged packets passed over: 1",),
)


@pytest.fixture
def part(tmp_path: Path) -> Part:
    parts = Parts(tmp_path / "r.parquet")
    with parts.opened({}):
        return parts.of(Path("/films/a.mp4"))


def test_what_is_kept_comes_back_to_the_bit(part: Part) -> None:
    assert (part.planned, part.segment(0), part.scanned, part.told) == (None, None, None, [])
    part.begin(PLANNED)
    part.keep(1, RESULT)
    assert (part.planned, part.segment(0), part.segment(1)) == (PLANNED, None, RESULT)


def test_a_torn_file_is_none(part: Part, tmp_path: Path) -> None:
    part.begin(PLANNED)
    part.keep(0, RESULT)
    (torn,) = tmp_path.glob("r.parquet.parts/*/segment-00000.json")
    torn.write_bytes(torn.read_bytes()[:-20])
    assert part.segment(0) is None


def test_a_film_that_is_done_keeps_no_segments_but_one_that_is_not(part: Part) -> None:
    part.begin(PLANNED)
    part.keep(0, RESULT)
    partial = ScannedFilm(12.0, 1, missing="from 10.0 s to the end: it was killed")
    part.finish(partial, lambda path: path.write_text("table"))
    part.note_told(["log"])
    assert (part.scanned, part.segment(0), part.told) == (partial, RESULT, ["log"])
    whole = ScannedFilm(20.5, 2, {"quiet": 3}, ("damaged",))
    part.finish(whole, lambda path: path.write_text("table"))
    assert (part.scanned, part.segment(0), part.told) == (whole, None, [])
    part.table.unlink()
    assert part.scanned is None


def test_one_run_at_a_time_with_the_same_settings(tmp_path: Path) -> None:
    place = tmp_path / "r.parquet"
    parts = Parts(place)
    with (
        parts.opened({"model": "a", "windows": {"stride": 5}}),
        pytest.raises(ConfigError, match=r"parts: another har-scan is at work in it$"),
        Parts(place).opened({}),
    ):
        pass
    with (
        pytest.raises(ConfigError, match=r"parts: was begun with another model, windows; give"),
        parts.opened({"model": "b", "windows": {"stride": 4}}),
    ):
        pass
    with parts.opened({"model": "a", "windows": {"stride": 5}}):
        pass
