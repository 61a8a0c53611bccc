"""The page over all shards: what it says of each, and where it finds what others keep."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from monitor.cli.serving import Server, serving
from monitor.errors import MonitorError
from monitor.evidence.folder import EventFiles, event_files
from monitor.health.report import REPORT, Report, ShardView
from monitor.health.status import CameraSnapshot, RegionStatus
from monitor.listening import authority, listen
from monitor.records import SinkStatus
from monitor.states import CameraState
from monitor.store.database import StoreError
from monitor.store.journal import Journal
from monitor.store.lease import Fence, Holder, Leases, Site
from monitor.store.reports import ShardReport, write_report
from monitor.store.store import EventStore
from monitor.web.access import Visit
from monitor.web.app import make_app
from monitor.web.live import LiveState, Look, Still, Video
from monitor.web.node import make_node_app
from monitor.web.node_evidence import NodeEvidence
from monitor.web.settings import CameraSettings, ShardSettings
from monitor.web.site import Place, SiteLive, SiteReader, SiteView, show, site_health, site_states
from monitor.web.state import WebState
from monitor.web.users import Role, User
from tests.monitor.web.conftest import BEGAN
from tests.monitor.web.test_shadows import TRIED

SECRET = "a-secret"
LIVE = CameraSnapshot(
    "door", "rtsp://door/", CameraState.LIVE, fps=25.0,
    regions={"": RegionStatus({"fight": 0.9}, 0.9, ("fight",))},
)  # fmt: skip
DOOR, YARD, ATTIC = (
    CameraSettings(name=name, source=f"rtsp://{name}/", live=True, regions=())
    for name in ("door", "yard", "attic")
)
SINKS = (SinkStatus("event store", 1, 2, 0), SinkStatus("evidence", 0, 0, 0))


def view(age_s: float = 1.0) -> SiteView:
    return SiteView(
        (
            ShardView("1/3", "one", 11, 4, 1.0, Report(cameras=(LIVE,), sinks=SINKS)),
            ShardView(
                "2/3", "two", 22, 1, age_s,
                Report(cameras=(replace(LIVE, name="yard"),), sinks=SINKS),
            ),
            ShardView("3/3"),
        ),
        {
            "1/3": ShardSettings(cameras=(DOOR,), models=(("model", "fights"),)),
            "2/3": ShardSettings(cameras=(YARD.model_copy(update={"labels": ("fight",)}),)),
        },
    )  # fmt: skip


def test_cameras_of_a_silent_shard_are_unknown_with_since_when() -> None:
    found = site_states(view(14.2), ("door", "yard", "attic"))
    assert (found["door"]["state"], found["door"]["score"]) == ("live", 0.9)
    assert found["door"]["open"] == [{"region": "", "label": "fight"}]
    assert (found["yard"]["state"], found["yard"]["open"]) == ("unknown", [])
    assert found["yard"]["cause"] == "shard 2/3 on two was last heard of 14 s ago"
    assert found["attic"]["cause"] == "no process watches it"


def test_the_health_of_a_site_is_that_of_its_shards() -> None:
    found = site_health(view(), (DOOR, YARD, ATTIC))
    assert [one["watched"] for one in found["cameras"]] == [True, True, False]
    assert found["sinks"][0] == {"name": "event store", "waiting": 2, "retried": 4, "lost": 0}
    assert found["alerts_waiting"] == 2
    assert [(one["node"], one["heard"], one["watched"]) for one in found["shards"]] == [
        ("one", True, 1),
        ("two", True, 1),
        ("", False, 0),
    ]
    later = site_health(view(11.0), (DOOR, YARD, ATTIC))
    assert [one["state"] for one in later["cameras"]] == ["live", "unknown", "unknown"]
    assert [one["watched"] for one in later["cameras"]] == [True, False, False]
    assert later["shards"][1] | {"heard": False, "watched": 0, "age_s": 11.0} == later["shards"][1]
    assert later["alerts_waiting"] == 1, "of a silent one nobody knows"


def test_the_page_shows_what_shards_say_of_cameras_in_the_order_of_the_configuration(
    web: WebState,
) -> None:
    show(web, (YARD, ATTIC), view())
    assert [one.name for one in web.settings.cameras] == ["yard", "attic", "door"]
    assert web.settings.cameras[0].labels == ("fight",)
    assert web.settings.models == (("model", "fights"),)


def lease(store: EventStore, number: int) -> Fence:
    found = Leases(store).acquire(f"shard {number}", Holder(str(number), "x"), Site("home", 3, ""))
    assert isinstance(found, Fence)
    return found


def test_shards_are_read_from_the_store_and_those_that_nobody_watches_are_missed(
    web: WebState, caplog: pytest.LogCaptureFixture
) -> None:
    reader = SiteReader(web.store)
    assert reader.read() == SiteView()
    said = ShardReport(
        "2/3", "two", 22, "192.0.2.2:4000", SECRET,
        ShardSettings(cameras=(YARD,)).model_dump_json(),
        REPORT.dump_json(Report(cameras=(replace(LIVE, name="yard"),))).decode(),
    )  # fmt: skip
    write_report(web.store, said, lease(web.store, 2))
    write_report(web.store, replace(said, shard="3/3", state='{"cameras": 7}'), lease(web.store, 3))
    found = reader.read()
    assert [(one.shard, one.heard) for one in found.shards] == [
        ("1/3", False),
        ("2/3", True),
        ("3/3", True),
    ]
    assert [one.name for one in found.shards[1].report.cameras] == ["yard"]
    assert found.settings["2/3"].cameras == (YARD,)
    assert found.places[0] == Place("2/3", "two", "192.0.2.2:4000", SECRET)
    assert SECRET not in repr(found)
    reader.read()
    assert caplog.messages == [
        "shard 3/3 on two: what it says cannot be read: is it of another version?"
    ]


@contextmanager
def listening_node(app: ASGIApp, live: LiveState, shard: str = "1/2") -> Iterator[Place]:
    """What a process of a shard serves, at an address of its own."""
    listening = listen("node", "127.0.0.1", 0, "")
    server = Server(serving(app), live)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True
    )
    thread.start()
    try:
        yield Place(shard, "one", authority(*listening.getsockname()), SECRET)
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def node(web: WebState) -> Iterator[Place]:
    """A process that keeps evidence; as shard 1/2."""
    with listening_node(make_node_app(web, SECRET), web.live) as found:
        yield found


@pytest.fixture
def gone() -> Place:
    """One that is heard of, and does not answer."""
    listening = listen("gone", "127.0.0.1", 0, "")
    address = authority(*listening.getsockname())
    listening.close()
    return Place("2/2", "two", address, SECRET)


@pytest.fixture
def site(web: WebState, node: Place, gone: Place, tmp_path: Path) -> Iterator[WebState]:
    """The page over both, on a machine without any evidence."""
    elsewhere = NodeEvidence(lambda: (gone, node))
    settings = web.settings.model_copy(update={"evidence": tmp_path / "none", "site": True})
    made = WebState(
        settings,
        EventStore(settings.store),
        Journal(tmp_path / "page.reviews.jsonl"),
        SiteLive(),
        elsewhere=(elsewhere,),
        keeper=elsewhere,
    )
    yield made
    made.store.close()
    made.journal.close()


def test_evidence_of_another_machine_is_found_and_passed_on(site: WebState, web: WebState) -> None:
    files = event_files(web.settings.evidence, "door", "a", BEGAN)
    with TestClient(make_app(site), base_url="http://127.0.0.1:8470") as client:
        listed = {one["event"]["id"]: one for one in client.get("/api/v1/events").json()["events"]}
        assert listed["a"]["media"]["clip"] == "/media/a/clip.mp4"
        assert listed["a"]["media"]["h264"] == "/media/a/h264.mp4"
        assert listed["b"]["media"]["clip"] is None
        assert listed["b"]["media"]["h264"] is None
        whole = client.get("/media/a/clip.mp4")
        assert whole.content == files.clip.read_bytes()
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["cache-control"] == "private, max-age=86400"
        part = client.get("/media/a/clip.mp4", headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert part.headers["content-range"].startswith("bytes 4-7/")
        beyond = client.get("/media/a/clip.mp4", headers={"Range": "bytes=9999999-"})
        assert beyond.status_code == 416
        assert client.get("/media/b/clip.mp4").status_code == 404
        assert client.get("/media/unknown/clip.mp4").status_code == 404
        assert "the filmstrip below" in client.get("/events/a").text, "the facts came, too"


def test_a_review_is_in_the_store_and_a_mark_where_the_evidence_is(
    site: WebState, web: WebState, caplog: pytest.LogCaptureFixture
) -> None:
    keep = event_files(web.settings.evidence, "door", "a", BEGAN).keep
    with TestClient(make_app(site), base_url="http://127.0.0.1:8470") as client:
        answer = client.patch("/api/v1/events/a", json={"review": "confirmed", "marked": True})
        assert answer.status_code == 200
        assert keep.exists()
        assert client.patch("/api/v1/events/b", json={"marked": True}).status_code == 200
    assert [web.store.event(id).marked for id in ("a", "b")] == [True, True]
    said = "event b: no machine that has its evidence answers; it looks for marked events once an"
    assert said in caplog.text


def test_a_machine_that_does_not_answer_is_spared_for_a_while(
    web: WebState, gone: Place, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = 0.0
    event = web.store.event("a")
    evidence = NodeEvidence(lambda: (gone,), lambda: now_s)
    assert evidence.names(event) == ()
    assert evidence.find(event, "a.mp4") is None
    with pytest.raises(MonitorError):
        evidence.mark(event)
    assert len(caplog.messages) == 1
    assert SECRET not in caplog.text
    assert evidence._usable() == []
    now_s = 11.0
    assert evidence._usable() == [gone]


def test_a_file_that_has_changed_or_is_gone_meanwhile_is_not_mixed_with_another(
    web: WebState, node: Place
) -> None:
    files = event_files(web.settings.evidence, "door", "a", BEGAN)
    evidence = NodeEvidence(lambda: (node,))
    found = evidence.find(web.store.event("a"), files.clip.name)
    assert found is not None
    assert b"".join(found.parts()) == files.clip.read_bytes()
    files.clip.write_bytes(b"another one, of another size")
    with pytest.raises(MonitorError, match="the file has changed, or is gone"):
        found.read(0, 4)
    files.clip.unlink()
    with pytest.raises(MonitorError, match="the file has changed, or is gone"):
        found.read(0, 4)


def test_a_copy_that_is_being_made_elsewhere_is_asked_for_again(
    site: WebState, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = event_files(web.settings.evidence, "door", "a", BEGAN)

    def ensure(asked: EventFiles) -> None:
        assert asked == files
        if not files.copy.exists():
            raise HTTPException(503, "the copy is being made", {"Retry-After": "2"})

    monkeypatch.setattr(web.copies, "ensure", ensure)
    with TestClient(make_app(site), base_url="http://127.0.0.1:8470") as client:
        told = client.get("/media/a/h264.mp4")
        assert (told.status_code, told.headers["retry-after"]) == (503, "2")
        assert told.json() == {"detail": "the copy is being made"}
        files.copy.write_bytes(b"copy")
        assert client.get("/media/a/h264.mp4").content == b"copy"
        assert client.get("/media/b/h264.mp4").status_code == 404


def test_a_process_that_cannot_ask_the_store_does_not_keep_others_from_being_asked(
    web: WebState, node: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = web.store.event("a")
    evidence = NodeEvidence(lambda: (node,))

    def fails(ids: object) -> None:
        raise StoreError("event store db: connection refused")

    monkeypatch.setattr(web.store, "some", fails)
    assert evidence.names(event) == ()
    assert evidence._usable() == [node], "it answers"


def test_an_id_of_an_alert_log_from_elsewhere_is_asked_for_as_it_is(
    web: WebState, node: Place
) -> None:
    evidence = NodeEvidence(lambda: (node,))
    for id in ("a b", "../a", "a/files/a.mp4?", "a\r\nX: y", "é"):
        event = web.store.event("a").model_copy(update={"id": id})
        assert evidence.names(event) == (), id
        evidence._found[id] = replace(evidence._found[id], names=("a.mp4",), place=node)
        assert evidence.find(event, "a.mp4") is None, id
    assert evidence._usable() == [node], "none of them is a fault of it"


def test_pictures_video_and_alerts_come_from_who_watches_the_camera(
    web: WebState, node: Place
) -> None:
    web.live.stills["door"] = Still(1, b"jpeg", 16, 9)
    web.live.stills["yard"] = Still(2, b"no camera of this shard", 16, 9)
    found = SiteView(
        (ShardView("1/2", "one", 1, 1, 0.0),), {"1/2": ShardSettings(cameras=(DOOR,))}, (node,)
    )

    class Reader(SiteReader):
        def read(self) -> SiteView:
            return found

    async def watch() -> SiteLive:
        live = SiteLive()
        watching = asyncio.create_task(live.watch(Reader(web.store)))
        with live.looking(frozenset(("door", "yard")), Look.STILLS):
            async with asyncio.timeout(10):
                while "door" not in live.stills:
                    await live.changed(live.told, 1.0)
            web.live.videos["door"] = Video("avc1", b"begin", [b"key"])
            for camera in ("door", "yard"):
                web.live._newest_alerts.append({"camera": camera})
                web.live.alerts += 1
            with live.looking(frozenset(("door",)), Look.VIDEO):
                async with asyncio.timeout(10):
                    while not (video := live.videos.get("door")) or not video.fragments:
                        await live.changed(live.told, 1.0)
                assert (video.codec, video.beginning, video.fragments) == (
                    "avc1",
                    b"begin",
                    [b"key"],
                )
        watching.cancel()
        return live

    live = asyncio.run(watch())
    assert live.stills.keys() == {"door"}
    assert live.alerts_after(0) == [{"camera": "door"}]
    assert live.videos == {}


def test_the_page_over_all_shards_changes_no_models(site: WebState) -> None:
    camera = DOOR.model_copy(update={"tried": TRIED})
    site.settings = site.settings.model_copy(update={"cameras": (camera,)})
    with TestClient(make_app(site), base_url="http://127.0.0.1:8470") as client:
        order = {"model": TRIED.shadow.sha256}
        answer = client.post("/api/v1/cameras/door/promote", json=order)
        assert answer.status_code == 409
        assert "the page over all shards changes no models" in answer.json()["detail"]
        assert "data-order" not in client.get("/models").text


def test_who_sees_some_cameras_is_told_nothing_of_the_shards(site: WebState) -> None:
    show(site, (DOOR, YARD), view())
    with TestClient(make_app(site), base_url="http://127.0.0.1:8470") as client:
        assert "no process watches it" in client.get("/health").text
        assert len(client.get("/api/v1/health").json()["shards"]) == 3
    rob = User("rob", Role.VIEWER, frozenset(("door",)))
    assert "shards" not in Visit(rob, site).health
