"""Home Assistant's devices: ids, and what its templates make of what is published."""

import json
import re
from typing import Any

import jinja2
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.home_assistant import config_topic, device_id, discovery, site_prefix
from monitor.notify.message import payload
from monitor.notify.notification import Notification, NotificationKind
from monitor.notify.topics import Topics
from monitor.states import CameraState
from testkit import ROOT
from testkit.alerts import ENDED, made

TEXTS = st.text(max_size=8) | st.text(alphabet="ab-_ 2d", max_size=8)


def device(camera: str = "door") -> dict[str, Any]:
    told = json.loads(discovery(Topics("har", "home"), camera))
    assert isinstance(told, dict)
    return told


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_no_two_cameras_have_the_same_id(site: str, camera: str, site2: str, camera2: str) -> None:
    one, other = device_id(site, camera), device_id(site2, camera2)
    assert (one == other) == ((site, camera) == (site2, camera2))
    assert re.fullmatch("[A-Za-z0-9_-]+", one)
    assert one.startswith(site_prefix(site2)) == (site == site2)


def test_the_id_of_a_camera_can_be_read() -> None:
    assert device_id("home", "Front door.2") == "har--home--Front-20door-2e2"
    assert config_topic("homeassistant", "x") == "homeassistant/device/x/config"


def test_a_camera_is_a_device_with_all_that_it_has() -> None:
    told = device("Front door")
    assert told["dev"]["ids"] == ["har--home--Front-20door"]
    assert told["dev"]["name"] == "Front door"
    assert told["avty"] == [{"t": "har/home/status"}]
    assert {key: part["p"] for key, part in told["cmps"].items()} == {
        "event": "event",
        "activity": "binary_sensor",
        "snapshot": "image",
        "state": "sensor",
        "dismissed_today": "sensor",
        "armed": "switch",
        "snooze": "number",
    }
    ids = [part["uniq_id"] for part in told["cmps"].values()]
    assert len(set(ids)) == len(ids)
    assert told["cmps"]["event"]["evt_typ"] == [kind.value for kind in NotificationKind]
    assert told["cmps"]["state"]["ops"] == [state.value for state in CameraState]


def test_a_device_is_small() -> None:
    assert len(discovery(Topics("har", "home"), "x" * 64).encode()) < 5000


def rendered(template: str, **values: Any) -> str:
    """As Home Assistant renders it."""
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
    environment.filters["to_json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template).render(values)


@pytest.mark.parametrize("kind", NotificationKind)
def test_an_event_shows_what_matters_and_leaves_out_the_trace(kind: NotificationKind) -> None:
    alert = made(ENDED).model_copy(update={"label": "f'ig\"ht"})
    sent = json.loads(json.dumps(payload(Notification("n1", kind, alert, link="/1"), "home")))
    told = json.loads(rendered(device()["cmps"]["event"]["val_tpl"], value_json=sent))
    assert told.pop("event_type") in device()["cmps"]["event"]["evt_typ"]
    assert told == {
        "title": sent["title"],
        "link": "/1",
        "held_back": 0,
        "id": "a1",
        "label": "f'ig\"ht",
        "region": None,
        "score": 0.2,
        "peak_score": 0.99,
        "start_time": sent["alert"]["start_time"],
        "end_time": sent["alert"]["end_time"],
        "reason": "score fell",
    }


@pytest.mark.parametrize("state", CameraState)
def test_nobody_says_that_nothing_happens_before_a_camera_that_is_not_watched(
    state: CameraState,
) -> None:
    bridge, camera = device()["cmps"]["activity"]["avty"]
    assert (bridge, camera["t"]) == ({"t": "har/home/status"}, "har/home/door/state")
    watched = state in (CameraState.LIVE, CameraState.IDLE, CameraState.WAITING)
    assert rendered(camera["val_tpl"], value=str(state)) == ("online" if watched else "offline")


def test_the_documents_name_entities_as_home_assistant_does() -> None:
    text = (ROOT / "docs" / "home-assistant.md").read_text()
    parts = device()["cmps"].values()
    named = {f"{part['p']}.door_{part['name'].lower().replace(' ', '_')}" for part in parts}
    rows = set(re.findall(r"^\| `(\w+\.door_\w+)`", text, re.M))
    assert rows == named
    [automation] = re.findall(r"```yml\n(.*?)```", text, re.DOTALL)
    assert set(re.findall(r"\w+\.door_\w+", automation)) < named
    assert yaml.safe_load(automation).keys() >= {"triggers", "conditions", "actions"}
    shown = device()["cmps"]["event"]["val_tpl"]
    for attribute in re.findall(r"attributes\.(\w+)", automation):
        assert f"'{attribute}': " in shown
