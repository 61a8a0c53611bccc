"""What Home Assistant's own schemas, from its package, say of the devices that it is told of."""

import os
import sys
from pathlib import Path

import pytest

from monitor.notify.home_assistant import discovery
from monitor.notify.topics import Topics
from testkit.home_assistant import refused

WHEELS = Path(sys.prefix, "home-assistant")
NAMES = ["door", "Front door", "50% + #1", "Tür", "玄関", "x" * 64]
# A payload that is wrong, and what is said of it: so it is known that something is checked.
WRONG = {
    "a platform that is not one": ('"p":"event"', '"p":"evnt"', "value must be one of"),
    "a class that is not one": ('"safety"', '"safty"', "expected BinarySensorDeviceClass"),
    "a key that is not one": ('"evt_typ"', '"evt_type"', "it would leave out ['evt_type']"),
    "a topic that is not one": ("door/snapshot", "+door/snapshot", "Single-level wildcard"),
    "limits the wrong way round": ('"min":0', '"min":20000', "max must be >= min"),
    "a class of states": ('"measurement"', '"often"', "expected SensorStateClass"),
    "a category": ('"diagnostic"', '"other"', "expected EntityCategory"),
    "no id": ('"uniq_id":"har--home--door--event"', '"en":true', "required key not provided"),
    "no name of the program": ('"o":{"name"', '"o":{"nam"', "extra keys not allowed"),
    "an icon": ("mdi:cctv", "cctv", "Icons should be specified"),
    "a mode": ('"avty_mode":"all"', '"avty_mode":"some"', "value must be one of"),
}


@pytest.fixture(scope="module", autouse=True)
def _wheels() -> None:
    if not WHEELS.is_dir():
        reason = f"no wheel of Home Assistant in {WHEELS}: make test downloads it"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def test_home_assistant_takes_the_device_of_any_camera() -> None:
    payloads = [discovery(Topics("har", name), name) for name in NAMES]
    assert refused(WHEELS, payloads) == [""] * len(NAMES)


def test_home_assistant_says_what_is_wrong() -> None:
    payload = discovery(Topics("har", "home"), "door")
    told = refused(WHEELS, [payload.replace(right, wrong) for right, wrong, _ in WRONG.values()])
    for (right, _, said), found in zip(WRONG.values(), told, strict=True):
        assert right in payload
        assert said in found
