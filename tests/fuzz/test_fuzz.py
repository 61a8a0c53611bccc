"""Input from outside that nobody thought of; `make fuzz` runs the same checks for long."""

import copy
import json
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testkit import ROOT
from tests.fuzz.targets import CONFIGURATIONS, PLACES, TARGETS, alert_logs, check_alert_log

WORDS = st.text(max_size=6) | st.sampled_from(["\x1b[31m", "\n", "\0", "\ud800", "../a", "", "a"])
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -1, 0, 1e308, math.nan, math.inf])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)


def few(examples: int) -> Callable[..., Any]:
    """So many examples, that all of this file takes seconds."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=examples, suppress_health_check=slow)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """One of a target's seeds with a few bytes changed."""
    data = bytearray(draw(st.sampled_from(TARGETS[name].seeds())))
    words = st.sampled_from((b"", *TARGETS[name].words)) | st.binary(max_size=4)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.sampled_from((0, 0, 1, 2, 20)))] = draw(words)
    return bytes(data)


@st.composite
def altered(draw: st.DrawFn, name: str, read: Callable[[bytes], Any]) -> bytes:
    """One of a target's seeds, as `read` reads it, with a part of it changed, added or left out."""
    value = copy.deepcopy(read(draw(st.sampled_from(TARGETS[name].seeds()))))
    place = value
    while True:
        if isinstance(place, dict) and place:
            key: Any = draw(st.sampled_from(sorted(place)))
        elif isinstance(place, list) and place:
            key = draw(st.integers(0, len(place) - 1))
        else:
            break
        if not isinstance(place[key], dict | list) or not place[key] or draw(st.booleans()):
            if draw(st.integers(0, 3)):
                place[key] = draw(VALUES)
            else:
                del place[key]
            if isinstance(place, dict) and draw(st.integers(0, 3)) == 0:
                place[draw(WORDS)] = draw(VALUES)
            break
        place = place[key]
    return json.dumps(value).encode()


READERS = {
    "configuration": yaml.safe_load,
    "metadata": json.loads,
    "alert-log": lambda lines: json.loads(lines.splitlines()[-1]),
    "health": json.loads,
}


@pytest.mark.parametrize(
    "name",
    [
        "configuration",
        "metadata",
        "alert-log",
        "source",
        "health",
        "onvif",
        "discovery",
        "rtsp",
        "rtp",
    ],
)
@given(st.data())
@few(40)
def test_of_any_bytes_nothing_comes_but_what_may(name: str, data: st.DataObject) -> None:
    TARGETS[name].check(data.draw(st.binary(max_size=100) | mutated(name)))


@pytest.mark.parametrize("name", READERS)
@given(st.data())
@few(40)
def test_of_any_values_nothing_comes_but_what_may(name: str, data: st.DataObject) -> None:
    TARGETS[name].check(data.draw(altered(name, READERS[name])))


@given(st.text(max_size=60))
@few(120)
def test_of_any_text_as_a_source_nothing_comes_but_what_may(text: str) -> None:
    TARGETS["source"].check(text.encode("utf-8", "surrogatepass"))


@given(
    st.integers(0, len(PLACES) - 1),
    st.integers(0, len(CONFIGURATIONS) - 1),
    st.text(st.characters(codec="utf-8"), max_size=10)
    | st.text("/@:?#%&= \t|\uff20", max_size=6).map("|".join),
)
@few(120)
def test_a_password_is_shown_nowhere(place: int, file: int, around: str) -> None:
    TARGETS["password"].check(bytes([place, file]) + around.encode())


@given(st.data())
@few(60)
def test_lines_of_an_alert_log_may_be_torn_doubled_and_in_any_order(data: st.DataObject) -> None:
    lines = [line for log in alert_logs() for line in log.splitlines(keepends=True)]
    torn = st.builds(lambda line, at: line[:at], st.sampled_from(lines), st.integers(0, 300))
    chosen = data.draw(st.lists(st.sampled_from(lines) | torn | st.just(b"\n"), max_size=8))
    check_alert_log(b"".join(data.draw(st.permutations(chosen))))


def test_a_health_file_with_counts_that_cannot_be_shown_is_none() -> None:
    health = json.loads(TARGETS["health"].seeds()[0])
    health["cameras"][0]["dropped"] = dict.fromkeys("ab", int("9" * 4300))  # Python's longest
    assert not TARGETS["health"].check(json.dumps(health).encode())


def test_a_damaged_model_is_a_classifier_or_an_error() -> None:
    command = [sys.executable, "-m", "tests.fuzz.damaged", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_starts_from_seeds_that_are_taken(name: str) -> None:
    target = TARGETS[name]
    taken = [target.check(seed) for seed in target.seeds()]
    assert all(taken) or (name == "source" and any(taken))  # where mistakes are seeds as well


def test_a_long_run_says_what_it_needs_and_what_there_is() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"nothing: no such target; targets: {', '.join(TARGETS)}" in done.stderr
