"""Who is let in, and what cannot be done from outside."""

import re
from datetime import timedelta
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from monitor.store.event import EventFilter, Review, Verdict
from monitor.store.skips import SkipLog, WindowCounts
from monitor.store.states import StateLog
from monitor.store.store import UnknownEvent
from monitor.web import adding, api, media, pages, recorded, shadows, sockets
from monitor.web.access import LOCAL, Role, User, Visit, check_routes
from monitor.web.app import make_app
from monitor.web.state import WebState
from tests.monitor.web.conftest import BEGAN, STRANGE, ended

LIVE = "ws://127.0.0.1:8470/live"
PAGES = [
    "/",
    "/events",
    "/events/a",
    "/cameras/door",
    "/cameras/door/recorded",
    "/timeline?day=2026-05-04",
    "/health",
    "/models",
]


def test_every_route_says_whom_it_lets_in(web: WebState) -> None:
    modules = (adding, api, media, pages, recorded, shadows, sockets)
    declared = [
        route.path
        for module in modules
        for route in module.router.routes
        if any(hasattr(one.call, "role") for one in route.dependant.dependencies)  # type: ignore[attr-defined]
    ]
    assert len(declared) == sum(len(one.router.routes) for one in modules)


def test_a_route_that_does_not_say_so_keeps_everything_from_being_served(web: WebState) -> None:
    app = make_app(web)
    app.add_api_route("/secrets", lambda: "")
    with pytest.raises(RuntimeError, match="/secrets does not say who may use it"):
        check_routes(app.routes)
    own = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    own.mount("/files", FastAPI())
    with pytest.raises(RuntimeError, match="/files does not say"):
        check_routes(own.routes)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8470", "", "[::2]", "a b"]
)
def test_another_name_of_this_machine_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/events", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8470", "127.0.0.1", "[::1]:8470", "HAR.example:1"])
def test_its_own_names_are_not(client: TestClient, host: str) -> None:
    assert client.get("/api/v1/events", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_foreign_page_can_write_nothing_and_open_no_socket(
    client: TestClient, web: WebState, headers: dict[str, str]
) -> None:
    answer = client.patch("/api/v1/events/a", json={"review": "dismissed"}, headers=headers)
    assert answer.status_code == 403
    assert web.store.event("a").review == "unreviewed"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=headers):
        pass


def test_a_form_of_a_foreign_page_is_no_order(client: TestClient, web: WebState) -> None:
    kinds = ("text/plain", "application/x-www-form-urlencoded")
    for kind in kinds:
        answer = client.post(
            "/api/v1/reviews",
            content='{"ids": ["a"], "verdict": {"review": "dismissed"}}',
            headers={"content-type": kind},
        )
        assert answer.status_code == 422
    assert web.store.event("a").review == "unreviewed"


@pytest.mark.parametrize(
    "path", [*PAGES, "/api/v1/events", "/static/page.js", "/nothing", "/healthz"]
)
def test_every_answer_forbids_foreign_content(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "://" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_script_or_style_of_its_own_and_names_no_other_host(
    client: TestClient, path: str
) -> None:
    text = client.get(path).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert re.findall(r"<script[^>]*>[^<]", text) == []
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == []


def test_names_and_notes_are_text_whatever_they_hold(client: TestClient, web: WebState) -> None:
    web.store.record(*ended("e", 4, camera=STRANGE, region=STRANGE, label=STRANGE))
    said = Verdict(note=STRANGE, review=Review.RELABELLED, review_label="<b> & 'hug'")
    web.store.review("e", said, STRANGE)
    for path in (
        "/",
        "/events",
        "/events/e",
        f"/events?camera={quote(STRANGE)}",
        "/timeline?day=2026-05-04",
    ):
        text = client.get(path).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script>alert" not in text
    assert (
        "<script>"
        not in client.get("/events/<script>alert(1)</script>", headers={"accept": "text/html"}).text
    )


@pytest.mark.parametrize(
    "path",
    [
        "/media/../../../etc/passwd/clip.mp4",
        "/media/..%2f..%2f..%2fetc%2fpasswd/clip.mp4",
        "/media/a/..%2f..%2fevents.sqlite",
        "/media/a/clip.mp4%00.jpg",
        "/media/a/../../alerts.jsonl",
        "/media/a/keep",
        "/media/%2fetc%2fpasswd/snapshot.jpg",
        "/media/..\\..\\x/clip.mp4",
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/cameras/..%2f..%2f",
    ],
)
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (404, 422)


def test_an_event_whose_id_is_a_path_has_no_evidence(client: TestClient, web: WebState) -> None:
    start, end = ended("../../../alerts", 5)
    web.store.record(start, end)
    assert client.get(f"/media/{quote('../../../alerts', safe='')}/clip.mp4").status_code == 404
    assert client.get("/events").status_code == 200


def visit(web: WebState, *cameras: str) -> Visit:
    return Visit(User("ann", Role.VIEWER, frozenset(cameras)), web)


def test_events_of_other_cameras_are_unknown_to_a_user(web: WebState) -> None:
    ann = visit(web, "yard")
    assert [event.id for event in ann.page(EventFilter(), None, 9)[0]] == ["b"]
    assert ann.page(EventFilter(camera=("door",)), None, 9) == ([], None)
    assert ann.count(EventFilter(camera=("door", "yard"))) == 1
    assert ann.names()[0] == ["yard"]
    assert ann.neighbours(ann.event("b"), EventFilter()) == (None, None)
    states, skips = StateLog(web.store), SkipLog(web.store)
    for camera in ("door", "yard"):
        for count in (0, 9):
            states.note({camera: ("live", "")}, BEGAN + timedelta(seconds=count))
            skips.note({camera: WindowCounts(0, {"gaps": count})}, BEGAN)
    states.note({}, BEGAN + timedelta(seconds=20))
    skips.close()
    day, cameras = (BEGAN, BEGAN + timedelta(days=1)), ("door", "yard")
    found = (*ann.states(*day), *ann.skipped_minutes(cameras, *day), *ann.skip_spans(cameras, *day))
    assert [one.camera for one in found] == 3 * ["yard"]
    for act in (lambda: ann.event("a"), lambda: ann.review("a", Verdict(marked=True))):
        with pytest.raises(UnknownEvent):
            act()
    assert web.store.event("a").marked is False


def test_a_user_without_cameras_sees_nothing(web: WebState) -> None:
    nobody = visit(web)
    assert nobody.page(EventFilter(), None, 9) == ([], None)
    assert nobody.count(EventFilter()) == 0
    assert LOCAL.sees("anything")
