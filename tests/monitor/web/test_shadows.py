"""Models that are tried out: what the page says of them, and who may let them change places."""

import json
import re
from datetime import datetime, timedelta, tzinfo

import pytest
from starlette.testclient import TestClient

from monitor.store.event import Review, Verdict
from monitor.store.journal import read_promotions
from monitor.store.states import StateLog
from monitor.store.tables import pairs
from monitor.web.settings import ModelSettings, ShadowSettings
from monitor.web.state import WebState
from tests.monitor.web.conftest import BEGAN, STRANGE, ended

OLD = ModelSettings(name="fights", version="1", sha256="f" * 64)
NEW = ModelSettings(name="mine", version="2", sha256="e" * 64)
TRIED = ShadowSettings(model=OLD, shadow=NEW, promoted=False)


def try_out(web: WebState, tried: ShadowSettings | None = TRIED) -> None:
    door, yard = web.settings.cameras
    cameras = (door.model_copy(update={"tried": tried}), yard)
    web.settings = web.settings.model_copy(update={"cameras": cameras})


class Then(datetime):
    """The evening of that day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Then":
        return cls.fromtimestamp((BEGAN + timedelta(hours=7)).timestamp(), tz)


@pytest.fixture
def days(web: WebState, monkeypatch: pytest.MonkeyPatch) -> int:
    """The door tries a model out that found what `a` is, and `s` alone; days up to then."""
    monkeypatch.setattr("monitor.web.access.datetime", Then)
    shadow = {"shadow": True, "model": NEW.sha256, "model_name": NEW.name}
    web.store.record(*ended("sa", 0.0005, **shadow), *ended("s", 5, **shadow))
    web.store.review("a", Verdict(review=Review.CONFIRMED), "ann")
    web.store.review("c", Verdict(review=Review.DISMISSED), "ann")
    log = StateLog(web.store, pairs)
    log.note({"door": (OLD.sha256, NEW.sha256)}, BEGAN + timedelta(hours=6), BEGAN)
    try_out(web)
    return 1


def test_events_of_a_shadow_are_shown_only_if_asked_for(client: TestClient, days: int) -> None:
    for path in ("/", "/events", "/timeline?day=2026-05-04", "/cameras/door"):
        assert "/events/s" not in client.get(path).text
    text = client.get("/events?origin=shadow").text
    assert re.findall(r'data-id="(\w+)"', text) == ["s", "sa"]
    assert text.count('class="badge"') == 2
    assert "<option selected>shadow</option>" in text
    assert "no alert was raised" in client.get("/events/s").text
    found = client.get("/api/v1/events?origin=shadow").json()["events"]
    assert [one["event"]["origin"] for one in found] == ["shadow", "shadow"]
    assert client.get("/events?origin=ghost").status_code == 422


def test_the_filter_and_the_link_are_there_only_if_something_is_tried_out(
    client: TestClient,
) -> None:
    text = client.get("/events").text
    assert 'name="origin"' not in text
    assert 'href="/models"' not in text
    assert "No model is tried out" in client.get("/models").text


def test_what_both_found_is_counted_with_its_reviews(client: TestClient, days: int) -> None:
    (told,) = client.get(f"/api/v1/shadows?days={days}").json()
    assert (told["camera"], told["promoted"]) == ("door", False)
    assert told["model"] == OLD.model_dump()
    assert told["compared_s"] == 6 * 3600 + 60
    none = {"unreviewed": 0, "confirmed": 0, "dismissed": 0, "relabelled": 0}
    assert told["events"] == {
        "both": none | {"confirmed": 1},
        "model": none | {"dismissed": 1, "unreviewed": 1},
        "shadow": none | {"unreviewed": 1},
    }
    where = f"/api/v1/shadows/door/events?days={days}&found"
    assert [one["event"]["id"] for one in client.get(f"{where}=both").json()] == ["a"]
    assert [one["event"]["id"] for one in client.get(f"{where}=model").json()] == ["d", "c"]
    dismissed = client.get(f"{where}=model&review=dismissed").json()
    assert [one["event"]["id"] for one in dismissed] == ["c"]
    assert len(client.get(f"{where}=model&limit=1").json()) == 1


def test_the_page_says_so_in_words_and_each_count_leads_to_its_events(
    client: TestClient, days: int, told: "Told"
) -> None:
    text = client.get(f"/models?days={days}").text
    assert "<strong>1 of 1</strong> false alarms gone" in text
    assert "<strong>1 of 1</strong> confirmed events kept" in text
    assert 'aria-current="page">Models</a>' in text
    links = re.findall(r'href="(/models/door\?[^"]+)">(\d)<', text)
    assert len(links) == 7
    for link, count in links:
        page = client.get(link.replace("&amp;", "&")).text
        assert len(re.findall(r'data-id="', page)) == int(count)
    assert 'data-order="promote" data-model="' + NEW.sha256 in text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/models?days=0", 422), ("/models?days=367", 422), ("/models/door", 422),
        ("/models/door?found=none", 422), ("/models/yard?found=both", 404),
        ("/models/gone?found=both", 404), ("/api/v1/shadows?days=x", 422),
        ("/api/v1/shadows/yard/events?found=both", 404),
        ("/api/v1/shadows/door/events", 422),
    ],
)  # fmt: skip
def test_what_is_not_there_or_makes_no_sense(
    client: TestClient, days: int, path: str, code: int
) -> None:
    assert client.get(path).status_code == code


def test_names_are_text(client: TestClient, web: WebState, days: int) -> None:
    strange = NEW.model_copy(update={"name": STRANGE})
    try_out(web, TRIED.model_copy(update={"shadow": strange}))
    for path in ("/models", "/models/door?found=shadow"):
        text = client.get(path).text
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text


class Told:
    """The watching process, at the other end of the link."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, message: bytes) -> None:
        self.count += b'"promotion"' in message


