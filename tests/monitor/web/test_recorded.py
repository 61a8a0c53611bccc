"""What is recorded, and teaching from it, as programs and pages use it."""

import json
import logging
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from monitor.evidence.segments import Segment
from monitor.store.database import StoreError
from monitor.store.event import Origin
from monitor.store.store import EventStore
from monitor.web import recordings
from monitor.web.app import make_app
from monitor.web.media import EvidenceFile
from monitor.web.state import WebState
from testkit.media import make_video
from tests.monitor.evidence.test_spans import at, record
from tests.monitor.web.test_login import browser, clock, file, guarded, hashed, log_in, token

__all__ = ["browser", "clock", "file", "guarded", "hashed", "token"]


@pytest.fixture(autouse=True)
def recorded(web: WebState, tmp_path: Path) -> None:
    """Of the door, twenty seconds and, later, ten; of the yard, ten; of a camera of before, too."""
    film = make_video(tmp_path / "film.mp4", duration_s=10, gop=25).path
    for begin_s in (0, 10, 60):
        record(web.settings.evidence, film, begin_s, 10)
    for camera in ("yard", "gone"):
        folder = web.settings.evidence / "rolling" / camera
        folder.mkdir()
        path = record(web.settings.evidence, film, 0, 10)
        (folder / path.name).write_bytes(path.read_bytes())


def span(begin_s: float = 4, length_s: float = 2, **changes: Any) -> dict[str, Any]:
    start, end = (at(each).isoformat() for each in (begin_s, begin_s + length_s))
    return {"camera": "door", "start": start, "end": end, "label": "hug"} | changes


def lines(web: WebState) -> list[dict[str, Any]]:
    path = web.journal.path
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_what_is_recorded_is_told_without_gaps(client: TestClient) -> None:
    told = client.get("/api/v1/cameras/door/recorded").json()
    assert [(one["start"], one["end"], len(one["segments"])) for one in told["recorded"]] == [
        ("2026-05-04T08:00:00.000Z", "2026-05-04T08:00:20.000Z", 2),
        ("2026-05-04T08:01:00.000Z", "2026-05-04T08:01:10.000Z", 1),
    ]
    later = client.get("/api/v1/cameras/door/recorded?since=2026-05-04T08:00:30Z").json()
    assert [one["start"] for one in later["recorded"]] == ["2026-05-04T08:01:00.000Z"]
    before = client.get("/api/v1/cameras/door/recorded?until=2026-05-04T10:00:05%2B02:00").json()
    assert len(before["recorded"][0]["segments"]) == 1


def test_a_segment_is_had_in_parts(client: TestClient) -> None:
    told = client.get("/api/v1/cameras/door/recorded").json()
    address = told["recorded"][0]["segments"][0]["address"]
    assert address == "/media/recorded/door/20260504T080000.000Z.mp4"
    answer = client.get(address, headers={"range": "bytes=4-7"})
    assert (answer.status_code, answer.content) == (206, b"ftyp")
    assert answer.headers["content-type"] == "video/mp4"


