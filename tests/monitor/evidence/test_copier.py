"""What is copied to object storage, when, and what happens if that fails.

The storage is a folder here; tests/slow/test_object_storage.py has a server.
"""

import logging
import os
import time
from pathlib import Path

import pytest

from monitor.atomic import replacing
from monitor.evidence import copier as module
from monitor.evidence.copied import all_copied
from monitor.evidence.copier import (
    ALL_S,
    POLL_S,
    QUIET_S,
    RETRY_MAX_S,
    SETTLED_S,
    EvidenceCopier,
)
from monitor.records import CopyStatus
from testkit.fakes import Clock, wait_until

pytestmark = pytest.mark.usefixtures("object_storage")

DAY = "2026-05-04"
WHOLE_S = SETTLED_S + 1  # the age of a clip that grows no more


class Kept:
    """A folder of evidence and one for its copies, and the clocks of a copier."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bucket = folder / "evidence", folder / "bucket"
        self.folder.mkdir()
        self.bucket.mkdir()
        self.clock = Clock(100.0)
        self.began_s = time.time() + 10  # so that what is there has not changed just now
        self.copier = self.started()

    def started(self) -> EvidenceCopier:
        """A copier as after a start."""
        return EvidenceCopier(
            self.folder,
            f"file://{self.bucket}",
            delay_s=0.0,
            clock=self.clock,
            now=lambda: self.began_s + self.clock.now_s - 100.0,
        )

    def write(self, name: str, data: bytes = b"data", age_s: float = 0.0) -> Path:
        """A file of a camera's day, that was written so long ago."""
        path = self.folder / DAY / "front door" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        at_s = self.began_s + self.clock.now_s - 100.0 - age_s
        os.utime(path, (at_s, at_s))
        return path

    def copy(self, name: str) -> Path:
        """Its copy."""
        return self.bucket / DAY / "front door" / name

    @property
    def copies(self) -> dict[str, bytes]:
        """All copies, by name."""
        files = sorted(path for path in self.bucket.rglob("*") if path.is_file())
        return {path.relative_to(self.bucket).as_posix(): path.read_bytes() for path in files}

    def step(self, after_s: float = ALL_S) -> float:
        """What it copies after so long, in which all days are looked at again."""
        self.clock.now_s += after_s
        return self.copier.step()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """An empty one."""
    return Kept(tmp_path)


def test_it_has_the_same_name_there_as_in_the_folder(kept: Kept) -> None:
    kept.write("a.jpg", b"picture")
    kept.write("a.json", b"{}")
    kept.write("a.mp4", b"clip", age_s=WHOLE_S)
    kept.write("b.strip.jpg", b"strip")
    assert kept.step(0) == POLL_S
    there = f"{DAY}/front door"
    assert kept.copies == {
        f"{there}/a.jpg": b"picture",
        f"{there}/a.json": b"{}",
        f"{there}/a.mp4": b"clip",
        f"{there}/b.strip.jpg": b"strip",
    }
    assert kept.copier.status == CopyStatus(waiting=0, copied=4, failed=0)


def test_what_is_no_evidence_of_an_event_is_not_copied(kept: Kept) -> None:
    for name in ("a.keep", "a.h264.mp4", ".a-12.jpg", "note.txt", "a.copied"):
        kept.write(name, age_s=WHOLE_S)
    rolling = kept.folder / "rolling" / "front door" / "20260504T080000.000Z.mp4"
    rolling.parent.mkdir(parents=True)
    rolling.write_bytes(b"segment")
    kept.step(0)
    assert kept.copies == {}


def test_a_clip_that_grows_waits_until_it_is_whole_and_pictures_do_not(kept: Kept) -> None:
    kept.write("a.mp4", b"begun")
    kept.write("a.jpg")
    kept.step(0)
    assert list(kept.copies) == [f"{DAY}/front door/a.jpg"]
    assert kept.copier.status.waiting == 1
    kept.write("a.mp4", b"begun and grown")
    kept.step(SETTLED_S - 1)
    assert list(kept.copies) == [f"{DAY}/front door/a.jpg"]
    kept.step(ALL_S)
    assert kept.copy("a.mp4").read_bytes() == b"begun and grown"
    assert kept.copier.status.waiting == 0


def test_nothing_is_copied_twice_but_what_has_changed(kept: Kept) -> None:
    for name in ("a.jpg", "a.json", "b.jpg"):
        kept.write(name)
    kept.step(0)
    before = {name: kept.copy(name).stat().st_ino for name in ("a.jpg", "a.json", "b.jpg")}
    kept.step()
    kept.copier = kept.started()  # another process goes on
    kept.step()
    assert {name: kept.copy(name).stat().st_ino for name in before} == before
    kept.write("a.jpg", b"a higher score")
    kept.step()
    changed = [name for name in before if kept.copy(name).stat().st_ino != before[name]]
    assert changed == ["a.jpg"]
    assert kept.copy("a.jpg").read_bytes() == b"a higher score"


