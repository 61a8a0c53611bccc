"""Reviewed events as clips to train on."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.errors import ConfigError, DataError
from monitor.evidence.folder import EvidenceFacts, event_files
from monitor.states import EndReason
from monitor.store.event import Review, Verdict
from monitor.store.journal import SpanLine
from monitor.store.store import EventStore
from monitor.store.taught import teach
from testkit.alerts import alert
from testkit.media import make_video
from tests.train.data.test_mixed import clips_at
from train.cli.train import _with_events
from train.data.clips import TRAIN_ONLY
from train.data.mixed import load_data
from train.data.reviewed import EVENT_WEIGHT, reviewed_clips, write_reviewed
from train.recipe.options import DataOptions, Recipe

DAY = datetime(2026, 5, 4, 8, tzinfo=UTC)


def event(
    folder: Path,
    store: EventStore,
    name: str,
    verdict: Verdict | None,
    *,
    clip: bool = True,
    size: tuple[int, int] = (160, 96),
    **changes: object,
) -> None:
    """An event from 12 to 15 s of its camera, whose clip begins at 10 s."""
    start = alert(name, start_s=12.0, time=DAY, start_time=DAY).model_copy(update=changes)
    end = {"event": "end", "end_s": 15.0, "reason": EndReason.SCORE_FELL}
    store.record(start, start.model_copy(update=end))
    if verdict is not None:
        store.review(name, verdict, "ann")
    files = event_files(folder, start.camera, name, start.start_time or start.time)
    files.stem.parent.mkdir(parents=True, exist_ok=True)
    if clip:
        make_video(files.clip, duration_s=8, size=size)
        files.save(EvidenceFacts(clip_begin_s=10.0))


@pytest.fixture
def kept(tmp_path: Path) -> tuple[str, Path]:
    """A store, and its evidence."""
    where, folder = str(tmp_path / "events.sqlite"), tmp_path / "evidence"
    store = EventStore(where)
    event(folder, store, "a", Verdict(review=Review.CONFIRMED))
    event(folder, store, "b", Verdict(review=Review.DISMISSED), camera="yard")
    event(folder, store, "c", Verdict(review=Review.RELABELLED, review_label="hug"))
    event(folder, store, "d", None)
    event(folder, store, "e", Verdict(review=Review.DISMISSED), clip=False)
    event(folder, store, "f", Verdict(review=Review.DISMISSED), region="till")
    later = DAY + timedelta(days=1)
    event(folder, store, "g", Verdict(review=Review.DISMISSED), start_time=later)
    store.close()
    return where, folder


def write(
    kept: tuple[str, Path],
    table: Path,
    known: tuple[str, ...] = (),
    background: str = "nofight",
) -> int:
    """How many events the table has."""
    clips = reviewed_clips(*kept)
    write_reviewed(clips, kept[1], table, background, 2.0, known)
    return len(clips)


def rows(table: Path) -> dict[str, dict[str, str]]:
    with table.open(newline="") as file:
        return {Path(row["path"]).stem: row for row in csv.DictReader(file)}


def test_each_reviewed_event_is_the_part_of_its_clip_that_it_lasted(
    kept: tuple[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "events.csv"

    assert write(kept, table) == 4

    found = rows(table)
    assert {name: row["label"] for name, row in found.items()} == {
        "a": "fight", "b": "nofight", "c": "hug", "g": "nofight",
    }  # fmt: skip
    assert (found["a"]["start_s"], found["a"]["end_s"]) == ("2.00", "5.00")
    assert found["a"]["path"] == "2026-05-04/door/a.mp4"
    assert "1 reviewed events are left out: they have no clip" in caplog.text
    assert "1 reviewed events are left out: the model saw a region" in caplog.text


def test_a_cameras_day_is_one_group(kept: tuple[str, Path], tmp_path: Path) -> None:
    store = EventStore(kept[0])
    later = DAY + timedelta(days=2)
    event(kept[1], store, "h", Verdict(review=Review.CONFIRMED), start_time=later)
    hug = Verdict(review=Review.RELABELLED, review_label="hug")
    event(kept[1], store, "i", hug, start_time=later + timedelta(hours=3))
    store.close()
    table = tmp_path / "events.csv"
    write(kept, table)
    found = rows(table)
    assert found["a"]["group"] == found["c"]["group"] == "door 2026-05-04"
    assert found["h"]["group"] == found["i"]["group"] == "door 2026-05-06"
    assert {found["b"]["group"], found["g"]["group"]} == {"yard 2026-05-04", "door 2026-05-05"}
    assert found["a"]["fold"] == found["c"]["fold"] != found["h"]["fold"] == found["i"]["fold"]


def taught(folder: Path, store: EventStore, name: str, at_s: float, label: str | None) -> None:
    """A span of a second in a clip that shows three seconds before and after it."""
    start = DAY + timedelta(seconds=at_s)
    line = SpanLine(
        id=name, time=start, by="ann", camera="door", label=label,
        start_time=start, end_time=start + timedelta(seconds=1),
    )  # fmt: skip
    teach(store, line)
    files = event_files(folder, "door", name, start)
    files.stem.parent.mkdir(parents=True, exist_ok=True)
    make_video(files.clip, duration_s=7)
    files.save(EvidenceFacts(clip_begin_s=-3.0))


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(review=Review.CONFIRMED),
        Verdict(review=Review.RELABELLED, review_label="nothing"),
    ],
)
def test_nothing_is_no_activity_whatever_is_said_of_it(tmp_path: Path, verdict: Verdict) -> None:
    store = EventStore(str(tmp_path / "events.sqlite"))
    taught(tmp_path / "evidence", store, "s1", 0, None)
    store.review("s1", verdict, "ann")
    store.close()
    (clip,) = reviewed_clips(str(tmp_path / "events.sqlite"), tmp_path / "evidence")
    assert clip.label is None


def test_spans_of_one_day_are_grouped_with_their_neighbours_and_dealt_evenly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where, folder, table = str(tmp_path / "e.sqlite"), tmp_path / "evidence", tmp_path / "t.csv"
    store = EventStore(where)
    for number in range(5):
        taught(folder, store, f"act{number}", 600 * number, "parcel thrown")
        taught(folder, store, f"near{number}", 600 * number + 30, None)
        taught(folder, store, f"far{number}", 600 * number + 300, None)
    store.close()

    assert write((where, folder), table, background="nothing") == 15

    found = rows(table)
    for number in range(5):
        act, near, far = (found[f"{name}{number}"] for name in ("act", "near", "far"))
        assert (act["label"], near["label"]) == ("parcel thrown", "nothing")
        assert act["group"] == near["group"] != far["group"]
        assert (act["start_s"], act["end_s"]) == ("2.50", "4.50"), "as long as a window"
    for fold in map(str, range(5)):
        labels = sorted(row["label"] for row in found.values() if row["fold"] == fold)
        assert labels == ["nothing", "nothing", "parcel thrown"]
    assert "a label was seen on one day alone" in caplog.text


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("hug", "every reviewed event is hug: events of nothing are needed, too: dismiss some, or"),
        (None, "every reviewed event is nothing: confirm some, or teach an activity"),
    ],
)
def test_there_must_be_something_to_tell_it_from(
    tmp_path: Path, label: str | None, said: str
) -> None:
    where, folder = str(tmp_path / "e.sqlite"), tmp_path / "evidence"
    store = EventStore(where)
    taught(folder, store, "a", 0, label)
    store.close()
    with pytest.raises(DataError, match=said):
        write((where, folder), tmp_path / "t.csv", background="nothing")


def test_beside_other_data_they_are_trained_on_alone_with_the_labels_there(
    kept: tuple[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = tmp_path / "events.csv"
    write(kept, table, ("fight", "nofight"))
    found = rows(table)
    assert found["c"]["label"] == "nofight"
    assert {row["fold"] for row in found.values()} == {str(TRAIN_ONLY)}
    assert "1 events of hug are nofight: no other data has it" in caplog.text


def test_a_span_of_time_holds_events_back_for_a_test(kept: tuple[str, Path]) -> None:
    midnight = DAY.replace(hour=0) + timedelta(days=1)
    assert {clip.event.id for clip in reviewed_clips(*kept, until=midnight)} == {"a", "b", "c"}
    assert {clip.event.id for clip in reviewed_clips(*kept, since=midnight)} == {"g"}


def test_har_train_reads_the_table(kept: tuple[str, Path], tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    write(kept, table)
    dataset = load_data([DataOptions(path=kept[1], clips=table)], (), 2.0)
    assert dataset.labels == ("fight", "hug", "nofight")
    assert min(clip.path for clip in dataset.clips) == "2026-05-04/door/a.mp4#t=2,5"


def test_other_data_is_read_and_warned_about_once(
    kept: tuple[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blows = DataOptions(path=clips_at(tmp_path / "ut", "kick", "hug"), labels={"kick": "fight"})
    calm = DataOptions(path=clips_at(tmp_path / "street", "nofight", "fall"), weight=3)
    labels = ("fight", "nofight")
    recipe = Recipe(data=(blows, calm), labels=labels, background=("nofight",))
    made, dataset = _with_events(recipe, kept[0], None, None, tmp_path / "out")

    assert [one.path.name for one in made.data] == ["ut", "street", "evidence"]
    assert (made.data[2].weight, made.data[2].own) == (EVENT_WEIGHT, True)
    assert [line for line in caplog.messages if line.startswith("ut: clips whose label")] == [
        "ut: clips whose label is not mapped are left out: hug 2"
    ]
    assert dataset == load_data(made.data, labels, recipe.spec.span_s)
    assert {clip.label for clip in dataset.clips if clip.dataset == "evidence"} == set(labels)


def test_a_store_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    where = tmp_path / "event.sqlite"
    with pytest.raises(ConfigError, match=r"event\.sqlite: no such file"):
        reviewed_clips(str(where), tmp_path)
    assert not where.exists()


def test_without_a_review_there_is_nothing_to_learn(tmp_path: Path) -> None:
    EventStore(str(tmp_path / "events.sqlite")).close()
    with pytest.raises(DataError, match="no reviewed event with a clip; review some on the page"):
        reviewed_clips(str(tmp_path / "events.sqlite"), tmp_path)