@pytest.mark.parametrize("moment", ["before its size is known", "before it is opened"])
def test_a_segment_that_is_deleted_just_now_is_not_found(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    told = client.get("/api/v1/cameras/door/recorded").json()
    address = told["recorded"][0]["segments"][0]["address"]
    (path,) = (web.settings.evidence / "rolling" / "door").glob("20260504T080000.000Z.mp4")
    known, find = EvidenceFile.set_stat_headers, recordings.find_segment

    def measure(of: EvidenceFile, about: os.stat_result) -> None:
        path.unlink()
        known(of, about)

    def look(*asked: Any) -> Segment | None:
        found = find(*asked)
        path.unlink()
        return found

    if moment == "before it is opened":
        monkeypatch.setattr(EvidenceFile, "set_stat_headers", measure)
    else:
        monkeypatch.setattr(recordings, "find_segment", look)
    answer = client.get(address)
    assert (answer.status_code, answer.json()) == (404, {"detail": "it has just been deleted"})


NOWHERE = (
    "/media/recorded/gone/20260504T080000.000Z.mp4",
    "/media/recorded/..%2fdoor/20260504T080000.000Z.mp4",
    "/media/recorded/door/..%2f..%2f..%2fevents.mp4",
    "/media/recorded/door/..%2fyard%2f20260504T080000.000Z.mp4",
    "/media/recorded/%2e%2e/20260504T080000.000Z.mp4",
    "/media/recorded/door/20260504T080000.000Z%00.mp4",
    "/media/recorded/door/20260504T080000.000Z.mp4/../../../alerts.jsonl",
    "/api/v1/cameras/gone/recorded",
    "/cameras/..%2fdoor/recorded",
    "/cameras/gone/recorded",
)  # paths to what is not recorded, or not to be given out


@pytest.mark.parametrize("path", [*NOWHERE, "/media/recorded/door/20260504T080001.000Z.mp4"])
def test_no_path_leads_elsewhere(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_missed_act_becomes_an_event_with_its_clip(
    client: TestClient, web: WebState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = client.post("/api/v1/spans", json=span(9.5))
    assert answer.status_code == 201
    told = answer.json()
    event = web.store.event(told["event"]["id"])
    assert (event.origin, event.label, event.review) == (Origin.TAUGHT, "hug", "confirmed")
    assert (event.camera, event.at, event.duration_s) == ("door", at(9.5), 2.0)
    assert (event.marked, event.reviewer) == (True, "local")
    assert sorted(name for name, path in told["media"].items() if path) == [
        "clip", "h264", "snapshot", "thumbnail",
    ]  # fmt: skip
    assert client.get(told["media"]["clip"]).status_code == 200
    files = web.files(event)
    assert files is not None
    assert files.keep.is_file()
    (line,) = lines(web)
    assert line == {
        "schema": "har-monitor.span.v1", "id": event.id, "time": line["time"], "by": "local",
        "camera": "door", "label": "hug",
        "start_time": "2026-05-04T08:00:09.500Z", "end_time": "2026-05-04T08:00:11.500Z",
    }  # fmt: skip
    assert f"span {event.id} (door: hug) taught by local" in caplog.text
    told = client.get("/api/v1/cameras/door/recorded").json()
    assert told["taught"] == {"hug": 1}


@pytest.mark.parametrize("label", [None, "nothing"])
def test_nothing_is_a_dismissed_event(client: TestClient, web: WebState, label: str | None) -> None:
    told = client.post("/api/v1/spans", json=span(label=label)).json()["event"]
    assert (told["label"], told["review"]) == ("nothing", "dismissed")
    assert "label" not in lines(web)[0]


@pytest.mark.parametrize(
    ("changes", "code", "detail"),
    [
        ({"length_s": 0.4}, 422, "a span lasts 0.5 to 60 s; this one would last 0.4 s"),
        ({"length_s": 61}, 422, "a span lasts 0.5 to 60 s; this one would last 61 s"),
        ({"length_s": -1}, 422, "a span lasts 0.5 to 60 s; this one would last -1 s"),
        (
            {"begin_s": 19}, 422,
            "camera door: not all of 2026-05-04 08:00:19 to 08:00:21 UTC is recorded; recorded: "
            "2026-05-04 08:00:00 to 2026-05-04 08:00:20, 2026-05-04 08:01:00 to 2026-05-04 "
            "08:01:10",
        ),
        ({"camera": "gone"}, 404, "there is no camera gone"),
        ({"camera": "../door"}, 404, "there is no camera ../door"),
        ({"label": "../../x"}, 422, "none of / \\"),
        ({"label": ""}, 422, "label"),
        ({"start": "2026-05-04T08:00:00"}, 422, "start"),
        ({"start": "0001-01-01T00:00:00+14:00"}, 422, "a span lasts"),
        ({"note": "x"}, 422, "note: extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_cannot_be_taught_is_refused_in_a_line(
    client: TestClient, web: WebState, changes: dict[str, Any], code: int, detail: str
) -> None:
    answer = client.post("/api/v1/spans", json=span(**changes))
    assert (answer.status_code, lines(web)) == (code, [])
    assert detail in answer.json()["detail"]
    assert web.store.count() == 4


def test_a_store_that_fails_leaves_nothing_behind(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(web.settings.evidence.rglob("*"))

    def fail(self: EventStore) -> None:
        raise StoreError("event store x: locked")

    monkeypatch.setattr(EventStore, "transaction", fail)
    answer = client.post("/api/v1/spans", json=span())
    assert (answer.status_code, answer.json()["detail"]) == (503, "event store x: locked")
    assert lines(web) == []
    after = sorted(web.settings.evidence.rglob("*"))
    assert [path for path in after if path.is_file()] == [p for p in before if p.is_file()]


def test_what_is_to_stay_free_of_the_disk_stays_free(client: TestClient, web: WebState) -> None:
    web.settings = web.settings.model_copy(update={"min_free_gib": 1e6})
    answer = client.post("/api/v1/spans", json=span())
    assert (answer.status_code, lines(web)) == (503, [])
    assert "less than 1e+06 GiB of the disk are free (min_free_gib)" in answer.json()["detail"]


def test_a_disk_that_takes_nothing_is_told(client: TestClient, web: WebState) -> None:
    (web.settings.evidence / "2026-05-04").rename(web.settings.evidence / "aside")
    (web.settings.evidence / "2026-05-04").touch()
    answer = client.post("/api/v1/spans", json=span())
    assert answer.status_code == 503
    assert answer.json()["detail"] == "camera door: not a directory"


def test_what_was_taught_can_be_taken_back(
    client: TestClient, web: WebState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told = client.post("/api/v1/spans", json=span()).json()
    name = told["event"]["id"]
    event = web.store.event(name)
    assert client.delete(f"/api/v1/events/{name}").status_code == 204
    assert client.get(f"/api/v1/events/{name}").status_code == 404
    assert client.delete(f"/api/v1/events/{name}").status_code == 404
    files = web.files(event)
    assert files is not None
    assert list(files.stem.parent.glob(f"{name}*")) == []
    assert [line["schema"] for line in lines(web)] == [
        "har-monitor.span.v1", "har-monitor.deleted.v1",
    ]  # fmt: skip
    assert f"span {name} (door: hug) taken back by local" in caplog.text


def test_what_a_model_raised_cannot_be_deleted(client: TestClient, web: WebState) -> None:
    answer = client.delete("/api/v1/events/a")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "event a was not taught: dismiss it if it is wrong"
    assert web.store.count() == 4


def test_a_viewer_may_look_at_their_cameras_and_teach_nothing(
    browser: TestClient, guarded: WebState
) -> None:
    assert browser.get("/api/v1/cameras/door/recorded").status_code == 401
    log_in(browser, "vic")  # sees the yard alone
    assert browser.get("/api/v1/cameras/yard/recorded").status_code == 200
    for path in (
        "/api/v1/cameras/door/recorded",
        "/media/recorded/door/20260504T080000.000Z.mp4",
        "/cameras/door/recorded",
    ):
        assert browser.get(path).status_code == 404, path
    assert browser.post("/api/v1/spans", json=span(camera="yard")).status_code == 403
    assert browser.delete("/api/v1/events/b").status_code == 403
    page = browser.get("/cameras/yard/recorded").text
    assert "Teach a span" not in page
    assert "--from-events STORE --evidence EVIDENCE" in page
    assert str(guarded.settings.evidence) not in page
    assert "door" not in browser.get("/timeline?day=2026-05-04").text


def test_a_reviewer_teaches_under_their_own_name(browser: TestClient, guarded: WebState) -> None:
    log_in(browser, "rob")
    told = browser.post("/api/v1/spans", json=span()).json()["event"]
    assert told["reviewer"] == "rob"
    assert browser.delete(f"/api/v1/events/{told['id']}").status_code == 204
    assert [line["by"] for line in lines(guarded)] == ["rob", "rob"]


def test_the_timeline_shows_what_is_recorded(client: TestClient) -> None:
    text = client.get("/timeline?day=2026-05-04").text
    assert 'aria-label="Recorded from 08:00:00 to 08:00:20"' in text
    assert quote("2026-05-04T08:01:00+00:00") in text
    assert "Recorded from" not in client.get("/timeline?day=2026-05-03").text


def test_the_page_of_what_is_recorded(client: TestClient, web: WebState) -> None:
    text = client.get("/cameras/door/recorded?at=2026-05-04T08:00:12").text
    assert 'data-at="2026-05-04T08:00:12+00:00"' in text
    assert "2026-05-04 08:00:00</time> to" in text
    assert '<option value="fall">' in text
    assert f"--evidence {web.settings.evidence}" in text
    assert client.get("/cameras/door/recorded?at=noon").status_code == 422


@pytest.mark.parametrize(
    ("rolling_min", "camera", "said"),
    [
        (0, "door", "rolling_min: 60"),
        (60, "door", "Nothing is recorded yet"),
        (60, "yard", "A file is not recorded"),
    ],
)
def test_the_empty_page_says_how_to_fill_it(
    web: WebState, rolling_min: float, camera: str, said: str
) -> None:
    for path in (web.settings.evidence / "rolling").rglob("*.mp4"):
        path.unlink()
    settings = web.settings.model_copy(update={"rolling_min": rolling_min})
    app = make_app(WebState(settings, web.store, web.journal, web.live))
    with TestClient(app, base_url="http://127.0.0.1:8470") as opened:
        assert said in opened.get(f"/cameras/{camera}/recorded").text


def test_a_taught_event_shows_no_score(client: TestClient) -> None:
    name = client.post("/api/v1/spans", json=span()).json()["event"]["id"]
    page = client.get(f"/events/{name}").text
    assert "taught: a person marked it" in page
    assert "Peak score" not in page
    assert "Take it back" in page
    assert "Take it back" not in client.get("/events/a").text


def test_moments_far_from_now_are_only_not_recorded(client: TestClient) -> None:
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:50Z"):
        end = (datetime.fromisoformat(moment) + timedelta(seconds=1)).isoformat()
        answer = client.post("/api/v1/spans", json=span(start=moment, end=end))
        assert answer.status_code == 422
