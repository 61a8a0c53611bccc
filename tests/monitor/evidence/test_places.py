"""Where the files of an event are found."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.errors import MonitorError
from monitor.evidence.folder import EvidenceFacts, event_files
from monitor.evidence.object_storage import StorageError
from monitor.evidence.places import PART_BYTES, EventKey, EvidenceFinder, RemoteFile
from monitor.evidence.stored_evidence import FRESH_S, REST_S, StoredEvidence
from testkit.fakes import Clock

pytestmark = pytest.mark.usefixtures("object_storage")


@dataclass(frozen=True)
class Event:
    """What of an event says where its files are."""

    id: str = "a"
    camera: str = "front door"
    at: datetime = datetime(2026, 5, 4, 8, tzinfo=UTC)
    shard: str | None = "1/3"


@dataclass
class Place:
    """A place with files by name, that may be out of order."""

    files: dict[str, bytes] = field(default_factory=dict)
    fault: str = ""

    def names(self, event: EventKey) -> Collection[str]:
        return () if self.fault else self.files

    def find(self, event: EventKey, name: str) -> RemoteFile | None:
        if self.fault:
            raise MonitorError(self.fault)
        data = self.files.get(name)
        return None if data is None else RemoteFile(len(data), "1", lambda a, b: data[a:b])


def read(found: Path | RemoteFile | None) -> bytes | None:
    if isinstance(found, RemoteFile):
        return b"".join(found.parts())
    return None if found is None else found.read_bytes()


def test_what_is_here_is_not_asked_for_elsewhere(tmp_path: Path) -> None:
    finder = EvidenceFinder(tmp_path, (Place({"a.jpg": b"far"}),))
    files = event_files(tmp_path, "front door", "a", Event().at)
    assert read(finder.find(Event(), files.snapshot)) == b"far"
    assert finder.there(Event(), [files.snapshot, files.clip]) == {files.snapshot}
    files.stem.parent.mkdir(parents=True)
    files.snapshot.write_bytes(b"near")
    assert read(finder.find(Event(), files.snapshot)) == b"near"


def test_the_first_place_that_has_it_is_taken(tmp_path: Path) -> None:
    places = Place(), Place({"a.mp4": b"second"}), Place({"a.mp4": b"third", "a.jpg": b"picture"})
    finder = EvidenceFinder(tmp_path, places)
    files = finder.files(Event())
    assert files is not None
    assert read(finder.find(Event(), files.clip)) == b"second"
    assert read(finder.find(Event(), files.snapshot)) == b"picture"
    assert finder.find(Event(), files.strip) is None
    assert finder.there(Event(), [files.clip, files.snapshot]) == {files.clip}


def test_a_place_that_does_not_answer_is_said_unless_another_has_it(tmp_path: Path) -> None:
    down = Place(fault="it does not answer")
    files = event_files(tmp_path, "front door", "a", Event().at)
    finder = EvidenceFinder(tmp_path, (down, Place({"a.jpg": b"picture"})))
    assert read(finder.find(Event(), files.snapshot)) == b"picture"
    assert finder.there(Event(), [files.snapshot]) == {files.snapshot}
    with pytest.raises(MonitorError, match="it does not answer"):
        finder.find(Event(), files.clip)
    assert finder.facts(Event()) == EvidenceFacts()


def test_facts_are_read_wherever_they_are(tmp_path: Path) -> None:
    facts = EvidenceFacts(width=640, height=360)
    for data, expected in ((facts.model_dump_json().encode(), facts), (b"{", EvidenceFacts())):
        finder = EvidenceFinder(tmp_path, (Place({"a.json": data}),))
        assert finder.facts(Event()) == expected
    assert EvidenceFinder(tmp_path).facts(Event(id="../x")) == EvidenceFacts()


def test_a_large_file_is_read_little_by_little() -> None:
    asked = []

    def part(start: int, end: int) -> bytes:
        asked.append((start, end))
        return bytes(end - start)

    file = RemoteFile(3 * PART_BYTES, "1", part)
    assert sum(map(len, file.parts(10, 2 * PART_BYTES))) == 2 * PART_BYTES - 10
    assert asked == [(10, PART_BYTES + 10), (PART_BYTES + 10, 2 * PART_BYTES)]


def stored(folder: Path, clock: Clock) -> StoredEvidence:
    return StoredEvidence(f"file://{folder}", clock=clock)


def put(folder: Path, name: str, data: bytes) -> None:
    path = folder / "2026-05-04" / "front door" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_stored_evidence_is_found_by_its_name(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", b"picture")
    put(tmp_path, "ab.jpg", b"of another event")
    clock = Clock(100.0)
    place = stored(tmp_path, clock)
    assert place.names(Event()) == ["a.jpg"]
    assert read(place.find(Event(), "a.jpg")) == b"picture"
    assert place.find(Event(), "a.mp4") is None
    assert place.names(Event(camera="yard")) == []
    put(tmp_path, "a.mp4", b"clip")
    assert place.find(Event(), "a.mp4") is None  # it was listed just now
    clock.now_s += FRESH_S
    assert read(place.find(Event(), "a.mp4")) == b"clip"


def test_storage_that_does_not_answer_is_left_alone_for_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock(100.0)
    place = stored(tmp_path / "bucket", clock)
    for _ in range(3):
        assert place.names(Event()) == ()
        with pytest.raises(StorageError, match="there is no such folder"):
            place.find(Event(), "a.jpg")
    assert [one.getMessage() for one in caplog.records] == [
        f"evidence in file://{tmp_path}/bucket: there is no such folder"
    ]
    put(tmp_path / "bucket", "a.jpg", b"picture")
    assert place.names(Event()) == ()
    clock.now_s += REST_S
    assert place.names(Event()) == ["a.jpg"]


def test_what_was_deleted_there_is_an_error_and_no_empty_file(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", b"picture")
    found = stored(tmp_path, Clock(100.0)).find(Event(), "a.jpg")
    assert found is not None
    (tmp_path / "2026-05-04" / "front door" / "a.jpg").unlink()
    with pytest.raises(StorageError):
        read(found)
