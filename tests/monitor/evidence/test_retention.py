"""Which evidence is deleted, and when."""

import os
import time
from pathlib import Path

import pytest

from monitor.config.outputs import EvidenceOptions
from monitor.errors import SinkError
from monitor.evidence import retention
from monitor.evidence.copied import sign_of, write_note
from monitor.evidence.retention import Retention, delete_old_evidence

MIB = 1 << 20


def clips(folder: Path, *ages_days: float) -> list[Path]:
    """Clips of a MiB each."""
    found = []
    for number, age in enumerate(ages_days):
        path = folder / f"2026-01-{number + 1:02}" / "door" / f"{number}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(MIB))
        changed_s = time.time() - age * 86_400
        os.utime(path, (changed_s, changed_s))
        found.append(path)
    return found


def test_old_evidence_is_deleted_and_its_folders_with_it(tmp_path: Path) -> None:
    old, older, new = clips(tmp_path, 31, 40, 29)
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30) == MIB
    assert [path.exists() for path in (old, older, new)] == [False, False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["2026-01-03"]


def test_the_oldest_are_deleted_until_the_rest_fits(tmp_path: Path) -> None:
    paths = clips(tmp_path, 1, 5, 3, 2)
    assert delete_old_evidence(tmp_path, max_gib=2.5 / 1024, keep_days=30) == 2 * MIB
    assert [path.exists() for path in paths] == [True, False, False, True]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_bytes(bytes(MIB))
    (tmp_path / "2026-01-01" / "door").mkdir(parents=True)
    (tmp_path / "2026-01-01" / "door" / "note.txt").touch()
    assert delete_old_evidence(tmp_path, max_gib=0.0001, keep_days=0.0001) == 0
    assert (tmp_path / "notes.mp4").exists()


def test_all_files_of_an_event_go_together(tmp_path: Path) -> None:
    (old,) = clips(tmp_path, 31)
    for ending in (".jpg", ".strip.jpg", ".json"):
        path = old.with_name("0" + ending)
        path.write_bytes(b"x")
        os.utime(path, (old.stat().st_mtime, old.stat().st_mtime))
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_is_marked_is_never_deleted(tmp_path: Path) -> None:
    marked, other = clips(tmp_path, 400, 31)
    marked.with_suffix(".keep").touch()
    os.utime(marked.with_suffix(".keep"), (0, 0))
    assert delete_old_evidence(tmp_path, max_gib=0.0001, keep_days=30) == MIB
    assert (marked.exists(), other.exists()) == (True, False)


class Looks:
    """Counts how often all files are looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0

        def look(*given: float) -> int:
            self.count += 1
            return delete_old_evidence(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(retention, "delete_old_evidence", look)


def kept(folder: Path, max_mib: float, **changes: float) -> Retention:
    values = {"folder": folder, "max_gib": max_mib / 1024} | changes
    made = Retention(EvidenceOptions.model_validate(values), time.monotonic)
    made.tidy()
    return made


def write(keeping: Retention, path: Path, size: int) -> None:
    with keeping.room_for(path):
        path.write_bytes(bytes(size))


def test_new_evidence_is_added_up_without_a_look_at_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, older = clips(tmp_path, 1, 2)
    looks = Looks(monkeypatch)
    keeping = kept(tmp_path, max_mib=4.5)
    folder = tmp_path / "2026-05-04" / "door"
    for ending in (".mp4", ".jpg", ".json"):
        write(keeping, folder / f"new{ending}", MIB)
    assert (looks.count, older.exists()) == (1, True), "the last one is too much"
    write(keeping, folder / "next.jpg", 10)
    assert (looks.count, older.exists(), old.exists()) == (2, False, True)
    write(keeping, folder / "next.jpg", 20)
    assert looks.count == 2


def test_a_clip_that_grows_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (old,) = clips(tmp_path, 1)
    looks = Looks(monkeypatch)
    keeping = kept(tmp_path, max_mib=2.5)
    clip = tmp_path / "2026-05-04" / "door" / "new.mp4"
    write(keeping, clip, 100)
    for _ in range(2):
        with keeping.counted(clip), clip.open("ab") as file:
            file.write(bytes(MIB))
    write(keeping, clip.with_suffix(".json"), 10)
    assert (looks.count, old.exists(), clip.exists()) == (2, False, True)


def test_what_failed_to_be_written_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(monkeypatch)
    keeping = kept(tmp_path, max_mib=0.5)
    path = tmp_path / "2026-05-04" / "door" / "a.mp4"

    def fail() -> None:
        with keeping.room_for(path):
            path.write_bytes(bytes(MIB))
            path.unlink()
            raise SinkError("no codec")

    for _ in range(3):
        with pytest.raises(SinkError, match="no codec"):
            fail()
    assert looks.count == 1


def test_a_folder_that_somebody_deleted_is_made_again(tmp_path: Path) -> None:
    keeping = kept(tmp_path / "kept", max_mib=1)
    path = tmp_path / "kept" / "2026-05-04" / "door" / "a.jpg"
    for _ in range(2):
        write(keeping, path, 10)
        path.unlink()
        for folder in path.parents[:3]:
            folder.rmdir()


def test_evidence_gives_way_to_the_room_that_is_to_stay_free(tmp_path: Path) -> None:
    paths = clips(tmp_path, 3, 2)
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30, min_free_gib=1e6) == 0
    assert not any(path.exists() for path in paths)


def test_what_a_kill_left_half_written_goes_with_its_event(tmp_path: Path) -> None:
    old, new = clips(tmp_path, 31, 1)
    left = [one.with_name(f".{one.stem}.h264-0f.mp4") for one in (old, new)]
    for path, clip in zip(left, (old, new), strict=True):
        path.write_bytes(b"x")
        os.utime(path, (clip.stat().st_mtime, clip.stat().st_mtime))
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30) == (1 << 20) + 1
    assert [path.exists() for path in (old, new, *left)] == [False, True, False, True]


def test_while_another_may_write_nothing_is_begun_or_deleted(tmp_path: Path) -> None:
    (old,) = clips(tmp_path, 31)
    ours = False
    kept = Retention(EvidenceOptions(folder=tmp_path), time.monotonic, may_write=lambda: ours)
    kept.tidy()
    with pytest.raises(SinkError, match="another process may watch"), kept.room_for(old):
        pass
    assert old.exists()
    ours = True
    kept.tidy()
    assert not old.exists()


def copied(*clips: Path) -> None:
    """Note that clips are in object storage as they are."""
    for clip in clips:
        write_note(clip.with_suffix(".copied"), {clip.name: sign_of(clip.stat())})


def test_what_was_not_copied_yet_stays_though_it_is_old_or_too_much(tmp_path: Path) -> None:
    paths = clips(tmp_path, 40, 5, 3, 2)
    copied(*paths[1:3])
    left = delete_old_evidence(tmp_path, max_gib=0.5 / 1024, keep_days=30, only_copied=True)
    assert [path.exists() for path in paths] == [True, False, False, True]
    assert left == 2 * MIB
    assert list(tmp_path.glob("*/*/*.copied")) == []
    copied(paths[0])
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30, only_copied=True) == MIB


def test_one_that_has_grown_since_it_was_copied_stays(tmp_path: Path) -> None:
    (path,) = clips(tmp_path, 40)
    copied(path)
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, (0, 0))
    delete_old_evidence(tmp_path, max_gib=1, keep_days=30, only_copied=True)
    assert path.exists()


def test_a_note_makes_an_event_no_younger(tmp_path: Path) -> None:
    (path,) = clips(tmp_path, 31)
    copied(path)
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30, only_copied=True) == 0
    assert list(tmp_path.iterdir()) == []


def test_on_a_full_disk_the_oldest_goes_though_it_was_not_copied_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    paths = clips(tmp_path, 5, 3, 2)
    marked = paths[0].with_suffix(".keep")
    marked.touch()
    copied(paths[2])
    # A disk of 3 MiB, on which no more than 1 MiB is to lie.
    monkeypatch.setattr(
        retention,
        "free_bytes",
        lambda folder: 3 * MIB - sum(path.stat().st_size for path in folder.rglob("*.mp4")),
    )
    options = EvidenceOptions(
        folder=tmp_path, copy_to="s3://bucket", max_gib=1, min_free_gib=2 / 1024
    )
    kept = Retention(options, lambda: 0.0)
    kept.tidy()
    assert [path.exists() for path in paths] == [True, False, False]
    assert [one.getMessage() for one in caplog.records] == [
        f"evidence {tmp_path}: that of 1 event was deleted before it was copied to s3://bucket: "
        "else less than 0.00195312 GiB of the disk were free (min_free_gib)"
    ]
    assert kept.used_bytes == MIB


def test_what_may_not_be_deleted_is_not_looked_through_for_every_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(monkeypatch)
    clips(tmp_path, 3, 2)
    options = EvidenceOptions(
        folder=tmp_path, copy_to="s3://bucket", max_gib=1 / 1024, min_free_gib=0
    )
    kept = Retention(options, lambda: 0.0)
    kept.tidy()
    for number in range(20):
        path = tmp_path / "2026-02-01" / "door" / f"{number}.jpg"
        with kept.room_for(path):
            path.write_bytes(bytes(MIB // 100))
    assert looks.count < 12
    assert all(path.exists() for path in tmp_path.glob("*/*/*.mp4"))
