"""What is recorded all the time on the machines of a site, on the page over all of them."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from monitor.errors import MonitorError
from monitor.listening import authority, listen
from monitor.web import node_evidence
from monitor.web.app import make_app
from monitor.web.live import LiveState
from monitor.web.node import CAMERAS_MAX, make_node_app
from monitor.web.node_evidence import NodeEvidence
from monitor.web.recordings import find_recording, recordings
from monitor.web.sessions import Sessions
from monitor.web.site import Place
from monitor.web.state import WebState
from monitor.web.users import Users
from testkit.media import make_video
from tests.monitor.evidence.test_spans import at, record
from tests.monitor.web.test_login import BASE, file, hashed, log_in, token
from tests.monitor.web.test_node import SHOWN
from tests.monitor.web.test_recorded import NOWHERE, lines, recorded, span
from tests.monitor.web.test_site import SECRET, gone, listening_node, node, site

__all__ = ["file", "gone", "hashed", "node", "recorded", "site", "token"]

DOOR = "/api/v1/cameras/door/recorded"
FIRST = "/media/recorded/door/20260504T080000.000Z.mp4"


@pytest.fixture
def page(site: WebState) -> Iterator[TestClient]:
    """The page over two machines, of which one answers; its own machine recorded nothing."""
    with TestClient(make_app(site), base_url=BASE) as opened:
        yield opened


@contextmanager
def page_over(site: WebState, *places: Place) -> Iterator[TestClient]:
    """The page over other machines."""
    evidence = NodeEvidence(lambda: places)
    made = WebState(site.settings, site.store, site.journal, site.live, keeper=evidence)
    with TestClient(make_app(made), base_url=BASE) as opened:
        yield opened


def file_of(web: WebState, camera: str = "door", stamp: str = "20260504T080000.000Z") -> Path:
    return web.settings.evidence / "rolling" / camera / f"{stamp}.mp4"


def test_what_is_recorded_on_another_machine_is_told_as_its_own_page_does(
    page: TestClient, client: TestClient
) -> None:
    own = client.get(DOOR).json()
    assert own["silent"] == []
    assert [len(one["segments"]) for one in own["recorded"]] == [2, 1]
    silent = ["shard 2/2 on two does not answer"]
    assert page.get(DOOR).json() == own | {"silent": silent}
    part = f"{DOOR}?since=2026-05-04T08:00:30Z"
    assert page.get(part).json()["recorded"] == client.get(part).json()["recorded"]


def test_a_segment_of_another_machine_is_played_in_parts(page: TestClient, web: WebState) -> None:
    data = file_of(web).read_bytes()
    whole = page.get(FIRST)
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cache-control"] == "no-cache"
    for asked, first, last in (("4-7", 4, 7), (f"{len(data) - 9}-", -9, -1), ("-9", -9, -1)):
        part = page.get(FIRST, headers={"range": f"bytes={asked}"})
        first, last = (one % len(data) for one in (first, last))
        assert (part.status_code, part.content) == (206, data[first : last + 1])
        assert part.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
    assert page.get(FIRST, headers={"range": f"bytes={len(data)}-"}).status_code == 416
    tag = {"if-none-match": whole.headers["etag"]}
    assert page.get(FIRST, headers=tag).status_code == 304


def test_a_segment_that_grows_while_it_is_read_is_given_as_far_as_it_was(
    web: WebState, node: Place
) -> None:
    path = file_of(web)
    data = path.read_bytes()
    evidence = NodeEvidence(lambda: (node,))
    found = evidence.find_segment("door", path.stem)
    assert found is not None
    with path.open("ab") as growing:
        growing.write(b"more of it")
    assert b"".join(found.parts()) == data
    again = evidence.find_segment("door", path.stem)
    assert again is not None
    assert (again.size, again.tag == found.tag) == (len(data) + 10, False)
    path.unlink()
    with pytest.raises(MonitorError, match="the file has changed, or is gone"):
        again.read(0, 4)


@pytest.mark.parametrize("path", NOWHERE)
def test_no_path_leads_elsewhere(page: TestClient, path: str) -> None:
    assert page.get(path).status_code == 404


def test_a_machine_gives_no_other_files_whatever_it_is_asked_for(
    web: WebState, tmp_path: Path
) -> None:
    (tmp_path / "20260504T080000.000Z.mp4").write_bytes(b"secret")
    linked = file_of(web, stamp="20260504T090000.000Z")
    linked.symlink_to(tmp_path / "20260504T080000.000Z.mp4")
    with TestClient(make_node_app(web, SECRET), headers=SHOWN) as asked:
        for path in (
            "/recorded/..%2f../20260504T080000.000Z.mp4",
            "/recorded/%2e%2e/20260504T080000.000Z.mp4",
            "/recorded/door/..%2f..%2f..%2f20260504T080000.000Z.mp4",
            "/recorded/door/20260504T080000.000Z%00.mp4",
            "/recorded/door/20260504T090000.000Z.mp4",
            "/recorded/door/20260504T080001.000Z.mp4",
            "/recorded/door/",
        ):
            assert asked.get(path).status_code == 404, path
        names = ["../..", "..", "", "/", "door/../yard", "\0", "door\n"]
        told = asked.post("/recorded", json={"cameras": names, "joined": False})
        assert (told.status_code, told.json()) == (200, {})
        for body in ({}, {"cameras": "door"}, {"cameras": ["a"] * (CAMERAS_MAX + 1)}):
            assert asked.post("/recorded", json=body).status_code == 422


def test_who_does_not_see_a_camera_is_given_nothing_of_it(
    site: WebState, file: Path, web: WebState
) -> None:
    users = Users(file)
    made = WebState(
        site.settings, site.store, site.journal, site.live, users, Sessions(users),
        keeper=site.keeper,
    )  # fmt: skip
    yard = file_of(web, "yard")
    with TestClient(make_app(made), base_url=BASE, follow_redirects=False) as browser:
        assert browser.get(DOOR).status_code == 401
        assert browser.get(FIRST).status_code == 401
        log_in(browser, "vic")
        for path in (DOOR, FIRST, "/cameras/door/recorded"):
            assert browser.get(path).status_code == 404, path
        assert browser.get(f"/media/recorded/yard/{yard.name}").content == yard.read_bytes()
        assert browser.get("/cameras/yard/recorded").status_code == 200
        assert "door" not in browser.get("/timeline?day=2026-05-04").text


def test_a_machine_that_does_not_answer_is_said_on_the_page(page: TestClient) -> None:
    said = 'role="status">Perhaps more is recorded: <span>shard 2/2 on two does not answer</span>.'
    for path in ("/cameras/door/recorded", "/timeline?day=2026-05-04"):
        assert said in page.get(path).text
    there = page.get("/media/recorded/door/20260504T090000.000Z.mp4")
    assert there.status_code == 503
    assert "shard 2/2 on two does not answer" in there.json()["detail"]


def test_nothing_is_said_where_all_answer(site: WebState, node: Place) -> None:
    with page_over(site, node) as page:
        assert page.get(DOOR).json()["silent"] == []
        for path in ("/cameras/door/recorded", "/timeline?day=2026-05-04"):
            assert 'role="status" hidden>Perhaps more' in page.get(path).text
        absent = page.get("/media/recorded/door/20260504T090000.000Z.mp4")
        assert absent.status_code == 404
        assert absent.json()["detail"].endswith("nothing is recorded under 20260504T090000.000Z")


def test_a_machine_that_is_frozen_is_waited_for_only_once(
    site: WebState, node: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_evidence, "ANSWER_S", 0.5)
    frozen = listen("frozen", "127.0.0.1", 0, "")  # it takes connections, and says nothing
    with (
        closing(frozen),
        page_over(
            site, Place("2/2", "two", authority(*frozen.getsockname()), SECRET), node
        ) as page,
    ):
        for _ in range(2):
            told = page.get(DOOR).json()
            assert len(told["silent"]) == 1
            assert [len(one["segments"]) for one in told["recorded"]] == [2, 1]
        assert page.get(FIRST).status_code == 200
        frozen.settimeout(0)
        frozen.accept()[0].close()
        with pytest.raises(BlockingIOError):
            frozen.accept()


def test_cameras_of_a_machine_of_which_nothing_is_heard_are_said(site: WebState) -> None:
    why = "shard 1/2 on one was last heard of 14 s ago"
    site.live.states = {name: {"state": "unknown", "cause": why} for name in ("door", "yard")} | {
        "attic": {"state": "live", "cause": ""}
    }
    with page_over(site) as page:
        assert page.get(DOOR).json()["silent"] == [f"{why} (camera door)"]
        assert f"{why} (2 cameras)</span>." in page.get("/timeline?day=2026-05-04").text
        absent = page.get(FIRST)
        assert (absent.status_code, absent.json()["detail"]) == (503, f"{why} (camera door)")


def test_a_machine_whose_answer_makes_no_sense_is_said(site: WebState, node: Place) -> None:
    async def strange(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        body = b'{"door": [[-1, 1e30], ["../x", null]]}'
        await send({"type": "http.response.body", "body": body})

    with (
        listening_node(Starlette(), LiveState(), "2/3") as older,
        listening_node(strange, LiveState(), "3/3") as wrong,
        page_over(site, older, wrong, node) as page,
    ):
        told = page.get(DOOR).json()
    assert told["silent"] == [
        "shard 2/3 on one cannot say what it recorded (HTTP 404)",
        "shard 3/3 on one cannot say what it recorded (HTTP 200)",
    ]
    assert [len(one["segments"]) for one in told["recorded"]] == [2, 1]


def test_what_several_machines_have_of_a_camera_is_shown_together(
    site: WebState, web: WebState, node: Place, tmp_path: Path
) -> None:
    """A shard that moved: a part of it lies on each."""
    film = make_video(tmp_path / "other.mp4", duration_s=10, gop=25, size=(320, 96)).path
    record(tmp_path / "two", film, 20, 10)
    settings = web.settings.model_copy(update={"evidence": tmp_path / "two"})
    second = WebState(settings, web.store, web.journal, web.live)
    with (
        listening_node(make_node_app(second, SECRET), LiveState(), "2/2") as other,
        page_over(site, other, node) as page,
    ):
        told = page.get(DOOR).json()["recorded"]
        assert [len(one["segments"]) for one in told] == [3, 1]
        files = (file_of(web), file_of(second, stamp="20260504T080020.000Z"), file_of(web))
        for path in files:
            assert page.get(f"/media/recorded/door/{path.name}").content == path.read_bytes()
        text = page.get("/timeline?day=2026-05-04").text
        assert 'aria-label="Recorded from 08:00:00 to 08:00:30"' in text


def test_a_node_of_a_cluster_gives_what_each_of_its_shards_recorded(
    site: WebState, web: WebState, node: Place, tmp_path: Path
) -> None:
    """A shard that comes back has another folder than it had."""
    film = make_video(tmp_path / "other.mp4", duration_s=10, gop=25).path
    path = record(tmp_path / "shard-1" / "b" / "evidence", film, 20, 10)
    web.settings = web.settings.model_copy(update={"beside": (tmp_path, "*/*/evidence")})
    with page_over(site, node) as page:
        assert [len(one["segments"]) for one in page.get(DOOR).json()["recorded"]] == [3, 1]
        assert page.get(f"/media/recorded/door/{path.name}").content == path.read_bytes()


def test_a_folder_that_all_share_is_read_here_and_nothing_is_told_twice(
    site: WebState, web: WebState, node: Place
) -> None:
    site.settings = site.settings.model_copy(update={"evidence": web.settings.evidence})
    with page_over(site, node) as page:
        assert [len(one["segments"]) for one in page.get(DOOR).json()["recorded"]] == [2, 1]
        assert "Teach a span</h2>\n    <form" in page.get("/cameras/door/recorded").text
    assert find_recording(site, "door", file_of(web).stem) == file_of(web)


def test_more_cameras_than_are_told_at_once_are_asked_for(site: WebState, node: Place) -> None:
    cameras = [f"none{number}" for number in range(CAMERAS_MAX)] + ["door"]
    site.keeper = NodeEvidence(lambda: (node,))
    found = recordings(site, cameras, joined=True)
    assert [(one.start, one.end) for one in found.segments["door"]] == [
        (at(0), at(20)),
        (at(60), at(70)),
    ]
    assert found.silent == []


def test_what_another_machine_recorded_is_taught_there(
    page: TestClient, site: WebState, web: WebState, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = page.post("/api/v1/spans", json=span())
    assert answer.status_code == 201
    told = answer.json()
    assert page.get(told["media"]["clip"]).status_code == 200
    event = web.store.event(told["event"]["id"])
    assert (event.label, event.reviewer, event.marked) == ("hug", "local", True)
    files = web.files(event)
    assert files is not None
    assert files.keep.is_file()
    assert [line["id"] for line in lines(web)] == [event.id]
    assert lines(site) == [], "the machine that keeps it has it in its journal"
    assert page.get(DOOR).json()["taught"] == {"hug": 1}
    assert f"span {event.id} (door: hug) taught by local" in caplog.text

    assert page.delete("/api/v1/events/a").status_code == 409
    assert page.delete(f"/api/v1/events/{event.id}").status_code == 204
    assert page.delete(f"/api/v1/events/{event.id}").status_code == 404
    assert not files.there
    assert [line["schema"] for line in lines(web)] == [
        "har-monitor.span.v1", "har-monitor.deleted.v1",
    ]  # fmt: skip


def test_the_page_of_what_another_machine_recorded_teaches(page: TestClient) -> None:
    text = page.get("/cameras/door/recorded").text
    assert "Teach a span</h2>\n    <form" in text
    assert "Make a model of it" not in text


def test_what_no_machine_that_answers_has_recorded_is_not_taught(
    page: TestClient, web: WebState
) -> None:
    assert page.post("/api/v1/spans", json=span(camera="gone")).status_code == 404
    refused = page.post("/api/v1/spans", json=span(19))
    assert (refused.status_code, refused.json()["detail"]) == (
        422,
        "camera door: no machine that answers has recorded all of 2026-05-04 08:00:19 to 08:00:21 "
        "UTC; shard 2/2 on two does not answer",
    )
    assert web.store.count() == 4


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"min_free_gib": 1e6}, 503, "less than 1e+06 GiB of the disk are free"),
        ({"lease": ("shard 1", 7)}, 503, "the lease shard 1 is no longer of epoch 7"),
    ],
)
def test_why_another_machine_does_not_keep_it_is_told(
    page: TestClient, web: WebState, changes: dict[str, Any], code: int, said: str
) -> None:
    web.settings = web.settings.model_copy(update=changes)
    web.guard_store()
    answer = page.post("/api/v1/spans", json=span())
    assert answer.status_code == code
    assert said in answer.json()["detail"]
    assert web.store.count() == 4


def test_what_was_taught_on_a_machine_that_is_gone_stays(
    site: WebState, page: TestClient, gone: Place
) -> None:
    name = page.post("/api/v1/spans", json=span()).json()["event"]["id"]
    with page_over(site, gone) as alone:
        kept = alone.delete(f"/api/v1/events/{name}")
    assert kept.status_code == 503
    assert kept.json()["detail"] == f"event {name}: no machine that has its clip answers"
    assert page.get(f"/api/v1/events/{name}").status_code == 200


def test_an_older_machine_says_that_it_cannot_keep_it(
    site: WebState, node: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_evidence, "KEEP_S", 1.0)
    known = [[int(at(begin_s).timestamp() * 1000) for begin_s in (0, 20)]]

    async def told(request: Request) -> Response:
        return JSONResponse({"door": known})

    older = Starlette(routes=[Route("/recorded", told, methods=["POST"])])
    with listening_node(older, LiveState(), "2/2") as place, page_over(site, place) as page:
        answer = page.post("/api/v1/spans", json=span())
    assert (answer.status_code, answer.json()["detail"]) == (
        503, "shard 2/2 on one cannot do it (HTTP 404)",
    )  # fmt: skip


def test_a_machine_keeps_no_span_of_which_it_is_not_told_all(web: WebState) -> None:
    line = {
        "schema": "har-monitor.span.v1", "id": "x", "time": at(30).isoformat(), "by": "ann",
        "camera": "door", "start_time": at(4).isoformat(), "end_time": at(6).isoformat(),
    }  # fmt: skip
    with TestClient(make_node_app(web, SECRET), headers=SHOWN) as asked:
        for wrong in (
            {"id": "../x"}, {"camera": "../door"}, {"camera": "yard/"}, {"label": "a/b"},
            {"start_time": at(19).isoformat(), "end_time": at(21).isoformat()}, {"more": 1},
        ):  # fmt: skip
            assert asked.post("/spans", json=line | wrong).status_code == 422, wrong
        assert asked.post("/spans", json=[]).status_code == 422
        assert web.store.count() == 4
        assert asked.post("/spans", json=line).status_code == 201
        assert asked.post("/spans", json=line).status_code == 201, "twice is once"
        assert web.store.count() == 5
        deleted = {name: line[name] for name in ("id", "time", "by")}
        deleted |= {"schema": "har-monitor.deleted.v1"}
        for path, body in (("/events/x", {}), ("/events/x", deleted | {"id": "a"})):
            assert asked.request("DELETE", path, json=body).status_code == 422
        assert asked.request("DELETE", "/events/a", json=deleted | {"id": "a"}).status_code == 404
        assert asked.request("DELETE", "/events/x", json=deleted).status_code == 204
    assert web.store.count() == 4
