"""Parts of videos in clips.csv, and videos.csv with the times of events."""

import logging
import math
from collections import Counter
from pathlib import Path

import pytest

from monitor.errors import DataError
from train.data.clips import Clip, Dataset
from train.data.layouts import find_clips
from train.data.listed import listed_clips, listed_events, listed_videos

HEADER = "path,label,group,fold,start_s,end_s\n"
SPAN_S = 2.0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with some videos."""
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (tmp_path / name).touch()
    return tmp_path


def parts(data: Path, rows: str, header: str = HEADER) -> list[Clip]:
    """The clips of a clips.csv with these rows."""
    (data / "clips.csv").write_text(header + rows)
    return listed_clips(data)


def cut(data: Path, *events: str, calm: str = "c.mp4,sit,c,1,,") -> list[tuple[str, float, float]]:
    """The label, start and end of the clips that a.mp4 is cut into, in order of time."""
    (data / "videos.csv").write_text(HEADER + "\n".join((calm, *events)) + "\n")
    found = [clip for clip in listed_events(data, SPAN_S) if clip.file == "a.mp4"]
    assert len({clip.path for clip in found}) == len(found)
    return sorted(
        ((clip.label, clip.start_s, clip.end_s) for clip in found), key=lambda one: one[1:]
    )


def test_a_clip_may_be_a_part_of_a_video(data: Path) -> None:
    found = parts(
        data, "a.mp4,fall,a,0,1.5,4\na.mp4,sit,a,0,,1.5\na.mp4,sit,a,0,4,\nb.mp4,sit,b,1,,"
    )

    assert found == [
        Clip("a.mp4#t=1.5,4", "fall", "a", 0, 1.5, 4.0),
        Clip("a.mp4#t=0,1.5", "sit", "a", 0, 0.0, 1.5),
        Clip("a.mp4#t=4", "sit", "a", 0, 4.0, math.inf),
        Clip("b.mp4", "sit", "b", 1),
    ]
    assert [clip.is_part for clip in found] == [True, True, True, False]
    dataset = Dataset("data", {"": data}, tuple(found), ("fall", "sit"))
    assert {dataset.file(clip) for clip in found} == {data / "a.mp4", data / "b.mp4"}


@pytest.mark.parametrize(
    ("header", "row", "times"),
    [
        ("path,label,group,fold,start_s\n", "a.mp4,fall,a,0,3", (3.0, math.inf)),
        ("path,label,group,fold,end_s\n", "a.mp4,fall,a,0,3", (0.0, 3.0)),
        ("path,label,group,fold\n", "a.mp4,fall,a,0", (0.0, math.inf)),
    ],
    ids=["start_s alone", "end_s alone", "neither"],
)
def test_either_column_of_times_may_be_missing(
    data: Path, header: str, row: str, times: tuple[float, float]
) -> None:
    (clip,) = parts(data, row, header)

    assert (clip.start_s, clip.end_s) == times


def test_times_may_have_decimal_commas(data: Path) -> None:
    (clip,) = parts(data, "a.mp4;fall;a;0;1,88;3,2", HEADER.replace(",", ";"))

    assert (clip.path, clip.start_s, clip.end_s) == ("a.mp4#t=1.88,3.2", 1.88, 3.2)


def test_parts_late_in_a_long_video_keep_their_hundredths(data: Path) -> None:
    found = parts(data, "a.mp4,fall,a,0,86399.01,86402\na.mp4,fall,a,0,86399.02,86402")

    assert [clip.path for clip in found] == ["a.mp4#t=86399.01,86402", "a.mp4#t=86399.02,86402"]


def test_a_name_may_look_like_a_part(data: Path) -> None:
    (data / "a#t=1.mp4").touch()

    whole, part = parts(data, "a#t=1.mp4,fall,a,0,,\na#t=1.mp4,sit,a,0,2,3")

    assert whole.file == part.file == "a#t=1.mp4"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        pytest.param(
            "a.mp4,fall,a,0,one,3",
            "2: start_s 'one': seconds are needed, such as 12.5",
            id="no number",
        ),
        pytest.param(
            "a.mp4,fall,a,0,0:12,3",
            "2: start_s '0:12': seconds are needed, such as 12.5",
            id="minutes",
        ),
        pytest.param(
            "a.mp4,fall,a,0,1,-3",
            "2: end_s '-3': seconds are needed, such as 12.5",
            id="before the video",
        ),
        pytest.param(
            "a.mp4,fall,a,0,3.0,3", "2: end_s '3' is not after start_s '3.0'", id="no duration"
        ),
        pytest.param(
            "a.mp4,fall,a,0,,0", "2: end_s '0' is not after start_s '0'", id="ends at the start"
        ),
        pytest.param(
            "a.mp4,fall,a,0,1,3\na.mp4,sit,a,0,1.0,3.00",
            "3: a.mp4#t=1,3 is also on line 2",
            id="part twice",
        ),
        pytest.param(
            "a.mp4,fall,a,0,1,3\na.mp4,sit,b,1,4,6",
            "3: a.mp4 is in group b and, on line 2, in group a; all parts of a file belong to one "
            "group",
            id="file in two groups",
        ),
        pytest.param(
            "a.mp4,fall,a,0,1,3\na.mp4,sit,a,1,4,6",
            "3: group a is in fold 1 and, on line 2, in fold 0; a group belongs to one fold",
            id="file in two folds",
        ),
    ],
)
def test_a_wrong_part_is_an_error_that_names_the_line(data: Path, rows: str, message: str) -> None:
    with pytest.raises(DataError) as error:
        parts(data, rows)

    assert str(error.value) == f"{data / 'clips.csv'}:{message}"


def test_clips_are_cut_round_an_event_before_it_and_after_it(data: Path) -> None:
    # Every window of 2 s that begins between 9.2 and 10.3 s shows all but 0.3 s of the event.
    assert cut(data, "a.mp4,fall,a,0,10,11.5") == [
        ("sit", 0.0, 7.0),
        ("sit", 7.0, 10.0),
        ("fall", 9.2, 12.3),
        ("sit", 11.5, math.inf),
    ]


def test_windows_of_another_length_are_cut_for(data: Path) -> None:
    (data / "videos.csv").write_text(f"{HEADER}c.mp4,sit,c,1,,\na.mp4,fall,a,0,10,11.5\n")

    found = {clip.path for clip in listed_events(data, 4.0)}

    assert found == {"c.mp4", "a.mp4#t=0,4", "a.mp4#t=4,10", "a.mp4#t=7.2,14.3", "a.mp4#t=11.5"}


@pytest.mark.parametrize(
    ("events", "found"),
    [
        pytest.param(
            ["a.mp4,fall,a,0,0,1"], [("fall", 0.0, 2.3), ("sit", 1.0, math.inf)], id="at time 0"
        ),
        pytest.param(
            ["a.mp4,fall,a,0,1.9,2.5"],
            [("fall", 0.2, 4.2), ("sit", 2.5, math.inf)],
            id="too early for a clip before it",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,2,2.5"],
            [("sit", 0.0, 2.0), ("fall", 0.2, 4.3), ("sit", 2.5, math.inf)],
            id="just late enough for a clip before it",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,4.9,5.5"],
            [("sit", 1.9, 4.9), ("fall", 3.2, 7.2), ("sit", 5.5, math.inf)],
            id="less than a window before the clip before it",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,10,12.6"],
            [("sit", 0.0, 7.0), ("sit", 7.0, 10.0), ("fall", 10.3, 12.3), ("sit", 12.6, math.inf)],
            id="as long as a window can show",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,10,15"],
            [("sit", 0.0, 7.0), ("sit", 7.0, 10.0), ("fall", 10.0, 15.0), ("sit", 15.0, math.inf)],
            id="longer than a window",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,10,"],
            [("sit", 0.0, 7.0), ("sit", 7.0, 10.0), ("fall", 10.0, math.inf)],
            id="to the end",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,,5"], [("fall", 0.0, 5.0), ("sit", 5.0, math.inf)], id="from the start"
        ),
        pytest.param(
            ["a.mp4,fall,a,0,8,9", "a.mp4,fall,a,0,3,4", "a.mp4,fall,a,0,5,6"],
            [
                ("sit", 0.0, 3.0),
                ("fall", 1.7, 5.3),
                ("fall", 3.7, 7.3),
                ("sit", 6.0, 8.0),
                ("fall", 6.7, 10.3),
                ("sit", 9.0, math.inf),
            ],
            id="several, in any order",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,3,5", "a.mp4,fall,a,0,4,4.5", "a.mp4,fall,a,0,4.8,6"],
            [("sit", 0.0, 3.0), ("fall", 3.0, 6.0), ("sit", 6.0, math.inf)],
            id="that overlap",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,0,0.1", "a.mp4,fall,a,0,0.05,0.2"],
            [("fall", 0.0, 2.3), ("sit", 0.2, math.inf)],
            id="that overlap at time 0",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,3,4", "a.mp4,jump,a,0,4,5"],
            [("sit", 0.0, 3.0), ("fall", 1.7, 4.3), ("jump", 3.7, 6.3), ("sit", 5.0, math.inf)],
            id="of two labels, one after the other",
        ),
        pytest.param(
            ["a.mp4,fall,a,0,3,4", "a.mp4,jump,a,0,4,5", "a.mp4,fall,a,0,5,6"],
            [
                ("sit", 0.0, 3.0),
                ("fall", 1.7, 4.3),
                ("jump", 4.0, 5.0),
                ("fall", 4.7, 7.3),
                ("sit", 6.0, math.inf),
            ],
            id="of two labels, one between the others",
        ),
    ],
)
def test_events_are_cut(
    data: Path, events: list[str], found: list[tuple[str, float, float]]
) -> None:
    assert cut(data, *events) == found


def test_cuts_keep_the_group_and_fold_of_their_video(data: Path) -> None:
    (data / "videos.csv").write_text(f"{HEADER}c.mp4,sit,c,1,,\na.mp4,fall,a,-1,10,11\n")

    found = {(clip.file, clip.group, clip.fold) for clip in listed_events(data, SPAN_S)}

    assert found == {("a.mp4", "a", -1), ("c.mp4", "c", 1)}


def test_a_row_without_times_may_name_what_is_seen_beside_the_events(data: Path) -> None:
    rows = "a.mp4,sit,a,0,,\na.mp4,fall,a,0,5,6\nb.mp4,fall,b,1,5,6\n"
    (data / "videos.csv").write_text(HEADER + rows)

    found = listed_events(data, SPAN_S)

    assert Counter(clip.file for clip in found) == {"a.mp4": 4, "b.mp4": 4}
    assert all(clip.is_part for clip in found)
    assert {clip.label for clip in found if clip.start_s == 6} == {"sit"}


def test_videos_are_listed_as_they_were_filmed(data: Path) -> None:
    rows = "c.mp4,sit,c,1,,\na.mp4,fall,a,0,8,9\na.mp4,fall,a,0,3,5\na.mp4,fall,a,0,4,6\n"
    (data / "videos.csv").write_text(HEADER + rows)

    calm, busy = listed_videos(data)

    assert (calm.whole, calm.events) == (Clip("c.mp4", "sit", "c", 1), ())
    assert busy.whole == Clip("a.mp4", "sit", "a", 0)
    assert [(event.label, event.start_s, event.end_s) for event in busy.events] == [
        ("fall", 3.0, 6.0),
        ("fall", 8.0, 9.0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "path,label,group,fold\na.mp4,fall,a,0\n",
            ":1: no column start_s; columns needed: path, label, group, fold, start_s, end_s",
            id="no times",
        ),
        pytest.param(
            f"{HEADER}a.mp4,fall,a,0,1,2\n",
            ": rows without start_s and end_s say what is seen apart from the events: one label is "
            "needed, found none",
            id="nothing beside the events",
        ),
        pytest.param(
            f"{HEADER}a.mp4,fall,a,0,1,2\nb.mp4,sit,b,0,,\nc.mp4,fall,c,0,,\n",
            ": rows without start_s and end_s say what is seen apart from the events: one label is "
            "needed, found fall, sit",
            id="two labels beside the events",
        ),
        pytest.param(
            f"{HEADER}b.mp4,sit,b,0,,\na.mp4,fall,a,0,3,6\na.mp4,jump,a,0,2,4\n",
            ":3: a.mp4#t=3,6 is fall and overlaps a.mp4#t=2,4, which is jump; events of two labels "
            "may not overlap",
            id="events of two labels overlap",
        ),
        pytest.param(
            f"{HEADER}b.mp4,sit,b,0,,\na.mp4,fall,a,0,3,6\na.mp4,fall,a,0,3.0,6\n",
            ":4: a.mp4#t=3,6 is also on line 3",
            id="event twice",
        ),
        pytest.param(
            f"{HEADER}b.mp4,sit,b,0,,\nb.mp4,sit,b,0,,\n",
            ":3: b.mp4 is also on line 2",
            id="video twice",
        ),
    ],
)
def test_a_wrong_table_of_videos_is_an_error(data: Path, text: str, message: str) -> None:
    (data / "videos.csv").write_text(text)

    with pytest.raises(DataError) as error:
        find_clips(data)

    assert str(error.value) == f"{data / 'videos.csv'}{message}"


def test_a_table_of_clips_goes_before_one_of_videos_and_it_is_said(
    data: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (data / "videos.csv").write_text("no table")
    (data / "clips.csv").write_text("path,label,group,fold\na.mp4,fall,a,0\nb.mp4,sit,b,1\n")

    with caplog.at_level(logging.WARNING):
        found = find_clips(data)

    assert len(found.clips) == 2
    assert caplog.messages == [f"{data}: the clips are those of clips.csv, not of videos.csv"]


def test_le2i_is_cut_into_falls_and_daily_life(shared_data: Path) -> None:
    found = find_clips(shared_data / "le2i")

    assert len({clip.file for clip in found.clips}) == 129
    falls = [clip for clip in found.clips if clip.label == "fall"]
    assert Counter(clip.fold for clip in falls) == {0: 47, 1: 14, 2: 30, 3: 7}
    daily = [clip for clip in found.clips if clip.label == "daily"]
    assert sum(not clip.is_part for clip in daily) == 31
    assert sum(math.isinf(clip.end_s) for clip in daily if clip.is_part) == len(falls)
    # One after each fall, one before it from 2 s on, two from 5 s on; and the videos without.
    assert Counter(clip.fold for clip in daily) == {0: 115, 1: 48, 2: 87, 3: 43}
