"""/api/v1, as programs use it."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

import monitor.store.database
from monitor.store.event import NOTE_MAX, Review
from monitor.store.skips import SkipLog, WindowCounts
from monitor.store.states import StateLog
from monitor.web import api
from monitor.web.access import Visit
from monitor.web.security import BODY_MAX
from monitor.web.state import WebState
from tests.monitor.web.conftest import BEGAN, ended


def ids(client: TestClient, query: str = "") -> list[str]:
    return [one["event"]["id"] for one in client.get(f"/api/v1/events{query}").json()["events"]]


def test_events_come_from_the_newest_on(client: TestClient) -> None:
    assert ids(client) == ["d", "c", "b", "a"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?camera=yard", "b"),
        ("?camera=yard&camera=door&label=fight", "d c a"),
        ("?min_score=0.95", "c b a"),
        ("?since=2026-05-04T09:00:00Z&until=2026-05-04T10:00:00Z", "b"),
        ("?since=2026-05-04T11:00:00%2B02:00&label=fall", "b"),
        ("?review=confirmed", ""),
        ("?marked=true", ""),
    ],
)
def test_filters(client: TestClient, query: str, found: str) -> None:
    assert " ".join(ids(client, query)) == found


def test_pages_follow_one_another(client: TestClient) -> None:
    first = client.get("/api/v1/events?limit=3").json()
    second = client.get(f"/api/v1/events?limit=3&after={first['next']}").json()
    assert [len(first["events"]), len(second["events"])] == [3, 1]
    assert second["next"] is None


def test_an_event_has_the_addresses_of_its_evidence(client: TestClient) -> None:
    found = client.get("/api/v1/events/a").json()
    assert found["event"]["trace"][2] == [3.0, 0.97]
    assert sorted(found["media"]) == ["clip", "h264", "snapshot", "strip", "thumbnail"]
    for kind, address in found["media"].items():
        assert kind == "h264" or client.get(address).status_code == 200  # see test_copies.py
    assert set(client.get("/api/v1/events/c").json()["media"].values()) == {None}


DAY = "since=2026-05-04T00:00:00%2B02:00&until=2026-05-05T00:00:00%2B02:00"


def test_a_timeline_says_how_cameras_did_and_what_was_not_classified(
    client: TestClient, web: WebState
) -> None:
    states, skips = StateLog(web.store), SkipLog(web.store)
    for second, cause in ((0, ""), (30, "unreachable"), (60, "")):
        now = BEGAN + timedelta(seconds=second)
        states.note({"door": ("retrying" if cause else "live", cause)}, now)
        skips.note({"yard": WindowCounts(second, {"black": second})}, now)
    skips.close()
    found = client.get(f"/api/v1/timeline?{DAY}").json()
    assert found["cameras"] == ["door", "yard"]
    assert found["states"][1] == {
        "camera": "door", "start": "2026-05-04T08:00:30Z", "end": "2026-05-04T08:01:00Z",
        "state": "retrying", "cause": "unreachable",
    }  # fmt: skip
    assert found["skipped"] == [
        {
            "camera": "yard", "start": "2026-05-04T08:00:00Z", "end": "2026-05-04T08:02:00Z",
            "reason": "black", "windows": 60, "total": 120,
        }
    ]  # fmt: skip
    door = client.get(f"/api/v1/timeline?{DAY}&camera=door&camera=gone").json()
    assert (door["cameras"], len(door["states"]), door["skipped"]) == (["door"], 3, [])


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("", "since: field required; until: field required"),
        ("since=2026-05-04T00:00:00&until=2026-05-05T00:00:00Z", "since: "),
        ("since=2026-05-04T00:00:00Z&until=2026-05-04T00:00:00Z", "at most 31 days"),
        ("since=2026-05-04T00:00:00Z&until=2026-06-04T00:00:01Z", "at most 31 days"),
        ("since=2026-05-04T00:00:00Z&until=2026-05-05T00:00:00Z&day=1", "day: extra"),
    ],
)
def test_a_timeline_has_a_length(client: TestClient, query: str, fault: str) -> None:
    answer = client.get(f"/api/v1/timeline?{query}")
    assert answer.status_code == 422
    assert fault in answer.json()["detail"]


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_timeline_of_any_year_can_be_asked_for(client: TestClient, year: str) -> None:
    for zone in ("%2B14:00", "-12:00"):
        times = f"since={year}-12-01T00:00:00{zone}&until={year}-12-31T23:59:59{zone}"
        if year == "0001":
            times = times.replace("-12-31", "-01-31").replace("-12-01", "-01-01")
        answer = client.get(f"/api/v1/timeline?{times}")
        assert (answer.status_code, answer.json()["skipped"]) == (200, [])


def test_the_description_has_examples_that_hold(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()["components"]["schemas"]["Timeline"]
    (example,) = described["examples"]
    assert api.Timeline.model_validate(example).model_dump(mode="json") == example


def test_a_review_is_kept_in_the_store_and_in_the_journal(
    client: TestClient, web: WebState
) -> None:
    verdict = {"review": "relabelled", "review_label": "hug", "note": "two friends"}
    told = client.patch("/api/v1/events/a", json=verdict).json()["event"]

    assert (told["review"], told["review_label"], told["reviewer"]) == (
        "relabelled",
        "hug",
        "local",
    )
    assert web.store.event("a").review == Review.RELABELLED
    (line,) = map(json.loads, web.journal.path.read_text().splitlines())
    assert (line["id"], line["by"], line["verdict"]) == ("a", "local", verdict)


def test_a_mark_keeps_the_evidence_and_can_be_taken_away(client: TestClient, web: WebState) -> None:
    files = web.files(web.store.event("a"))
    assert files is not None
    client.patch("/api/v1/events/a", json={"marked": True})
    assert files.keep.exists()
    client.patch("/api/v1/events/a", json={"marked": False})
    client.patch("/api/v1/events/a", json={"marked": False})
    assert not files.keep.exists()
    assert client.patch("/api/v1/events/c", json={"marked": True}).status_code == 200


def test_several_events_at_once(client: TestClient) -> None:
    order = {"ids": ["a", "gone", "b"], "verdict": {"review": "dismissed"}}
    told = client.post("/api/v1/reviews", json=order).json()
    assert told == {"reviewed": ["a", "b"], "unknown": ["gone"]}
    assert ids(client, "?review=dismissed") == ["b", "a"]


def test_a_review_that_cannot_be_kept_leaves_nothing_behind(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor.store.database, "LOCKED_S", 0.05)
    web.store.close()  # and is opened anew, with that limit
    assert client.get("/api/v1/events").status_code == 200
    other = sqlite3.connect(web.settings.store)
    other.execute("BEGIN EXCLUSIVE")
    answer = client.patch("/api/v1/events/a", json={"review": "dismissed"})
    other.rollback()
    other.close()

    assert answer.status_code == 503
    assert "locked" in answer.json()["detail"]
    assert web.journal.path.read_text() == ""
    assert client.patch("/api/v1/events/a", json={}).status_code == 200
    assert web.journal.path.read_text() == "", "an order that says nothing is no line"


def test_a_body_has_a_limit(client: TestClient) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b"[" * 32_768

    for body in (b"[" * (BODY_MAX + 1), parts()):
        answer = client.post(
            "/api/v1/reviews", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code in (400, 413)
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/timeline?day=0001-01-01", "/timeline?day=9999-12-31",
        "/events?since=0001-01-01T00:00:00%2B14:00", "/events?until=9999-12-31T23:59:59-14:00",
        "/events?after=OTIyMzM3MjAzNjg1NDc3NTgwOCB4",
        "/api/v1/events?after=OTIyMzM3MjAzNjg1NDc3NTgwOCB4",
    ],
)  # fmt: skip
def test_times_and_places_at_the_edge_are_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"])
def test_edges_of_time_find_nothing_and_break_nothing(client: TestClient, time: str) -> None:
    assert client.get(f"/api/v1/events?since={time}").status_code == 200


@pytest.mark.expects_errors
def test_a_fault_of_the_program_is_told_without_its_traceback(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Visit, "page", lambda *_: 1 / 0)
    answer = client.get("/api/v1/events")
    assert (answer.status_code, answer.text) == (500, "this failed; the log says why\n")
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        ({"review": "maybe"}, 422),
        ({"review": "relabelled"}, 422),
        ({"note": "x" * (NOTE_MAX + 1)}, 422),
        ({"label": "hug"}, 422),
        ([], 422),
        ({}, 200),
    ],
)
def test_verdicts_that_make_no_sense_are_refused(
    client: TestClient, web: WebState, verdict: Any, status: int
) -> None:
    assert client.patch("/api/v1/events/a", json=verdict).status_code == status
    assert web.store.event("a").review == Review.UNREVIEWED


def test_an_event_that_is_gone_is_told_in_words(client: TestClient, web: WebState) -> None:
    answer = client.patch("/api/v1/events/gone", json={"review": "confirmed"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "there is no event gone; it may have been pruned"}
    assert web.journal.path.read_text() == "", "nothing is written of what is not there"


@pytest.mark.parametrize("query", ["?limit=0", "?limit=9999", "?after=nonsense", "?camra=door"])
def test_queries_that_make_no_sense_are_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/api/v1/events{query}").status_code == 422


def test_cameras_and_health_are_what_the_watching_process_says(
    client: TestClient, web: WebState
) -> None:
    (door, yard) = client.get("/api/v1/cameras").json()
    assert (door["name"], door["source"], door["state"]) == ("door", "rtsp://***@door/", "unknown")
    opened = [{"region": "gate", "label": "fall"}]
    web.live.states = {"yard": {"state": "live", "cause": "", "score": 0.9, "open": opened}}
    web.live.health = {"version": "1", "cameras": [{"name": "yard"}, {"name": "door"}]}
    (_, yard) = client.get("/api/v1/cameras").json()
    assert (yard["state"], yard["open"]) == ("live", opened)
    assert [one["name"] for one in client.get("/api/v1/health").json()["cameras"]] == [
        "yard", "door",
    ]  # fmt: skip


def test_health_checks(client: TestClient, web: WebState) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 503
    web.live.health = {"version": "1"}
    assert client.get("/readyz").text == "ok\n"


def test_a_store_that_fails_is_told_and_nothing_is_lost(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web.store._engine, "connect", _broken)
    answer = client.get("/api/v1/events")
    assert answer.status_code == 503
    assert "disk I/O error" in answer.json()["detail"].replace("i/o", "I/O")


def _broken() -> None:
    import sqlite3

    from sqlalchemy.exc import OperationalError

    raise OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))


def test_the_description_of_the_api_names_no_other_host(client: TestClient) -> None:
    text = client.get("/api/v1/openapi.json").text
    assert "/api/v1/events/{id}" in text
    assert "://" not in text


@pytest.mark.parametrize(
    ("ago_s", "kept"), [(5, "no-cache"), (3600, "private, max-age=86400")], ids=["new", "old"]
)
def test_a_clip_that_may_still_grow_is_asked_for_again(
    client: TestClient, web: WebState, ago_s: float, kept: str
) -> None:
    """It shows what came after the end, too."""
    began = datetime.now(UTC) - timedelta(seconds=8 + ago_s)
    web.store.record(*ended("n", (began - BEGAN) / timedelta(hours=1)))
    event = web.store.event("n")
    files = web.files(event)
    assert files is not None
    files.stem.parent.mkdir(parents=True)
    files.clip.write_bytes(b"clip")
    assert client.get("/media/n/clip.mp4").headers["cache-control"] == kept
