"""Copies of clips that a browser cannot play: asked for, made, served, deleted."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from monitor.evidence.folder import EventFiles
from monitor.evidence.retention import delete_old_evidence
from monitor.store.journal import SpanLine
from monitor.store.taught import teach
from monitor.web import copies
from monitor.web.copies import GROWS_S, Copies
from monitor.web.state import WebState
from testkit.fakes import wait_until
from testkit.media import make_video
from tests.monitor.evidence.test_clip_writer import shown

COPY = "/media/a/h264.mp4"
HOUR_S = 3600
SPAN = {
    "time": "2026-05-04T09:00:00Z", "by": "ann", "camera": "door", "label": "hug",
    "start_time": "2026-05-04T08:00:00Z", "end_time": "2026-05-04T08:00:02Z",
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_process_is_left(web: WebState) -> Iterator[None]:
    yield
    web.copies.close()
    web.copies.close()


def files(web: WebState, id: str = "a") -> EventFiles:
    found = web.files(web.store.event(id))
    assert found is not None
    return found


def keep_clip(web: WebState, id: str = "a", age_s: float = HOUR_S, **video: object) -> Path:
    """A clip of H.265 of an event, so old."""
    clip = files(web, id).clip
    clip.parent.mkdir(parents=True, exist_ok=True)
    make_video(clip, **({"duration_s": 2, "codec": "hevc"} | video))  # type: ignore[arg-type]
    changed_s = time.time() - age_s
    os.utime(clip, (changed_s, changed_s))
    return clip


def asked(client: TestClient, address: str = COPY, **headers: str) -> Response:
    """What comes once it is no longer being made."""
    answers: list[Response] = []

    def answered() -> bool:
        answers.append(client.get(address, headers=headers))
        return answers[-1].status_code != 503

    wait_until(answered)
    return answers[-1]


def test_a_copy_is_made_when_it_is_asked_for_and_served_as_other_media(
    client: TestClient, web: WebState
) -> None:
    keep_clip(web)
    assert client.get("/api/v1/events/a").json()["media"]["h264"] == COPY
    first = client.get(COPY)
    assert (first.status_code, first.headers["retry-after"]) == (503, "2")
    assert first.json() == {"detail": "the copy is being made; try again in 2 s"}

    whole = asked(client)

    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert "h264.mp4" in whole.headers["content-disposition"]
    part = client.get(COPY, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["etag"] == whole.headers["etag"]
    assert shown(files(web).copy)[0] == (0, 0)
    assert client.get(COPY).content == whole.content, "it is made once"
    assert client.get("/media/a/clip.mp4").status_code == 200, "the original stays"


def test_many_at_once_have_one_process_and_none_waits_for_it(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_clip(web)
    keep_clip(web, "c")
    begun, begin = [], Copies._begin

    def counted(self: Copies, files: EventFiles) -> object:
        begun.append(files.copy.name)
        return begin(self, files)

    monkeypatch.setattr(Copies, "_begin", counted)
    answers: list[Response] = []
    threads = [threading.Thread(target=lambda: answers.append(client.get(COPY))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.status_code for one in answers} <= {200, 503}
    assert begun == ["a.h264.mp4"]
    other = client.get("/media/c/h264.mp4")
    assert other.status_code == 503
    assert asked(client).status_code == 200
    assert asked(client, "/media/c/h264.mp4").status_code == 200
    assert begun == ["a.h264.mp4", "c.h264.mp4"]


def test_what_cannot_be_copied_is_said_in_one_line(client: TestClient, web: WebState) -> None:
    assert client.get("/media/c/h264.mp4").status_code == 404, "it has no clip"
    assert client.get("/media/none/h264.mp4").status_code == 404
    plays = asked(client)
    assert (plays.status_code, plays.json()["detail"]) == (
        422, "no copy can be made: the clip itself is H.264, which every browser plays",
    )  # fmt: skip
    files(web).clip.write_bytes(b"no film" * 1000)
    broken = asked(client)
    assert broken.status_code == 422
    assert broken.json()["detail"].startswith("no copy can be made: the clip cannot be read: ")
    assert not files(web).copy.exists()


def test_a_folder_that_cannot_be_written_to_is_said(client: TestClient, web: WebState) -> None:
    keep_clip(web)
    files(web).copy.mkdir()
    os.utime(files(web).copy, (0, 0))
    answer = asked(client)
    assert answer.status_code == 500
    assert answer.json()["detail"] == (
        f"no copy can be made: cannot write {files(web).copy}: it is a folder"
    )


def test_a_disk_that_is_nearly_full_takes_no_copy(client: TestClient, web: WebState) -> None:
    keep_clip(web)
    web.copies._min_free_gib = 1e6
    answer = client.get(COPY)
    assert answer.status_code == 507
    assert "less than 1e+06 GiB of the disk are free (min_free_gib)" in answer.json()["detail"]


def test_a_process_that_cannot_be_had_or_dies_is_said(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_clip(web)
    monkeypatch.setattr(copies, "COMMAND", ("/nothing/here",))
    answer = client.get(COPY)
    assert (answer.status_code, answer.json()["detail"]) == (
        500, "no copy can be made: No such file or directory",
    )  # fmt: skip
    monkeypatch.setattr(copies, "COMMAND", ("sh", "-c", "kill -9 $$"))
    answer = asked(client)
    assert (answer.status_code, answer.json()["detail"]) == (
        500, "no copy can be made: its process ended with -9",
    )  # fmt: skip


def test_a_copy_that_lacks_the_end_of_its_clip_is_made_again_once_the_clip_has_ended(
    client: TestClient, web: WebState
) -> None:
    keep_clip(web, duration_s=2)
    asked(client)
    keep_clip(web, duration_s=4, age_s=0)
    assert client.get(COPY).status_code == 200, "the clip may still grow: what there is, is shown"
    keep_clip(web, duration_s=4, age_s=GROWS_S + 1)
    assert client.get(COPY).status_code == 503
    asked(client)
    assert shown(files(web).copy)[-1][0] > 3.5


def test_a_copy_is_deleted_with_its_event_and_counts_for_the_limits(
    client: TestClient, web: WebState
) -> None:
    keep_clip(web, age_s=31 * 86_400)
    asked(client)
    others = [one for one in files(web).stem.parent.iterdir() if one.suffix != ".mp4"]
    for path in others:
        os.utime(path, (0, 0))
    size = files(web).copy.stat().st_size + files(web).clip.stat().st_size
    size += sum(path.stat().st_size for path in others)
    assert delete_old_evidence(web.settings.evidence, max_gib=1, keep_days=32) == size
    assert delete_old_evidence(web.settings.evidence, max_gib=1, keep_days=30) == 0
    assert not files(web).copy.exists()
    assert client.get(COPY).status_code == 404


def test_at_the_end_nothing_is_left_of_a_copy_that_is_being_made(
    client: TestClient, web: WebState
) -> None:
    clip = keep_clip(web, duration_s=40, size=(640, 360), codec="mpeg4")
    client.get(COPY)
    folder = clip.parent
    wait_until(lambda: any(one.name.startswith(".a.h264-") for one in folder.iterdir()))
    web.copies.close()
    assert not any(one.name.startswith(".") for one in folder.iterdir())
    assert not files(web).copy.exists()


def test_what_is_taken_back_leaves_no_copy(client: TestClient, web: WebState) -> None:
    before = sorted(web.settings.evidence.rglob("*"))
    taught = [
        teach(web.store, SpanLine.model_validate(SPAN | {"id": name})) for name in ("s1", "s2")
    ]
    for event in taught:
        keep_clip(web, event.id)
    assert asked(client, "/media/s1/h264.mp4").status_code == 200
    assert client.get("/media/s2/h264.mp4").status_code == 503
    for event in taught:
        assert client.delete(f"/api/v1/events/{event.id}").status_code == 204
    assert sorted(web.settings.evidence.rglob("*")) == before
    told = client.get(COPY).json()["detail"]
    assert told.startswith("the copy"), "no other one is being made"
