"""One page over two shards, in a real browser: nothing of what it shows lies where it runs."""

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.config.shard import Shard
from testkit import ROOT
from testkit.fakes import wait_until
from testkit.films import looped, repeated
from testkit.models import motion_model
from testkit.pages import SAMPLE, Watched, opened, served, until
from testkit.process import COMMAND, Process, har_monitor, write_config
from testkit.servers.ffmpeg_live import free_port
from testkit.servers.postgres import Postgres, postgres
from testkit.servers.rtsp import rtsp_server

pytestmark = pytest.mark.slow

NAMES = [next(f"cam{n}" for n in range(99) if Shard(i, 2).has(f"cam{n}")) for i in (1, 2)]


def options(server: Postgres) -> dict[str, Any]:
    return {
        "web": {"port": 0},
        "metrics": {"port": 0},
        "sinks": [
            {"type": "log", "path": "alerts.jsonl"},
            {
                "type": "evidence",
                "folder": "evidence",
                "pre_roll_s": 1,
                "post_roll_s": 0,
                "rolling_min": 10,
            },
            {"type": "store", "url": server.tcp_url, "site": "home"},
        ],
    }


@contextmanager
def page(folder: Path, cameras: dict[str, str], server: Postgres) -> Iterator[Watched]:
    """`har-monitor page` in a folder of its own."""
    folder.mkdir()
    write_config(folder / "site.yaml", cameras, **options(server))
    command = [*COMMAND, "page", "--config", "site.yaml"]
    with served(folder, command, signal.SIGTERM, PYTHONPATH=str(ROOT)) as found:
        yield found


