"""Users, their passwords and tokens, and what each of them may do."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from monitor.errors import MonitorError
from monitor.notify.notification import NotificationKind
from monitor.notify.outbox import Outbox
from monitor.store.journal import read_promotions
from monitor.web.app import make_app
from monitor.web.sessions import COOKIE, IDLE_S, LONGEST_S, TRIES, TRIES_S, Sessions
from monitor.web.state import WebState
from monitor.web.users import UserEntry, Users, UsersFile, hash_password, new_token
from testkit.alerts import alert
from testkit.fakes import Clock
from tests.monitor.web.test_security import LIVE
from tests.monitor.web.test_shadows import NEW, try_out

PASSWORD = "correct horse battery"
HTML = {"accept": "text/html"}
BASE = "http://127.0.0.1:8470"


@pytest.fixture(scope="module")
def hashed() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def token() -> tuple[str, str]:
    return new_token()


@pytest.fixture
def file(tmp_path: Path, hashed: str, token: tuple[str, str]) -> Path:
    path = tmp_path / "users.json"
    UsersFile(
        users={
            "ann": UserEntry(role="admin", password=hashed),
            "rob": UserEntry(role="reviewer", password=hashed),
            "vic": UserEntry(role="viewer", password=hashed, cameras=("yard",)),
            "bot": UserEntry(role="viewer", token=token[1]),
        }
    ).write(path)
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(web: WebState, file: Path, clock: Clock) -> WebState:
    users = Users(file)
    return WebState(web.settings, web.store, web.journal, web.live, users, Sessions(users, clock))


@pytest.fixture
def browser(guarded: WebState) -> Iterator[TestClient]:
    with TestClient(make_app(guarded), base_url=BASE, follow_redirects=False) as opened:
        yield opened


def log_in(browser: TestClient, name: str, password: str = PASSWORD, following: str = "/") -> int:
    form = {"name": name, "password": password, "next": following}
    return browser.post("/login", data=form).status_code


@pytest.mark.parametrize(
    "path",
    [
        "/", "/events", "/events/a", "/cameras/door", "/timeline", "/health", "/api/v1/events",
        "/api/v1/events/a", "/api/v1/cameras", "/api/v1/health", "/api/v1/models",
        "/api/v1/configuration", "/api/v1/changes", "/models", "/api/v1/shadows",
        "/media/a/clip.mp4", "/media/a/snapshot.jpg", "/media/a/h264.mp4",
    ],
)  # fmt: skip
def test_whoever_has_not_logged_in_is_shown_nothing(browser: TestClient, path: str) -> None:
    assert browser.get(path).status_code == 401
    page = browser.get(path, headers=HTML)
    assert page.status_code == 303
    assert page.headers["location"].startswith("/login?next=%2F")
    assert browser.get(path, headers={"authorization": "Bearer har_wrong"}).status_code == 401
    browser.cookies.set(COOKIE, "wrong")
    assert browser.get(path).status_code == 401


def test_nor_may_they_write_or_open_a_socket(browser: TestClient, web: WebState) -> None:
    assert browser.patch("/api/v1/events/a", json={"review": "dismissed"}).status_code == 401
    order = {"ids": ["a"], "verdict": {"marked": True}}
    assert browser.post("/api/v1/reviews", json=order).status_code == 401
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect(LIVE):
        pass
    assert web.store.event("a").review == "unreviewed"


def test_a_login_leads_back_to_what_was_asked_for(browser: TestClient) -> None:
    where = browser.get("/events?camera=door", headers=HTML).headers["location"]
    form = browser.get(where).text
    assert 'value="/events?camera=door"' in form
    assert log_in(browser, "ann", following="/events?camera=door") == 303
    assert browser.get("/events", headers=HTML).status_code == 200
    assert "ann" in browser.get("/events", headers=HTML).text


def test_the_cookie_is_for_the_browser_alone(browser: TestClient) -> None:
    answer = browser.post("/login", data={"name": "ann", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert re.search(r"; HttpOnly", cookie)
    assert re.search(r"; SameSite=strict", cookie, re.I)
    assert PASSWORD not in cookie


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/\r\nx",
    ],
)
def test_a_login_leads_nowhere_else(browser: TestClient, following: str) -> None:
    form = {"name": "ann", "password": PASSWORD, "next": following}
    assert browser.post("/login", data=form).headers["location"] == "/"


def test_each_role_may_do_what_it_may(browser: TestClient, web: WebState) -> None:
    verdict = {"review": "confirmed"}
    with web.store.transaction() as connection:
        of_door = alert("x", camera="door")
        Outbox(web.store).add(connection, "phone", NotificationKind.START, of_door, at_ms=0)
    assert log_in(browser, "vic") == 303
    assert browser.patch("/api/v1/events/b", json=verdict).status_code == 403
    assert browser.get("/api/v1/configuration").status_code == 403
    health = browser.get("/health", headers=HTML).text
    assert "Configuration in force" not in health
    assert "Who is told" not in health
    assert "Confirm" not in browser.get("/events/b", headers=HTML).text
    assert log_in(browser, "rob") == 303
    assert browser.patch("/api/v1/events/b", json=verdict).status_code == 200
    assert web.store.event("b").reviewer == "rob"
    assert browser.get("/api/v1/configuration").status_code == 403
    assert log_in(browser, "ann") == 303
    assert browser.get("/api/v1/configuration").status_code == 200
    assert "Who is told" in browser.get("/health", headers=HTML).text


def test_other_cameras_do_not_exist_for_a_user(browser: TestClient, web: WebState) -> None:
    state = {"state": "live", "cause": "", "score": 0.0, "open": []}
    web.live.states = {"door": state, "yard": state}
    known = {
        "state": "live", "cause": "", "fault": "", "fps": 25.0, "windows": 1, "dropped": {},
        "latency_ms": None, "alerts": 0, "reconnects": 0,
    }  # fmt: skip
    web.live.health = {"cameras": [{"name": name} | known for name in ("door", "yard")]}
    assert log_in(browser, "vic") == 303
    for path in (
        "/events/a", "/api/v1/events/a", "/cameras/door", "/media/a/clip.mp4", "/media/a/strip.jpg",
        "/media/a/h264.mp4",
    ):  # fmt: skip
        assert browser.get(path).status_code == 404, path
    assert [one["event"]["id"] for one in browser.get("/api/v1/events").json()["events"]] == ["b"]
    assert browser.get("/api/v1/events?camera=door").json()["events"] == []
    assert [one["name"] for one in browser.get("/api/v1/cameras").json()] == ["yard"]
    assert [one["name"] for one in browser.get("/api/v1/health").json()["cameras"]] == ["yard"]
    for path in ("/", "/events", "/timeline?day=2026-05-04", "/health"):
        assert "door" not in browser.get(path, headers=HTML).text, path
    with browser.websocket_connect(LIVE) as socket:
        assert list(socket.receive_json()["states"]) == ["yard"]


def test_a_token_lets_a_program_in(browser: TestClient, token: tuple[str, str]) -> None:
    headers = {"authorization": f"Bearer {token[0]}"}
    assert browser.get("/api/v1/events", headers=headers).status_code == 200
    assert browser.patch("/api/v1/events/a", json={}, headers=headers).status_code == 403
    assert browser.get(f"/api/v1/events?token={token[0]}").status_code in (401, 422)
    assert log_in(browser, "bot", token[0]) == 401, "it is no password"


def test_a_wrong_password_and_an_unknown_name_look_the_same(
    browser: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = browser.post("/login", data={"name": "ann", "password": "x"})
    unknown = browser.post("/login", data={"name": "zoe", "password": "x"})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text == unknown.text
    assert "login of zoe from testclient failed" in caplog.text


def test_too_many_tries_have_to_wait(
    browser: TestClient, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(TRIES):
        assert log_in(browser, "ann", "guess") == 401
    assert log_in(browser, "ann") == 429
    assert log_in(browser, "rob") == 303, "others are not locked out"
    clock.now_s += TRIES_S
    assert log_in(browser, "ann") == 303
    assert "guess" not in caplog.text


@pytest.mark.parametrize("body", [b"", b"\xff\x00=%zz", b"name=ann", b"a=1&" * 9, b"x" * 9999])
def test_what_is_no_form_is_no_login(browser: TestClient, body: bytes) -> None:
    answer = browser.post(
        "/login", content=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert answer.status_code in (401, 422)


def test_a_session_ends_when_it_is_told_to_or_is_old(browser: TestClient, clock: Clock) -> None:
    log_in(browser, "ann")
    assert browser.get("/api/v1/events").status_code == 200
    token = browser.cookies[COOKIE]
    assert browser.post("/logout").status_code == 303
    browser.cookies.set(COOKIE, token)
    assert browser.get("/api/v1/events").status_code == 401
    log_in(browser, "ann")
    clock.now_s += IDLE_S + 1
    assert browser.get("/api/v1/events").status_code == 401
    log_in(browser, "ann")
    for _ in range(int(LONGEST_S / IDLE_S) + 2):
        clock.now_s += IDLE_S - 1
        browser.get("/api/v1/events")
    assert browser.get("/api/v1/events").status_code == 401


def test_a_changed_or_removed_user_is_logged_out(browser: TestClient, file: Path) -> None:
    log_in(browser, "rob")
    assert browser.get("/api/v1/events").status_code == 200
    known = UsersFile.read(file)
    changed = known.users["rob"].model_copy(update={"role": "viewer"})
    known.with_user("rob", changed).write(file)
    assert browser.get("/api/v1/events").status_code == 401
    log_in(browser, "rob")
    known.without("rob").write(file)
    assert browser.get("/api/v1/events").status_code == 401
    assert log_in(browser, "rob") == 401


def closes(socket: WebSocketTestSession) -> bool:
    """Whether the page closes a socket, after a message or two that were under way."""
    try:
        for _ in range(3):
            socket.receive_text()
    except WebSocketDisconnect:
        return True
    return False


def test_who_is_removed_sees_no_more_though_a_socket_is_open(
    browser: TestClient, guarded: WebState, file: Path, token: tuple[str, str]
) -> None:
    headers = {"authorization": f"Bearer {token[0]}"}
    with browser.websocket_connect(LIVE, headers=headers) as socket:
        socket.receive_json()
        UsersFile.read(file).without("bot").write(file)
        assert closes(socket)


@pytest.mark.expects_errors
def test_a_file_that_is_damaged_lets_nobody_new_in(browser: TestClient, file: Path) -> None:
    log_in(browser, "ann")
    file.write_text("{")
    assert browser.get("/api/v1/events").status_code == 200, "those who were known stay"


def test_the_file_of_users_is_its_owners_and_holds_no_password(file: Path) -> None:
    assert file.stat().st_mode & 0o077 == 0
    text = file.read_text()
    assert PASSWORD not in text
    assert json.loads(text)["users"]["ann"]["password"].startswith("$argon2id$")


@pytest.mark.parametrize("password", ["short", "x" * 257])
def test_a_password_has_a_length(password: str) -> None:
    with pytest.raises(MonitorError, match="10 to 256 characters"):
        hash_password(password)


def test_what_is_no_file_of_users_is_told(tmp_path: Path) -> None:
    path = tmp_path / "u.json"
    path.write_text('{"users": {"ann": {"role": "king"}}}')
    with pytest.raises(MonitorError, match=r"not a file of har-monitor passwd: users.ann.role"):
        UsersFile.read(path)
    assert UsersFile.read(tmp_path / "none").users == {}


def test_each_login_review_and_logout_is_a_line(
    browser: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    log_in(browser, "rob")
    browser.patch("/api/v1/events/a", json={"review": "confirmed"})
    browser.post("/logout")
    said = [line for line in caplog.messages if "rob" in line]
    assert said == [
        "login of rob from testclient",
        "review of a (door: fight) by rob: review 'confirmed'",
        "logout of rob",
    ]


def test_only_an_admin_promotes_and_only_ones_own_cameras_are_compared(
    browser: TestClient, guarded: WebState
) -> None:
    try_out(guarded)
    order = {"model": NEW.sha256}
    for path in ("/api/v1/cameras/door/promote", "/api/v1/cameras/door/rollback"):
        assert browser.post(path, json=order).status_code == 401
    for name, code, seen in (("vic", 403, []), ("rob", 403, ["door"]), ("ann", 409, ["door"])):
        assert log_in(browser, name) == 303
        assert browser.post("/api/v1/cameras/door/promote", json=order).status_code == code
        assert [one["camera"] for one in browser.get("/api/v1/shadows").json()] == seen
        assert ("door" in browser.get("/models", headers=HTML).text) == bool(seen)
        compared = browser.get("/models/door?found=both", headers=HTML).status_code
        assert compared == (200 if seen else 404)
    assert read_promotions(guarded.journal.path) == {}
