"""What a process that watches a shard serves: to those who know its secret, and no other files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from monitor.evidence.folder import event_files
from monitor.link import unpack
from monitor.store.event import Verdict
from monitor.web.live import Still, Video
from monitor.web.node import keep_marked, make_node_app
from monitor.web.state import WebState
from testkit.alerts import alert
from testkit.fakes import wait_until
from tests.monitor.web.conftest import BEGAN

SECRET = "a-secret"
SHOWN = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture
def node(web: WebState) -> Iterator[TestClient]:
    """The page over all shards, as far as the node sees it."""
    with TestClient(make_node_app(web, SECRET), headers=SHOWN) as client:
        yield client


def test_without_the_secret_nothing_is_served(web: WebState) -> None:
    wrong = ("", "Bearer ", "Bearer a-secre", "Bearer a-secrets", "bearer a-secret", "Basic a", "é")
    with TestClient(make_node_app(web, SECRET)) as client:
        for shown in wrong:
            headers = [("authorization", shown.encode("latin-1"))] if shown else []
            segment = "/recorded/door/20260504T080000.000Z.mp4"
            paths = ("/events/a/files/a.mp4", "/events/a", segment, "/nothing", "/")
            answers = [client.get(path, headers=headers) for path in paths]
            answers += [
                client.post(path, headers=headers, json={"ids": ["a"]})
                for path in ("/events", "/events/a/marked", "/events/a/copy", "/recorded", "/spans")
            ]
            answers.append(client.delete("/events/a", headers=headers))
            assert {answer.status_code for answer in answers} == {401}
            assert {answer.text for answer in answers} == {"the secret is needed\n"}
            with (
                pytest.raises(WebSocketDisconnect) as refused,
                client.websocket_connect("/link", headers=dict(headers)),
            ):
                pass
            assert refused.value.code == 1008
    assert not event_files(web.settings.evidence, "door", "a", BEGAN).keep.exists()


def test_files_of_events_are_served_whole_or_in_part(node: TestClient, web: WebState) -> None:
    files = event_files(web.settings.evidence, "door", "a", BEGAN)
    for path in (files.clip, files.snapshot, files.thumbnail, files.strip, files.facts_file):
        whole = node.get(f"/events/a/files/{path.name}")
        assert (whole.status_code, whole.content) == (200, path.read_bytes())
        head = node.head(f"/events/a/files/{path.name}")
        assert int(head.headers["content-length"]) == len(whole.content)
        assert head.headers["etag"] == whole.headers["etag"]
    part = node.get("/events/a/files/a.mp4", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")


def test_no_path_leads_to_any_other_file(node: TestClient, web: WebState) -> None:
    files = event_files(web.settings.evidence, "door", "a", BEGAN)
    files.keep.touch()
    for path in (
        "/events/../../etc/passwd",
        "/events/a/files/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/events/a/files/..%2f..%2f..%2falerts.jsonl",
        "/events/a/files/%2fetc%2fpasswd",
        "/events/%2e%2e%2f%2e%2e%2fevents.sqlite/files/a.mp4",
        "/events/..%5c..%5calerts.jsonl/files/a.mp4",
        "/events//etc/passwd/files/a.mp4",
        "/events/a/files/a.keep",
        "/events/a/files/b.mp4",
        "/events/a/files/%00",
        "/events/a/files/",
        "/events/unknown/files/a.mp4",
        "/events/b/files/b.mp4",
    ):
        assert node.get(path).status_code == 404, path


def test_an_event_whose_id_or_camera_is_a_path_has_no_files(
    node: TestClient, web: WebState, tmp_path: Path
) -> None:
    """An alert log from elsewhere may hold any."""
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    web.store.record(
        alert("../../../secret", time=BEGAN, start_time=BEGAN),
        alert("x", camera="../..", time=BEGAN, start_time=BEGAN),
    )
    ids = ["../../../secret", "x"]
    assert node.get("/events/..%2F..%2F..%2Fsecret/files/secret.mp4").status_code == 404
    assert node.get("/events/x/files/x.mp4").status_code == 404
    assert node.post("/events", json={"ids": ids}).json() == {}


def test_it_says_what_there_is_of_some_events(node: TestClient) -> None:
    found = node.post("/events", json={"ids": ["a", "b", "unknown"]})
    assert found.json() == {"a": ["a.mp4", "a.jpg", "a.small.jpg", "a.strip.jpg", "a.json"]}
    for wrong in ({}, {"ids": "a"}, {"ids": ["a"] * 501}, []):
        assert node.post("/events", json=wrong).status_code == 422


def test_it_makes_copies_as_its_own_page_does(node: TestClient, web: WebState) -> None:
    assert node.post("/events/b/copy").status_code == 404
    answer = node.post("/events/a/copy")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    web.copies.close()


def test_it_keeps_the_evidence_of_what_is_marked_in_the_store(
    node: TestClient, web: WebState
) -> None:
    keep = event_files(web.settings.evidence, "door", "a", BEGAN).keep
    web.store.review("a", Verdict(marked=True), "ann")
    assert node.post("/events/a/marked").status_code == 204
    assert keep.exists()
    web.store.review("a", Verdict(marked=False), "ann")
    assert node.post("/events/a/marked").status_code == 204
    assert not keep.exists()
    assert node.post("/events/b/marked").status_code == 404


def test_what_was_marked_meanwhile_is_kept(web: WebState) -> None:
    keep = event_files(web.settings.evidence, "door", "a", BEGAN).keep
    for id in ("a", "b"):
        web.store.review(id, Verdict(marked=True), "ann")
    keep_marked(web)
    assert [path.name for path in web.settings.evidence.rglob("*.keep")] == [keep.name]


def test_a_node_serves_the_evidence_of_all_its_shards(
    node: TestClient, web: WebState, tmp_path: Path
) -> None:
    """A shard that comes back has another folder than it had."""
    there = event_files(tmp_path / "shard-1" / "b" / "evidence", "yard", "b", BEGAN.replace(hour=9))
    there.stem.parent.mkdir(parents=True)
    there.snapshot.write_bytes(b"picture")
    web.settings = web.settings.model_copy(update={"beside": (tmp_path, "*/*/evidence")})
    assert node.post("/events", json={"ids": ["a", "b"]}).json().keys() == {"a", "b"}
    assert node.get("/events/b/files/b.jpg").content == b"picture"


def test_what_is_looked_at_is_sent(node: TestClient, web: WebState) -> None:
    web.live.stills = {
        name: Still(number, name.encode(), 16, 9) for number, name in enumerate(("door", "yard"), 1)
    }
    web.live.videos = {}
    with node.websocket_connect("/link") as socket:
        socket.send_json({"looked_at": ["yard"], "watched": [], "videos": ["door"]})
        head, body = unpack(socket.receive_bytes())
        assert head == {"type": "still", "camera": "yard", "width": 16, "height": 9}
        assert body == b"yard"
        web.live.videos["door"] = Video("avc1", b"begin", [b"key", b"more"], first=7)
        node.portal.call(web.live.told_anew)
        got = [unpack(socket.receive_bytes()) for _ in range(3)]
        assert got == [
            ({"type": "video", "camera": "door", "codec": "avc1"}, b"begin"),
            ({"type": "video", "camera": "door", "key": True}, b"key"),
            ({"type": "video", "camera": "door", "key": False}, b"more"),
        ]
    wait_until(lambda: not any(any(one.values()) for one in web.live._viewers.values()))