@pytest.fixture
def told(web: WebState, monkeypatch: pytest.MonkeyPatch) -> Told:
    watching = Told()
    monkeypatch.setattr(web.live, "_writer", watching)
    return watching


def test_a_promotion_is_written_down_and_told(
    client: TestClient, web: WebState, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    try_out(web)
    with caplog.at_level("INFO"):
        answer = client.post("/api/v1/cameras/door/promote", json={"model": NEW.sha256})
    assert (answer.status_code, answer.json()) == (202, {"camera": "door", "promoted": True})
    assert told.count == 1
    line = read_promotions(web.journal.path)["door"]
    assert (line.promoted, line.by, line.model, line.shadow) == (
        True, "local", OLD.sha256, NEW.sha256,
    )  # fmt: skip
    assert (
        "promotion of camera door by local: mine eeeeeeee raises its alerts in place of "
        "fights ffffffff"
    ) in caplog.text

    swapped = ShadowSettings(model=NEW, shadow=OLD, promoted=True)
    try_out(web, swapped)
    assert 'data-order="rollback"' in client.get("/models").text
    back = client.post("/api/v1/cameras/door/rollback", json={"model": OLD.sha256})
    assert (back.status_code, told.count) == (202, 2)
    line = read_promotions(web.journal.path)["door"]
    assert (line.promoted, line.model, line.shadow) == (False, OLD.sha256, NEW.sha256)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("door/promote", {"model": OLD.sha256}, 409),
        ("door/promote", {"model": "0" * 64}, 409),
        ("door/rollback", {"model": NEW.sha256}, 409),
        ("yard/promote", {"model": NEW.sha256}, 404),
        ("gone/promote", {"model": NEW.sha256}, 404),
        ("door/promote", {"model": "../../etc/passwd"}, 422),
        ("door/promote", {}, 422),
        ("..%2f..%2fetc/promote", {"model": NEW.sha256}, 404),
    ],
)
def test_an_order_that_fits_nothing_is_refused(
    client: TestClient, web: WebState, told: Told, path: str, body: dict[str, str], code: int
) -> None:
    try_out(web)
    assert client.post(f"/api/v1/cameras/{path}", json=body).status_code == code
    assert told.count == 0
    assert read_promotions(web.journal.path) == {}


def test_foreign_pages_and_forms_promote_nothing(
    client: TestClient, web: WebState, told: Told
) -> None:
    try_out(web)
    path, order = "/api/v1/cameras/door/promote", {"model": NEW.sha256}
    foreign = client.post(path, json=order, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    form = client.post(path, content=json.dumps(order), headers={"content-type": "text/plain"})
    assert form.status_code == 422
    assert read_promotions(web.journal.path) == {}


def test_without_the_watching_nothing_is_promoted(client: TestClient, web: WebState) -> None:
    try_out(web)
    answer = client.post("/api/v1/cameras/door/promote", json={"model": NEW.sha256})
    assert (answer.status_code, answer.json()["detail"]) == (409, "the watching has ended")
    assert "data-order" not in client.get("/models").text


def test_what_the_configuration_says_anew_is_shown(client: TestClient, web: WebState) -> None:
    before = web.settings
    try_out(web)
    told = web.settings.model_dump_json().encode()
    web.settings = before
    web.renew(told)
    assert client.get("/api/v1/shadows").json()[0]["camera"] == "door"