def fetch(url: str, **headers: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
        return answer.status, answer.read()


def send(method: str, url: str, said: dict[str, Any] | None = None) -> Any:
    """What the API answers."""
    body = None if said is None else json.dumps(said).encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as found:
        text = found.read()
    return json.loads(text) if text else None


def kept(process: Process) -> list[str]:
    """The events whose evidence it never deletes for its age."""
    return [path.stem for path in (process.folder / "evidence").rglob("*.keep")]


def test_the_page_over_all_shards_shows_what_each_watches_and_keeps(tmp_path: Path) -> None:
    model = motion_model(tmp_path / "motion.onnx")
    act = "fps=25,scale=320:180,trim=duration=4,tpad=stop_mode=clone:stop_duration=4"
    once = looped(tmp_path / "once.mp4", SAMPLE, 1, act, "libx264", "-g", "25", "-bf", "0")
    film = repeated(tmp_path / "film.mp4", once, 20)
    node = tmp_path / "two"  # as a cluster runs it: without a page of its own
    slot = node / "shard-2" / "a"
    for folder in (tmp_path / "one", slot):
        folder.mkdir(parents=True)
    with (
        rtsp_server(film) as streams,
        free_port(socket.SOCK_STREAM) as port,
        postgres(port) as server,
    ):
        cameras = dict.fromkeys(NAMES, streams.url)
        with (
            har_monitor(
                cameras, model, "--shard", "1/2", folder=tmp_path / "one", **options(server)
            ) as first,
            har_monitor(
                cameras,
                model,
                *("--shard", "2/2", "--no-page", "--node", str(node)),
                folder=slot,
                **options(server),
            ) as second,
            page(tmp_path / "page", cameras, server) as site,
        ):
            shards = dict(zip(NAMES, (first, second), strict=True))
            api = f"{site.url}/api/v1"

            def states() -> dict[str, Any]:
                return {one["name"]: one for one in json.loads(fetch(f"{api}/cameras")[1])}

            def events(camera: str) -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = json.loads(fetch(f"{api}/events?camera={camera}")[1])[
                    "events"
                ]
                return found

            def recorded(camera: str) -> dict[str, Any]:
                found: dict[str, Any] = json.loads(fetch(f"{api}/cameras/{camera}/recorded")[1])
                return found

            for name, process in shards.items():
                process.wait_for("an alert", lambda process=process: bool(process.alerts))
                process.wait_for(
                    "its state on the page",
                    lambda name=name: states()[name]["state"] in ("live", "idle"),
                )
                process.wait_for(
                    "its clip on the page",
                    lambda name=name: any(
                        one["event"]["end_time"] and one["media"]["clip"] for one in events(name)
                    ),
                )
            assert "the page is at" in first.said, "by hand, a shard keeps its own"
            assert "the page is at" not in second.said
            assert "metrics are at" not in second.said
            with opened(site, "desktop") as tab:
                tab.goto("/")
                for name in NAMES:
                    tab.locator(f"[data-camera={name}] img").wait_for(state="visible")
                tab.screenshot(path=tmp_path / "wall.png", full_page=True)
                for name in NAMES:
                    tab.goto(f"/cameras/{name}")
                    until(tab, "document.querySelector('.tile.playing video')?.currentTime > 1")
                for name in NAMES:
                    *_, one = (  # the oldest: the clip of the newest may still grow
                        one
                        for one in events(name)
                        if one["event"]["end_time"] and one["media"]["clip"]
                    )
                    code, jpeg = fetch(f"{site.url}{one['media']['snapshot']}")
                    assert jpeg[:2] == b"\xff\xd8"
                    code, part = fetch(f"{site.url}{one['media']['clip']}", Range="bytes=4-7")
                    assert (code, part) == (206, b"ftyp")
                    tab.goto(f"/events/{one['event']['id']}")
                    until(tab, "document.getElementById('clip')?.readyState >= 2")
                    tab.screenshot(path=tmp_path / f"event-{name}.png", full_page=True)
                    said = {"review": "confirmed", "marked": True}
                    send("PATCH", f"{api}/events/{one['event']['id']}", said)
                    assert kept(shards[name]) == [one["event"]["id"]]
                for name in NAMES:
                    told = recorded(name)
                    assert told["silent"] == []
                    (time, *_) = told["recorded"]
                    (segment, *_) = time["segments"]
                    code, part = fetch(f"{site.url}{segment['address']}", Range="bytes=4-7")
                    assert (code, part) == (206, b"ftyp")
                    tab.goto(f"/cameras/{name}")
                    tab.get_by_role("link", name="What is recorded").click()
                    tab.wait_for_url("**/recorded")
                    until(tab, "document.getElementById('film')?.readyState >= 2")
                    tab.keyboard.press(" ")
                    until(tab, "document.getElementById('film')?.currentTime > 1")
                    assert tab.locator("#cannot").is_hidden()
                    assert tab.locator("#silent").is_hidden()
                    assert tab.locator("#teaching").is_visible()
                    tab.screenshot(path=tmp_path / f"recorded-{name}.png", full_page=True)
                    start = datetime.fromisoformat(time["start"])
                    times = [(start + timedelta(seconds=s)).isoformat() for s in (1, 3)]
                    span = dict(zip(("start", "end"), times, strict=True)) | {"label": "wave"}
                    taught = send("POST", f"{api}/spans", span | {"camera": name})
                    id = taught["event"]["id"]
                    assert id in kept(shards[name])
                    journal = shards[name].folder / "alerts.reviews.jsonl"
                    assert id in journal.read_text()
                    code, part = fetch(f"{site.url}{taught['media']['clip']}", Range="bytes=4-7")
                    assert (code, part) == (206, b"ftyp")
                    assert recorded(name)["taught"] == {"wave": 1}
                    send("DELETE", f"{api}/events/{id}")
                    assert id not in kept(shards[name])
                tab.goto("/timeline")
                assert tab.locator("a.band").count() >= len(NAMES)
                tab.screenshot(path=tmp_path / "timeline.png", full_page=True)
                tab.goto("/health")
                tab.screenshot(path=tmp_path / "health.png", full_page=True)
            (metrics,) = (
                line.rpartition(" ")[2] for line in site.said.splitlines() if "/metrics" in line
            )
            text = fetch(metrics)[1].decode()
            for number, name in enumerate(NAMES, 1):
                assert f'har_camera_watched{{camera="{name}",shard="{number}/2"}} 1.0' in text
                assert f'har_shard_heard{{shard="{number}/2"}} 1.0' in text
            second.end(signal.SIGKILL)
            wait_until(lambda: states()[NAMES[1]]["state"] == "unknown")
            assert "shard 2/2 on two was last heard of" in states()[NAMES[1]]["cause"]
            assert states()[NAMES[0]]["state"] in ("live", "idle")
            with opened(site, "phone") as tab:
                tab.goto("/")
                tab.locator(f"[data-camera={NAMES[1]}].stale").wait_for()
                tab.screenshot(path=tmp_path / "silent.png", full_page=True)
                tab.goto("/health")
                assert "last heard of" in tab.locator("main").inner_text()
                tab.goto(f"/cameras/{NAMES[1]}/recorded")
                assert "last heard of" in tab.locator("#silent").inner_text()
                assert tab.get_by_role("heading", name="Nothing can be shown now").is_visible()
                tab.screenshot(path=tmp_path / "recorded-silent.png", full_page=True)
            (why,) = recorded(NAMES[1])["silent"]
            assert why.startswith("shard 2/2 on two was last heard of")
            assert why.endswith(f"s ago (camera {NAMES[1]})")
            assert recorded(NAMES[0])["silent"] == []
            text = fetch(metrics)[1].decode()
            assert f'har_camera_watched{{camera="{NAMES[1]}",shard="2/2"}} 0.0' in text
            assert 'har_shard_heard{shard="2/2"} 0.0' in text
            assert first.end() == 0
            wait_until(lambda: states()[NAMES[0]]["cause"] == "no process watches it")
