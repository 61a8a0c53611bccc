"""What planned streams show, and when."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.errors import DataError
from train.data.footage import Footage
from train.evaluate.event_match import Event
from train.evaluate.streams import (
    GAP_S,
    ClipInsert,
    StreamPlan,
    deal_footage,
    plan_footage,
    plan_streams,
    plan_videos,
)

FOOTAGE = [
    Footage(Path("yard.mp4"), "yard.mp4", 100.0),
    Footage(Path("hall.mp4"), "hall.mp4", 16.0),
]


def insert(
    number: int, label: str = "fight", group: str = "a", size: tuple[int, int] = (640, 360)
) -> ClipInsert:
    return ClipInsert(Path(f"{number}.mp4"), f"{number}.mp4", label, group, size, 2.0 + number / 10)


def plan(
    clips: list[ClipInsert], footage: list[Footage] = FOOTAGE, seed: int = 1
) -> list[StreamPlan]:
    return list(plan_streams(clips, footage, seed))


def test_footage_and_clips_alternate_without_a_pause() -> None:
    (stream,) = plan([insert(number) for number in range(4)])

    assert [segment.label for segment in stream.segments] == [None, *["fight", None] * 4]
    assert stream.segments[0].start_s == 0
    assert all(one.end_s == other.start_s for one, other in pairwise(stream.segments))
    assert stream.duration_s == stream.segments[-1].end_s


def test_each_clip_is_shown_once_and_completely_in_random_order() -> None:
    clips = [insert(number) for number in range(8)]

    (stream,) = plan(clips)

    shown = [segment.name for segment in stream.clips]
    assert sorted(shown) == [clip.name for clip in clips]
    assert shown != sorted(shown)
    for segment in stream.clips:
        (clip,) = (clip for clip in clips if clip.name == segment.name)
        assert segment.offset_s == 0
        assert segment.end_s - segment.start_s == pytest.approx(clip.duration_s)


def test_a_clip_that_is_a_part_of_a_video_begins_there_in_its_file() -> None:
    (stream,) = plan([replace(insert(1), offset_s=12.5)])

    assert [segment.offset_s for segment in stream.clips] == [12.5]
    assert [segment.end_s - segment.start_s for segment in stream.clips] == pytest.approx([2.1])


def test_films_are_dealt_to_parts_that_share_none_and_each_kind_is_in_each_part() -> None:
    films = [
        Footage(Path(name), name, seconds)
        for kind in ("cars", "street")
        for name, seconds in [(f"{kind}/{number}.mp4", 10.0 * number) for number in range(1, 7)]
    ]

    parts = deal_footage(films, 3)

    assert parts is not None
    names = [{film.name for film in part} for part in parts]
    assert set.union(*names) == {film.name for film in films}
    assert sum(map(len, names)) == len(films)
    for part in parts:
        assert sorted(film.name.split("/")[0] for film in part) == ["cars"] * 2 + ["street"] * 2
    lengths = [sum(film.duration_s for film in part) for part in parts]
    assert max(lengths) - min(lengths) <= 40


def test_a_film_that_was_trained_on_goes_to_the_part_that_has_not_seen_it(tmp_path: Path) -> None:
    names = [f"{number}.mp4" for number in range(9)]
    films = [Footage(tmp_path / "linked" / name, name, 20.0) for name in names]
    (tmp_path / "films").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "films")
    trained = {tmp_path / "films" / name: 2 for name in names[:4]}

    parts = deal_footage(films, 3, trained)

    assert parts is not None
    found = [{film.name for film in part} for part in parts]
    assert set(names[:4]) <= found[2]
    assert sorted(map(len, found)) == [1, 2, 6], "there and back again"
    assert set.union(*found) == set(names)


@pytest.mark.parametrize("count", [1, 3])
def test_footage_is_not_dealt_if_a_part_would_have_no_film_that_is_long_enough(count: int) -> None:
    assert deal_footage(FOOTAGE, count) is None


def test_the_kind_of_footage_is_its_first_folder() -> None:
    (nested,) = plan_footage([Footage(Path("a.mp4"), "cars/night/a.mp4", 20.0)])
    (flat,) = plan_footage([Footage(Path("a.mp4"), "a.mp4", 20.0)])

    assert nested.segments[0].kind == "cars"
    assert flat.segments[0].kind is None
    assert plan([insert(0)])[0].clips[0].kind is None


def test_a_video_has_the_events_that_were_filmed() -> None:
    film = Footage(Path("a.mp4"), "hall/a.mp4", 20.0)
    events = [Event("fall", 5.0, 6.0), Event("wave", 9.0, 10.0)]

    (stream,) = plan_videos([(film, events)])

    assert stream.events(["fall"]) == (events[0],)
    assert (stream.duration_s, stream.clips) == (20.0, ())


def test_gaps_are_segments_from_anywhere_in_the_footage() -> None:
    (stream,) = plan([insert(number) for number in range(40)])

    gaps = [segment for segment in stream.segments if segment.label is None]
    lengths = [gap.end_s - gap.start_s for gap in gaps]
    assert GAP_S[0] <= min(lengths) < 11 < 15 < max(lengths) <= GAP_S[1]
    assert {gap.name for gap in gaps} == {"yard.mp4", "hall.mp4"}
    for gap in gaps:
        film = next(film for film in FOOTAGE if film.name == gap.name)
        assert 0 <= gap.offset_s <= gap.offset_s + gap.end_s - gap.start_s <= film.duration_s + 1e-9
    assert max(gap.offset_s for gap in gaps) > 60


def test_each_group_and_each_frame_size_has_a_stream_of_its_own() -> None:
    clips = [insert(1), insert(2, group="b"), insert(3, group="b", size=(320, 240))]

    streams = plan(clips)

    assert [(stream.name, stream.size) for stream in streams] == [
        ("a", (640, 360)), ("b 320x240", (320, 240)), ("b 640x360", (640, 360)),
    ]  # fmt: skip


def test_a_stream_depends_on_the_seed_and_not_on_other_streams() -> None:
    clips = [insert(number) for number in range(5)]

    (alone,) = plan(clips)
    among_others = plan([*clips, insert(9, group="b")])[0]
    (other_seed,) = plan(clips, seed=2)

    assert alone == among_others
    assert alone != other_seed


def test_events_are_the_clips_whose_labels_alert() -> None:
    (stream,) = plan([insert(1), insert(2, "nofight"), insert(3, "fall")])

    events = stream.events(("fight", "fall"))

    assert {event.label for event in events} == {"fight", "fall"}
    for segment in stream.clips:
        expected = segment.label in ("fight", "fall")
        assert (Event(str(segment.label), segment.start_s, segment.end_s) in events) is expected


def test_the_segment_at_a_time_is_the_one_shown_then() -> None:
    (stream,) = plan([insert(1)])
    first, clip, last = stream.segments

    assert stream.segment_at(0) is first
    assert stream.segment_at(clip.start_s) is clip
    assert stream.segment_at(last.end_s) is last


def test_footage_alone_is_not_scaled_and_holds_no_event() -> None:
    streams = plan_footage(FOOTAGE)

    assert [(s.name, s.size, s.duration_s) for s in streams] == [
        ("yard.mp4", None, 100.0), ("hall.mp4", None, 16.0),
    ]  # fmt: skip
    assert all(not stream.clips for stream in streams)


def test_short_footage_is_not_used_and_only_short_footage_is_an_error() -> None:
    short = [Footage(Path("a.mp4"), "a.mp4", 8.0), Footage(Path("b.mp4"), "b.mp4", 12.5)]

    (stream,) = plan([insert(number) for number in range(9)], [*short, FOOTAGE[0]])
    with pytest.raises(DataError) as caught:
        plan([insert(1)], short)

    assert {segment.name for segment in stream.segments if segment.label is None} == {"yard.mp4"}
    assert str(caught.value) == (
        "b.mp4: 12.5 s, and no footage is longer; at least 16 s in one file are needed"
    )