def test_a_folder_in_which_all_is_quiet_is_left_alone_until_it_changes(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write("a.mp4", age_s=WHOLE_S)
    kept.step(0)
    kept.write("a.mp4", b"grown though nobody thought so")
    kept.step(ALL_S)
    assert kept.copy("a.mp4").read_bytes() == b"grown though nobody thought so"
    kept.step(QUIET_S)
    looked = []
    monkeypatch.setattr(module, "read_note", lambda path: looked.append(path) or {})
    kept.step(ALL_S)
    assert looked == []
    with replacing(kept.folder / DAY / "front door" / "b.jpg") as temporary:
        temporary.write_bytes(b"new")
    kept.step(ALL_S)
    assert kept.copy("b.jpg").read_bytes() == b"new"


def test_one_that_was_killed_goes_on_where_it_was(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def put(self: object, path: Path, name: str) -> None:
        real(self, path, name)  # type: ignore[arg-type]
        put_there.append(path.name)
        if path.name == "b.jpg" and put_there.count("b.jpg") == 1:
            raise Killed

    put_there: list[str] = []
    real = module.ObjectStorage.put
    monkeypatch.setattr(module.ObjectStorage, "put", put)
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        kept.write(name, age_s=10 - number)
    with pytest.raises(Killed):
        kept.step(0)
    kept.copier = kept.started()
    kept.step()
    assert put_there == ["a.jpg", "b.jpg", "b.jpg", "c.jpg"]  # of one it was not known
    assert len(kept.copies) == 3


def test_a_folder_that_is_not_mounted_is_said_once_and_not_made(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.bucket.rmdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        kept.write(name)
    pauses = [kept.step(RETRY_MAX_S) for _ in range(9)]
    assert pauses[0] < pauses[1] < pauses[-1] == RETRY_MAX_S
    assert not kept.bucket.exists()
    text = (
        f"evidence is not copied, and stays in {kept.folder} until it is: "
        f"file://{kept.bucket}: there is no such folder"
    )
    assert caplog.records[0].getMessage() == text
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) < 5
    assert kept.copier.status == CopyStatus(waiting=3, copied=0, failed=18)
    kept.bucket.mkdir()
    kept.step(RETRY_MAX_S)
    assert len(kept.copies) == 3
    assert kept.copier.status.waiting == 0


def test_one_that_is_not_taken_stands_in_no_others_way(kept: Kept) -> None:
    kept.copy("a.jpg").mkdir(parents=True)  # where no file can be put
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        kept.write(name, age_s=10 - number)
    kept.step(0)
    assert [kept.copy(name).is_file() for name in ("a.jpg", "b.jpg", "c.jpg")] == [
        False,
        True,
        True,
    ]
    assert kept.copier.status == CopyStatus(waiting=1, copied=2, failed=1)
    kept.write("d.jpg")
    assert kept.step(0.5) == POLL_S  # it is not tried again at once, and nobody waits for it
    assert kept.copier.status.failed == 1
    kept.copy("a.jpg").rmdir()
    kept.step()
    assert kept.copier.status.waiting == 0


def test_what_is_deleted_meanwhile_is_no_fault(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def put(self: object, path: Path, name: str) -> None:
        path.unlink(missing_ok=True)
        real(self, path, name)  # type: ignore[arg-type]

    real = module.ObjectStorage.put
    monkeypatch.setattr(module.ObjectStorage, "put", put)
    kept.write("a.jpg")
    kept.step(0)
    kept.step()
    assert (kept.copier.status.waiting, kept.copier.status.failed) == (0, 0)
    assert caplog.records == []


def test_what_was_copied_is_known_of_every_file(kept: Kept) -> None:
    files = [kept.write(name, age_s=WHOLE_S) for name in ("a.jpg", "a.json", "a.mp4")]
    note = files[0].with_name("a.copied")
    assert not all_copied(files)
    kept.step(0)
    assert all_copied([*files, note])
    kept.write("a.mp4", b"grown since")
    assert not all_copied([*files, note])
    note.write_text("[1]")
    assert not all_copied([*files, note])


def test_at_its_end_it_copies_what_is_left_and_says_what_is_not(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.write("a.mp4", b"just finished")
    kept.copier.start()
    kept.copier.close()
    kept.copier.close()
    assert kept.copy("a.mp4").read_bytes() == b"just finished"
    assert caplog.records == []
    kept.write("b.mp4")
    kept.copier = kept.started()
    os.rename(kept.bucket, kept.bucket.with_name("away"))
    kept.copier.start()
    kept.copier.close()
    assert caplog.records[-1].getMessage() == (
        f"evidence {kept.folder}: 1 file is not copied yet; it goes on at the next start"
    )


def test_a_folder_that_cannot_be_read_is_said_and_looked_at_again(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.folder.rmdir()
    kept.folder.write_text("no folder")
    kept.copier.start()
    wait_until(lambda: "is not copied: Not a directory" in caplog.text)
    kept.copier.close()


def test_storage_that_does_not_answer_is_said_at_the_start(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.bucket.rmdir()
    kept.copier.start()
    wait_until(lambda: "there is no such folder" in caplog.text)
    kept.copier.close()
