"""From a camera's frames to who looks at the page, over a real socket."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from starlette.testclient import TestClient

from monitor.display.hub import Channel, Hub
from monitor.events.alert import AlertEvent
from monitor.health.health_file import examine
from monitor.health.status import CameraSnapshot, RegionStatus
from monitor.link import LinkClosed, pack, receive
from monitor.states import CameraState
from monitor.web.feed import FeedSink, LiveFeed
from monitor.web.live import LiveState, Look, Still
from monitor.web.pictures import STILL_S, WATCH_S, LivePictures, Send
from monitor.web.state import WebState
from testkit.alerts import alert
from testkit.fakes import Clock, picture, wait_until
from testkit.patience import LIMIT_S
from tests.monitor.evidence.test_pictures import opened

DOOR = Channel("door", True, (), {})
SNAPSHOT = CameraSnapshot(
    "door",
    "rtsp://door/",
    CameraState.LIVE,
    regions={"": RegionStatus({}, 0.9, ("fight",)), "gate": RegionStatus({}, 0.2)},
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def nothing(send: Send) -> LivePictures:
    return LivePictures(Hub(), lambda camera: None, send)


@dataclass
class Feed:
    link: LiveFeed
    pictures: LivePictures


@pytest.fixture
def both(clock: Clock) -> Iterator[Feed]:
    made: list[LivePictures] = []

    def pictures(send: Send) -> LivePictures:
        made.append(LivePictures(Hub(), lambda camera: None, send, clock))
        return made[0]

    link = LiveFeed(pictures)
    yield Feed(link, made[0])
    link.close()
    link.close()


@pytest.fixture
def feed(both: Feed) -> LiveFeed:
    return both.link


@pytest.fixture
def pictures(both: Feed) -> LivePictures:
    return both.pictures


@pytest.fixture
def page(feed: LiveFeed) -> Iterator[socket.socket]:
    """The page's end of the link."""
    ours, its = socket.socketpair()
    feed.connect(ours)
    yield its
    its.close()


def look(
    page: socket.socket, pictures: LivePictures, looked_at: str = "", watched: str = ""
) -> None:
    order = {"type": "look", "looked_at": looked_at.split(), "watched": watched.split()}
    page.sendall(pack(order))
    names = [*looked_at.split(), *watched.split()]
    wait_until(lambda: all(map(pictures.wants, names)))


def test_nothing_is_wanted_while_nobody_looks(pictures: LivePictures, page: socket.socket) -> None:
    assert not pictures.wants("door")
    assert not pictures.wakes("door")


def test_the_wall_shows_a_still_a_second_and_wakes_nobody(
    pictures: LivePictures, page: socket.socket, clock: Clock
) -> None:
    look(page, pictures, looked_at="door")
    assert not pictures.wakes("door")
    assert not pictures.wants("yard")
    pictures.take(DOOR, picture(0.0))
    head, data = receive(page)
    assert (head["type"], head["camera"]) == ("still", "door")
    assert opened(data).shape[1] <= 320
    assert not pictures.wants("door"), "a second has not passed"
    clock.now_s += STILL_S
    assert pictures.wants("door")


def test_who_watches_a_camera_wakes_it_and_sees_more(
    pictures: LivePictures, page: socket.socket, clock: Clock
) -> None:
    look(page, pictures, watched="door")
    assert pictures.wakes("door")
    pictures.take(DOOR, picture(0.0))
    receive(page)
    clock.now_s += WATCH_S
    assert pictures.wants("door")


def test_states_and_alerts_are_told(feed: LiveFeed, page: socket.socket) -> None:
    feed.tell(examine([SNAPSHOT], []), [SNAPSHOT])
    FeedSink(feed).write(alert("a"))

    state, _ = receive(page)
    told, _ = receive(page)

    assert state["states"]["door"] == {
        "state": "live", "cause": "", "score": 0.9, "open": [{"region": "", "label": "fight"}],
    }  # fmt: skip
    assert state["health"]["schema"] == "har-monitor.health.v1"
    assert AlertEvent.model_validate(told["alert"]) == alert("a")


def test_what_the_configuration_says_anew_is_told_now_and_to_the_next_page(
    feed: LiveFeed, page: socket.socket, web: WebState
) -> None:
    feed.renew(web.settings)
    ours, its = socket.socketpair()
    feed.connect(ours)
    for told in (receive(page), receive(its)):
        assert told == ({"type": "settings"}, web.settings.model_dump_json().encode())
    its.close()


def test_a_promotion_is_told_to_who_watches() -> None:
    came = threading.Event()
    feed = LiveFeed(nothing, on_promotion=came.set)
    ours, its = socket.socketpair()
    feed.connect(ours)
    its.sendall(pack({"type": "promotion", "camera": "/etc/passwd"}))
    assert came.wait(LIMIT_S)
    feed.close()
    its.close()


