"""Evidence that is no longer in the folder comes from object storage."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from monitor.evidence.copier import EvidenceCopier
from monitor.evidence.stored_evidence import StoredEvidence
from monitor.web.app import make_app
from monitor.web.state import WebState

pytestmark = pytest.mark.usefixtures("object_storage")


@pytest.fixture
def bucket(web: WebState, tmp_path: Path) -> Path:
    """Object storage, to which all evidence was copied before it was deleted here."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    copier = EvidenceCopier(web.settings.evidence, f"file://{folder}", settled_s=0.0)
    copier.step()
    assert copier.status.waiting == 0
    shutil.rmtree(web.settings.evidence)
    web.elsewhere = (StoredEvidence(f"file://{folder}"),)
    return folder


@pytest.fixture
def clip(bucket: Path) -> bytes:
    """The clip of the event that has one."""
    (path,) = bucket.glob("*/door/a.mp4")
    return path.read_bytes()


@pytest.fixture
def client(web: WebState, bucket: Path) -> Iterator[TestClient]:
    """A browser at this machine."""
    with TestClient(make_app(web), base_url="http://127.0.0.1:8470") as opened:
        yield opened


def test_the_page_shows_it_as_if_it_were_here(client: TestClient, clip: bytes) -> None:
    media = client.get("/api/v1/events/a").json()["media"]
    assert media == {
        "clip": "/media/a/clip.mp4",
        "h264": None,  # which is made of a clip that is here
        "snapshot": "/media/a/snapshot.jpg",
        "thumbnail": "/media/a/thumbnail.jpg",
        "strip": "/media/a/strip.jpg",
    }
    answer = client.get(media["clip"])
    assert (answer.status_code, answer.content) == (200, clip)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == str(len(clip))
    assert client.get(media["snapshot"]).content[:2] == b"\xff\xd8"
    shown = client.get("/events/a").text
    assert 'aria-label="20 pictures"' in shown, "the facts of the filmstrip come from there, too"
    assert 'src="/media/a/clip.mp4" data-copy=""' in shown
    other = client.get("/api/v1/events/b").json()["media"]
    assert set(other.values()) == {None}
    assert client.get("/media/b/clip.mp4").status_code == 404
    assert client.get("/media/a/h264.mp4").status_code == 404


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-", 0, None), ("bytes=5-99", 5, 100), ("bytes=100-9999999", 100, None),
     ("bytes=-20", -20, None)],
)  # fmt: skip
def test_a_browser_seeks_in_a_clip(
    client: TestClient, clip: bytes, asked: str, first: int, last: int | None
) -> None:
    answer = client.get("/media/a/clip.mp4", headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == clip[first:last]
    begin = first % len(clip)
    end = begin + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {begin}-{end}/{len(clip)}"


def test_a_part_that_there_is_not_is_refused(client: TestClient, clip: bytes) -> None:
    for asked in (f"bytes={len(clip)}-", "bytes=-0", "bytes=9-5"):
        answer = client.get("/media/a/clip.mp4", headers={"range": asked})
        assert answer.status_code == 416
        assert answer.headers["content-range"] == f"bytes */{len(clip)}"
    for asked in ("bytes=0-1,5-6", "pictures=1-2"):
        answer = client.get("/media/a/clip.mp4", headers={"range": asked})
        assert (answer.status_code, answer.content) == (200, clip)


def test_what_a_browser_has_is_not_sent_again(client: TestClient, clip: bytes) -> None:
    tag = client.get("/media/a/clip.mp4").headers["etag"]
    again = client.get("/media/a/clip.mp4", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    part = {"range": "bytes=0-9"}
    assert client.get("/media/a/clip.mp4", headers=part | {"if-range": tag}).status_code == 206
    other = client.get("/media/a/clip.mp4", headers=part | {"if-range": '"other"'})
    assert (other.status_code, other.content) == (200, clip)


def test_storage_that_does_not_answer_is_said_and_ends_nothing(
    client: TestClient, bucket: Path
) -> None:
    shutil.rmtree(bucket)
    assert client.get("/api/v1/events").status_code == 200
    assert client.get("/api/v1/events/a").json()["media"]["clip"] is None
    answer = client.get("/media/a/clip.mp4")
    assert answer.status_code == 503
    assert "there is no such folder" in answer.json()["detail"]
