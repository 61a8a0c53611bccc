"""A real Prometheus reads a real har-monitor, and every rule and panel has an answer."""

import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.store.event import Review, Verdict
from monitor.store.store import EventStore
from testkit import ROOT
from testkit.alerts import alert
from testkit.dashboard import expressions
from testkit.fakes import wait_until
from testkit.films import repeated
from testkit.models import motion_model
from testkit.process import Process, har_monitor, write_config
from testkit.servers.prometheus import Prometheus, prometheus
from testkit.servers.rtsp import rtsp_server

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
OPTIONS: dict[str, Any] = {
    "metrics": {"port": 0},
    "realtime": True,
    "sinks": [{"type": "log", "path": "alerts.jsonl"}, {"type": "store"}, {"type": "evidence"}],
}


@pytest.fixture(scope="module")
def watched(
    fight_clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Process, Prometheus]]:
    """A stream and a film, and who reads their metrics."""
    folder = tmp_path_factory.mktemp("metrics")
    model = motion_model(folder / "motion.onnx")
    film = repeated(folder / "film.mp4", fight_clip, 60)
    review(folder / "events.sqlite")
    with rtsp_server(film) as server:
        cameras = {"door": server.url, "film": str(film)}
        with har_monitor(cameras, model, folder=folder, **OPTIONS) as process:
            process.wait_for("an alert of each", lambda: len(process.alerts) >= 2)
            (address,) = re.findall(r"metrics are at http://([^/]+)/metrics$", process.said, re.M)
            with prometheus({"har-monitor": [address]}, [RULES]) as asked:
                yield process, asked


def review(path: Path) -> None:
    """Have four alerts of the door reviewed, of which one was false."""
    store = EventStore(str(path))
    for number, verdict in enumerate([Review.DISMISSED, *[Review.CONFIRMED] * 3]):
        store.record(alert(f"a{number}", label="moving", start_time=datetime.now(UTC)))
        store.review(f"a{number}", Verdict(review=verdict), "ann")
    store.close()


def test_it_reads_what_the_cameras_do(watched: tuple[Process, Prometheus]) -> None:
    _, asked = watched

    def values(expression: str) -> dict[str, float]:
        return {one["metric"]["camera"]: float(one["value"][1]) for one in asked.query(expression)}

    wait_until(lambda: values("har_camera_watched") == {"door": 1, "film": 1})
    wait_until(lambda: len(values("rate(har_windows_classified_total[1m]) > 0")) == 2)
    assert all(count >= 1 for count in values("har_alerts_total").values())
    # Which are read more seldom.
    wait_until(lambda: bool(asked.query("har_disk_free_bytes")))
    places = {one["metric"]["place"] for one in asked.query("har_disk_free_bytes")}
    assert places == {"log", "store", "evidence"}


def test_every_panel_has_an_answer(watched: tuple[Process, Prometheus]) -> None:
    _, asked = watched
    wait_until(lambda: bool(asked.query("har_reviewed_events and on () har_evidence_bytes")))
    wait_until(lambda: bool(asked.query("increase(har_alerts_total[1h])")))
    for title, expression in expressions():
        found = asked.query(expression)
        assert found, f"{title}: {expression}"
        if title.startswith("False"):
            assert [one["value"][1] for one in found] == ["0.25"]


def test_every_rule_is_evaluated_and_none_fires(watched: tuple[Process, Prometheus]) -> None:
    _, asked = watched
    named = [
        rule["alert"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
    ]

    def rules() -> list[dict[str, str]]:
        (group,) = asked.get("rules")["groups"]
        found: list[dict[str, str]] = group["rules"]
        return found

    wait_until(lambda: all(rule["health"] == "ok" for rule in rules()))
    assert [rule["name"] for rule in rules()] == named
    for rule in rules():
        # The disk of whoever tests may be full.
        assert rule["state"] != "firing" or rule["name"] == "HarDiskNearlyFull", rule


def test_a_camera_that_leaves_takes_its_series_along(watched: tuple[Process, Prometheus]) -> None:
    process, asked = watched
    write_config(process.config, {"film": str(process.folder / "film.mp4")}, **OPTIONS)
    process.popen.send_signal(signal.SIGHUP)
    process.wait_for("the reload", lambda: "1 stay, 1 leave, 0 come" in process.said)

    def cameras() -> set[str]:
        return {one["metric"].get("camera", "") for one in asked.query('{__name__=~"har_.*"}')}

    wait_until(lambda: cameras() == {"film", ""})