def test_an_order_about_cameras_is_answered_to_who_gave_it() -> None:
    async def ordered(its: socket.socket) -> list[object]:
        live = LiveState()
        following = asyncio.create_task(live.follow(its, lambda: None))
        while not live.connected:
            await asyncio.sleep(0)
        told: list[object] = list(
            await asyncio.gather(live.ask({"n": 1}, LIMIT_S), live.ask({"n": 2}, LIMIT_S))
        )
        unanswered = asyncio.create_task(live.ask({"n": 3}, LIMIT_S))
        with pytest.raises(TimeoutError):
            await live.ask({"n": 3}, 0.05)
        feed.close()
        with pytest.raises(LinkClosed):
            await unanswered
        await following
        with pytest.raises(LinkClosed):
            await live.ask({"n": 4}, LIMIT_S)
        return told

    answered = threading.Event()

    def answer(order: dict[str, int]) -> dict[str, int]:
        if order["n"] == 3:
            answered.wait(LIMIT_S)
        return {"twice": 2 * order["n"]}

    feed = LiveFeed(nothing, on_cameras=answer)
    ours, its = socket.socketpair()
    feed.connect(ours)
    assert asyncio.run(ordered(its)) == [{"twice": 2}, {"twice": 4}]
    answered.set()


def test_a_page_that_is_gone_or_hangs_holds_up_nobody(
    feed: LiveFeed, pictures: LivePictures, page: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.web.feed._SEND_S", 0)
    look(page, pictures, watched="door")
    page.close()
    wait_until(lambda: not pictures.wakes("door"))
    feed.tell(examine([SNAPSHOT], []), [SNAPSHOT])
    ours, its = socket.socketpair()
    feed.connect(ours)  # the next process of the page
    feed.announce(alert("b"))
    assert receive(its)[0]["alert"]["id"] == "b"
    its.close()


def test_what_is_no_message_ends_the_link() -> None:
    for data in (b"", b"\x00", b"\xff" * 8, pack({})[:-1]):
        ours, its = socket.socketpair()
        its.sendall(data)
        its.close()
        with pytest.raises(LinkClosed):
            receive(ours)
        ours.close()


def test_the_page_follows_the_watching_process() -> None:
    ours, its = socket.socketpair()
    settings: list[bytes] = []
    state, ended = LiveState(on_settings=settings.append), threading.Event()

    async def follow() -> None:
        following = asyncio.create_task(state.follow(its, ended.set))
        while not state.connected:
            await asyncio.sleep(0.01)
        with state.looking(frozenset(("door",)), Look.STILLS):
            with state.looking(frozenset(("door",)), Look.PICTURES):
                pass
            ours.sendall(
                pack({"type": "state", "health": {"version": "1"}, "states": {"door": {}}})
            )
            still = {"type": "still", "camera": "door", "width": 4, "height": 3}
            ours.sendall(pack(still, b"jpeg"))
            ours.sendall(pack({"type": "settings"}, b"{}"))
            for name in ("a", "b"):
                ours.sendall(pack({"type": "alert", "alert": {"id": name}}))
            while state.alerts < 2:
                await state.changed(state.told, 5.0)
        state.tell_of_promotion()
        await asyncio.sleep(0.05)
        ours.shutdown(socket.SHUT_WR)
        await following

    asyncio.run(follow())
    orders = [receive(ours)[0] for _ in range(5)]
    assert receive(ours)[0] == {"type": "promotion"}
    ours.close()
    state.tell_of_promotion()  # to nobody

    assert ended.is_set()
    assert not state.connected
    assert settings == [b"{}"]
    assert state.stills == {"door": Still(1, b"jpeg", 4, 3)}
    assert [one["id"] for one in state.alerts_after(1)] == ["b"]
    assert state.alerts_after(2) == []
    assert [(one["looked_at"], one["watched"]) for one in orders] == [
        ([], []), (["door"], []), (["door"], ["door"]), (["door"], []), ([], []),
    ]  # fmt: skip


def test_a_browser_is_shown_stills_and_states_of_its_cameras(
    client: TestClient, web: WebState
) -> None:
    web.live.states = {"door": {"state": "live"}, "gone": {"state": "live"}}
    web.live.stills = {"door": Still(3, b"jpeg", 640, 360), "yard": Still(4, b"other", 4, 3)}
    with client.websocket_connect("ws://127.0.0.1:8470/live?watch=door") as browser:
        assert browser.receive_json()["states"] == {"door": {"state": "live"}}
        data = browser.receive_bytes()
    assert data.endswith(b"jpeg")
    assert b'"width": 640' in data


def test_changes_are_told_as_server_sent_events(client: TestClient, web: WebState) -> None:
    web.live.states = {"door": {"state": "live"}}
    web.live.health = {"version": "1"}
    description = client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/changes"]
    assert "Server-sent events" in description["get"]["description"]
