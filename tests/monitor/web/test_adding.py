"""One more camera, by the page: who may, and what is answered."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from monitor.link import LinkClosed
from monitor.web.app import make_app
from monitor.web.state import WebState
from monitor.web.users import LOCAL, Role, User
from tests.monitor.web.conftest import STRANGE

CAMERA = {"name": "gate", "source": "rtsp://192.0.2.9/1", "user": "ann", "password": "hunter2"}
LOOKED = {
    "id": "0123456789abcdef",
    "stream": "",
    "facts": [["video", "H.264"]],
    "advice": [["key frames are 10 s apart", "set them"]],
    "difference": "+ - name: gate",
}


class Watching:
    """Answers in place of the watching process."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.orders: list[dict[str, Any]] = []

    async def ask(self, order: dict[str, Any], limit_s: float) -> dict[str, Any]:
        self.orders.append(order)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def allowed(web: WebState) -> None:
    web.settings = web.settings.model_copy(update={"adding": True})


def answered(
    web: WebState, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | Exception
) -> list[dict[str, Any]]:
    """The orders that come, each answered so."""
    watching = Watching(answer)
    monkeypatch.setattr(web.live, "ask", watching.ask)
    return watching.orders


def as_user(monkeypatch: pytest.MonkeyPatch, role: Role, cameras: frozenset[str] | None) -> None:
    monkeypatch.setattr("monitor.web.access.LOCAL", User("rob", role, cameras))


@pytest.mark.usefixtures("allowed")
def test_a_camera_is_looked_at_added_and_taken_back(
    web: WebState, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = answered(web, monkeypatch, LOOKED)
    told = client.post("/api/v1/cameras/look", json=CAMERA)
    assert told.status_code == 200
    assert told.json()["facts"] == [{"name": "video", "text": "H.264"}]
    assert told.json()["advice"][0]["remedy"] == "set them"
    done = {"camera": "gate", "done": "added"}
    orders += answered(web, monkeypatch, done)
    answer = client.post("/api/v1/cameras/add", json={"id": LOOKED["id"]})
    assert (answer.status_code, answer.json()) == (202, done)
    more = answered(web, monkeypatch, done | {"done": "taken back"})
    assert client.post("/api/v1/cameras/undo").status_code == 202
    by = {"by": LOCAL.name}
    assert orders == [{"what": "look", "camera": CAMERA} | by]
    assert more == [{"what": "undo"} | by]


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"error": STRANGE}, 422, STRANGE),
        (LinkClosed(), 409, "the watching has ended"),
        (TimeoutError(), 409, "no answer within 90 s: see the log"),
    ],
)
def test_what_does_not_work_is_told(
    web: WebState,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any] | Exception,
    code: int,
    words: str,
) -> None:
    answered(web, monkeypatch, answer)
    told = client.post("/api/v1/cameras/look", json=CAMERA)
    assert (told.status_code, told.json()) == (code, {"detail": words})


def test_nobody_may_where_the_configuration_does_not_say_so(
    web: WebState, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = answered(web, monkeypatch, LOOKED)
    for path, body in (("look", CAMERA), ("add", {"id": LOOKED["id"]}), ("undo", None)):
        assert client.post(f"/api/v1/cameras/{path}", json=body).status_code == 409
    assert client.get("/add").status_code == 409
    assert 'href="/add"' not in client.get("/health").text
    assert orders == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("role", "cameras", "code"),
    [
        (Role.VIEWER, None, 403),
        (Role.REVIEWER, None, 403),
        (Role.ADMIN, frozenset(("door",)), 403),
        (Role.ADMIN, None, 200),
    ],
)
def test_only_an_admin_who_sees_all_cameras_may(
    web: WebState,
    monkeypatch: pytest.MonkeyPatch,
    role: Role,
    cameras: frozenset[str] | None,
    code: int,
) -> None:
    as_user(monkeypatch, role, cameras)
    orders = answered(web, monkeypatch, LOOKED)
    web.live.__dict__["_writer"] = object()  # the watching is there
    with TestClient(make_app(web), base_url="http://127.0.0.1:8470") as client:
        assert client.get("/add").status_code == code
        assert client.post("/api/v1/cameras/look", json=CAMERA).status_code == code
        assert ('href="/add"' in client.get("/health").text) == (code == 200)
    assert len(orders) == (code == 200)


@pytest.mark.usefixtures("allowed")
def test_no_password_comes_into_an_address_where_the_script_is_late(
    web: WebState, client: TestClient
) -> None:
    web.live.__dict__["_writer"] = object()  # the watching is there
    assert '<form id="look" method="post">' in client.get("/add").text


@pytest.mark.usefixtures("allowed")
def test_what_makes_no_sense_is_refused_and_repeats_no_password(client: TestClient) -> None:
    told = client.post("/api/v1/cameras/look", json=CAMERA | {"password": "hunter2" * 100})
    assert told.status_code == 422
    assert "hunter2" not in told.text
    assert client.post("/api/v1/cameras/add", json={"id": "../x"}).status_code == 422
