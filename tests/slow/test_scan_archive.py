"""An archive from its files to its tables."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from monitor.config.options import CameraDefaults
from monitor.config.outputs import AlertLogOptions, EvidenceOptions, StoreOptions
from monitor.errors import ConfigError, MonitorError
from monitor.scan import scan as scanning
from monitor.scan.archive import Archive, Outcome, Outputs, scan_archive
from monitor.scan.pool import Pool
from monitor.scan.scan import Progress
from monitor.store.store import EventStore
from testkit import DATA, ROOT
from testkit.scans import dies_at_once, dies_once, encoded

BUS = ROOT / "monitor" / "samples" / "bus.mp4"  # 18.7 s, with a fight


class Runs:
    """Scans of a folder, one after another."""

    def __init__(self, folder: Path) -> None:
        self.films = folder / "films"
        self.films.mkdir()
        self.out = folder / "result.parquet"
        self.scanned: list[str] = []  # each segment, by its file

    def run(self, segment_s: float = 300, workers: int = 1, **outputs: Any) -> Outcome:
        watched = CameraDefaults.model_validate(outputs.pop("watched", {}))
        kept = {"log": None, "store": None, "evidence": None}
        on_progress = outputs.pop("on_progress", lambda progress: None)
        return scan_archive(
            Archive(self.films, watched, None, "cpu"),
            Outputs(self.out, **(kept | outputs)),
            begin=lambda films, model: Pool(workers, model),
            segment_s=segment_s,
            on_progress=on_progress,
        )

    @property
    def windows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.out).to_pylist()
        return rows

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        rows = pq.read_table(self.out.with_name("result.files.parquet")).to_pylist()
        return {Path(row["file"]).name: row for row in rows}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(tmp_path)
    kept = scanning.Scan._end_segment

    def note(self: Any, work: Any, number: int, outcome: Any) -> None:
        made.scanned.append(f"{work.film.path.name} {number}")
        kept(self, work, number, outcome)

    monkeypatch.setattr(scanning.Scan, "_end_segment", note)
    return made


@pytest.mark.expects_errors
def test_every_window_is_in_the_table_and_every_file_is_listed(runs: Runs) -> None:
    shutil.copy(BUS, runs.films / "bus.mp4")
    shutil.copy(DATA / "fight.mp4", runs.films / "fight.mp4")
    (runs.films / "bad.mp4").write_text("no video")
    outcome = runs.run(segment_s=5, workers=2)
    bad = "not a video file that can be read (invalid data found when processing input)"
    assert outcome.failures == (
        f"1 of 3 files could not be scanned: {runs.out.with_name('result.files.parquet')} says why",
    )
    assert {name: row["state"] for name, row in runs.files.items()} == {
        "bad.mp4": "failed",
        "bus.mp4": "scanned",
        "fight.mp4": "scanned",
    }
    assert runs.files["bad.mp4"]["reason"] == f"{runs.films / 'bad.mp4'}: {bad}"
    assert runs.files["bus.mp4"]["seconds"] == pytest.approx(18.6, abs=0.1)
    assert runs.files["bus.mp4"]["activities"] == 1
    bus = [row for row in runs.windows if row["camera"] == "bus"]
    assert len(bus) == runs.files["bus.mp4"]["windows"] == 34
    assert [row["end_s"] for row in bus] == sorted(row["end_s"] for row in bus)
    for row in bus:
        assert row["score_fight"] + row["score_nofight"] == pytest.approx(1, abs=1e-5)
        assert (row["file"], row["region"]) == (str(runs.films / "bus.mp4"), None)
    said = json.loads(pq.read_schema(runs.out).metadata[b"har-scan"])
    assert said["thresholds"] == {"fight": 0.8}
    assert said["labels"] == ["fight", "nofight"]
    assert len(said["model"]) == 64


def test_a_second_run_does_only_what_is_new(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copy(DATA / "fight.mp4", runs.films / "a.mp4")
    runs.run()
    before = runs.windows
    assert runs.scanned == ["a.mp4 0"]
    shutil.copy(DATA / "nofight.mp4", runs.films / "b.mp4")
    runs.run()
    assert runs.scanned == ["a.mp4 0", "b.mp4 0"]
    assert [row for row in runs.windows if row["camera"] == "a"] == before
    shutil.copy(DATA / "nofight.mp4", runs.films / "a.mp4")
    runs.run()
    assert runs.scanned[2:] == ["a.mp4 0"]
    assert "a.mp4: changed since it was scanned: it is scanned again" in caplog.text
    assert len([row for row in runs.windows if row["camera"] == "a"]) != len(before)


def test_a_run_with_other_settings_is_refused(runs: Runs) -> None:
    shutil.copy(DATA / "nofight.mp4", runs.films / "a.mp4")
    runs.run()
    with pytest.raises(ConfigError) as caught:
        runs.run(watched={"windows": {"stride": 3}})
    assert str(caught.value) == (
        f"{runs.out}.parts: was begun with another windows; "
        "give another --out, or delete that folder to begin anew"
    )


def test_a_run_that_ended_within_a_film_goes_on_there(runs: Runs) -> None:
    shutil.copy(BUS, runs.films / "bus.mp4")

    class Killed(Exception):
        pass

    def stop(progress: Progress) -> None:
        if len(runs.scanned) == 2:
            raise Killed

    with pytest.raises(Killed):
        runs.run(segment_s=5, on_progress=stop)
    assert not runs.out.exists()
    runs.run(segment_s=5)
    assert sorted(runs.scanned) == [f"bus.mp4 {number}" for number in range(3)]
    assert len(runs.windows) == 34


def test_a_segment_whose_process_is_killed_is_tried_once_more(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copy(BUS, runs.films / "bus.mp4")
    monkeypatch.setattr(scanning, "scan_segment", dies_once)
    assert runs.run(segment_s=5).failures == ()
    assert "its process was ended by SIGKILL, as where memory runs out: it is tried" in caplog.text
    assert len(runs.windows) == 34


@pytest.mark.expects_errors
def test_a_segment_that_kills_its_process_again_costs_no_other_segment(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(BUS, runs.films / "bus.mp4")
    with monkeypatch.context() as patched:
        patched.setattr(scanning, "scan_segment", dies_at_once)
        assert runs.run(segment_s=5).failures
    row = runs.files["bus.mp4"]
    assert row["state"] == "partial"
    assert row["reason"].endswith("as where memory runs out")
    some = len(runs.windows)
    assert 0 < some < 34
    runs.scanned.clear()
    assert runs.run(segment_s=5).failures == ()
    assert runs.scanned == ["bus.mp4 1"]
    assert runs.files["bus.mp4"]["state"] == "scanned"
    assert len(runs.windows) == 34


def test_a_film_that_cannot_be_parted_is_scanned_in_one_piece(runs: Runs) -> None:
    encoded(
        runs.films / "f.mkv", BUS, "-vf", "scale=160:90", "-preset", "ultrafast",
        "-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=30",
    )  # fmt: skip
    assert runs.run(segment_s=5, watched={"decode": {"idle": False}}).failures == ()
    assert runs.scanned[-1] == "f.mkv 0"
    assert len(runs.windows) == 34


@pytest.fixture
def sinks(tmp_path: Path) -> Callable[[], dict[str, Any]]:
    return lambda: {
        "log": AlertLogOptions(path=tmp_path / "alerts.jsonl"),
        "store": StoreOptions(url=str(tmp_path / "events.sqlite")),
        "evidence": EvidenceOptions(folder=tmp_path / "evidence"),
    }


def test_activities_reach_every_sink_once(
    runs: Runs, sinks: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    shutil.copy(BUS, runs.films / "bus.mp4")
    shutil.copy(DATA / "fight.mp4", runs.films / "fight.mp4")
    runs.run()  # without sinks: they are given what was found by a later run
    for _ in range(2):
        runs.run(segment_s=5, **sinks())
        lines = (tmp_path / "alerts.jsonl").read_text().splitlines()
        alerts = [json.loads(line) for line in lines]
        assert [(one["camera"], one["event"]) for one in alerts] == [
            ("bus", "start"),
            ("bus", "end"),
            ("fight", "start"),
            ("fight", "end"),
        ]
        assert {one["latency_ms"] for one in alerts} == {None}
        store = EventStore(str(tmp_path / "events.sqlite"))
        assert {event.id for event in store.all()} == {one["id"] for one in alerts}
        store.close()
        kept = sorted(path.name for path in tmp_path.glob("evidence/*/*/*"))
        endings = (".jpg", ".json", ".mp4", ".small.jpg", ".strip.jpg")
        ids = sorted({one["id"] for one in alerts})
        assert kept == sorted(id + ending for id in ids for ending in endings)
    assert runs.scanned == ["bus.mp4 0", "fight.mp4 0"]


@pytest.mark.expects_errors
def test_what_a_sink_does_not_take_it_is_given_by_the_next_run(runs: Runs, tmp_path: Path) -> None:
    shutil.copy(DATA / "fight.mp4", runs.films / "fight.mp4")
    place = tmp_path / "store"
    place.write_text("no database, but a file that is long enough to be told from an empty one")
    place.chmod(0o400)
    store = StoreOptions(url=str(place / "events.sqlite"))
    outcome = runs.run(store=store)
    assert len(outcome.failures) == 1
    assert outcome.failures[0].startswith("event store")
    place.unlink()
    place.mkdir()
    assert runs.run(store=store).failures == ()
    kept = EventStore(str(place / "events.sqlite"))
    assert [event.camera for event in kept.all()] == ["fight"]
    kept.close()


def test_nothing_that_is_read_is_overwritten(runs: Runs) -> None:
    shutil.copy(DATA / "nofight.mp4", runs.films / "a.mp4")
    runs.out = runs.films / "a.mp4"
    with pytest.raises(ConfigError, match=r"^--out .*a\.mp4: would overwrite what is read$"):
        runs.run()
    runs.out = runs.films / "none" / "a.parquet"
    with pytest.raises(MonitorError, match=r"a\.parquet: there is no folder .*none$"):
        runs.run()


def test_an_archive_without_films_is_an_error(runs: Runs) -> None:
    with pytest.raises(ConfigError, match=r"films: holds no video files; in a folder: \.3gp, "):
        runs.run()
