"""A model is tried out beside a camera's own, promoted on the page, and rolled back."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.recognition.shipped import SHIPPED
from monitor.store.event import EventFilter, Origin
from monitor.store.store import EventStore
from testkit.fakes import wait_until
from testkit.films import looped
from testkit.models import retold
from testkit.pages import SAMPLE, opened, watching
from testkit.servers.rtsp import rtsp_server

MINE = "mine"


def alerts(folder: Path, name: str) -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def models(folder: Path, name: str, camera: str) -> set[str]:
    """Who raised what a log says of a camera."""
    found = alerts(folder, name)
    return {one["model_name"] for one in found if one["camera"] == camera}


def configure(folder: Path, url: str) -> None:
    """A film that ends and a camera, with a model that is tried out."""
    cameras = [{"name": "film", "source": str(SAMPLE)}, {"name": "door", "source": url}]
    options = {
        "cameras": cameras,
        "defaults": {"shadow": "mine.onnx"},
        "sinks": [{"type": "log", "path": "alerts.jsonl"}],
        "web": {"port": 0},
    }
    (folder / "monitor.yaml").write_text(yaml.safe_dump(options))


@pytest.mark.slow
def test_a_candidate_is_tried_out_promoted_and_rolled_back(tmp_path: Path) -> None:
    mine = retold(SHIPPED["fight"], tmp_path / "mine.onnx", name=MINE, thresholds={"fight": 0.6})
    film = looped(
        tmp_path / "f.mp4", SAMPLE, 4, "fps=25,scale=320:180", "libx264", "-g", "25", "-bf", "0"
    )
    with rtsp_server(film) as server:
        configure(tmp_path, server.url)
        with watching(tmp_path, "--config", "monitor.yaml") as watched:
            for camera in ("film", "door"):
                wait_until(lambda of=camera: models(tmp_path, "alerts.shadow.jsonl", of) == {MINE})
                wait_until(lambda of=camera: bool(models(tmp_path, "alerts.jsonl", of)))
            assert MINE not in watched.said.partition("the page is at")[2]
            with opened(watched, "desktop") as tab:
                tab.goto("/models")
                tab.locator("[data-sure=sure-2]").click()
                dialog = tab.locator("#sure-2")
                dialog.locator("text=Cancel").click()
                assert not dialog.is_visible()
                tab.locator("[data-sure=sure-2]").click()
                dialog.locator("[data-yes]").click()
                tab.locator(".badge >> text=promoted").wait_for()
                assert tab.locator("[data-sure=sure-2]").inner_text() == "Roll back"
            wait_until(lambda: MINE in models(tmp_path, "alerts.jsonl", "door"))
            assert MINE not in models(tmp_path, "alerts.jsonl", "film"), "that of one camera alone"
            assert "promotion of camera door by local: mine" in watched.said

        with watching(tmp_path, "--config", "monitor.yaml") as watched:
            wait_until(lambda: f"camera door: {mine.name} raises its alerts" in watched.said)
            wait_until(lambda: len(models(tmp_path, "alerts.shadow.jsonl", "door")) == 2)
            with opened(watched, "phone") as tab:
                for path in ("/models", "/models/door?found=both"):
                    tab.goto(path)
                    over = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
                    assert over <= 0, path
                tab.goto("/models")
                tab.locator("[data-sure=sure-2]").click()
                tab.locator("#sure-2 [data-yes]").click()
                tab.locator("[data-sure=sure-2]", has_text="Promote").wait_for()
                assert tab.locator(".badge >> text=promoted").count() == 0
            assert "rollback of camera door by local: " in watched.said

    store = EventStore(str(tmp_path / "events.sqlite"))
    shadows = list(store.all(EventFilter(origin=(Origin.SHADOW,), camera=("film",))))
    raised = list(store.all(EventFilter(camera=("film",))))
    store.close()
    assert {event.model_name for event in shadows} == {MINE}
    assert MINE not in {event.model_name for event in raised}
    assert all(event.reason is not None for event in (*shadows, *raised))
    clips = {path.stem for path in (tmp_path / "evidence").rglob("*.mp4")}
    assert {event.id for event in shadows} <= clips, "somebody must see it to judge it"
