"""Which evidence is deleted, and when."""

import os
import time
from pathlib import Path

from monitor.evidence.retention import delete_old_evidence


def clips(folder: Path, *ages_days: float) -> list[Path]:
    """Clips of a MiB each."""
    found = []
    for number, age in enumerate(ages_days):
        path = folder / f"2026-01-{number + 1:02}" / "door" / f"{number}.mp4"
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(1 << 20))
        changed_s = time.time() - age * 86_400
        os.utime(path, (changed_s, changed_s))
        found.append(path)
    return found


def test_old_evidence_is_deleted_and_its_folders_with_it(tmp_path: Path) -> None:
    old, older, new = clips(tmp_path, 31, 40, 29)
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30) == 2
    assert [path.exists() for path in (old, older, new)] == [False, False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["2026-01-03"]


def test_the_oldest_are_deleted_until_the_rest_fits(tmp_path: Path) -> None:
    paths = clips(tmp_path, 1, 5, 3, 2)
    assert delete_old_evidence(tmp_path, max_gib=2.5 / 1024, keep_days=30) == 2
    assert [path.exists() for path in paths] == [True, False, False, True]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_bytes(bytes(1 << 20))
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
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30) == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_marked_is_never_deleted(tmp_path: Path) -> None:
    marked, other = clips(tmp_path, 400, 31)
    marked.with_suffix(".keep").touch()
    os.utime(marked.with_suffix(".keep"), (0, 0))
    assert delete_old_evidence(tmp_path, max_gib=0.0001, keep_days=30) == 1
    assert (marked.exists(), other.exists()) == (True, False)


def test_evidence_gives_way_to_the_room_that_is_to_stay_free(tmp_path: Path) -> None:
    paths = clips(tmp_path, 3, 2)
    assert delete_old_evidence(tmp_path, max_gib=1, keep_days=30, min_free_gib=1e6) == 2
    assert not any(path.exists() for path in paths)
