"""Teaching from what is recorded: in a real browser, and to a model that har-monitor runs."""

import csv
import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.evidence.segments import segment_path
from monitor.recognition.classifier import OnnxClassifier
from monitor.store.journal import Journal, journal_path
from monitor.store.store import EventStore
from monitor.web.live import LiveState
from monitor.web.settings import CameraSettings, WebSettings
from monitor.web.state import WebState
from testkit import ROOT
from testkit.fakes import wait_until
from testkit.films import looped
from testkit.pages import SAMPLE, Watched, opened, watching
from testkit.patience import LIMIT_S
from testkit.servers.rtsp import rtsp_server
from tests.slow.test_train_command import har_train

START = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A stream that is recorded all the time."""
    folder = tmp_path_factory.mktemp("teaching")
    film = looped(
        folder / "f.mp4", SAMPLE, 20, "fps=25,scale=320:180", "libx264", "-g", "25", "-bf", "0"
    )
    with rtsp_server(film) as server:
        options = {
            "cameras": [{"name": "door", "source": server.url}],
            "web": {"port": 0},
            "sinks": [
                {"type": "log"},
                {"type": "store"},
                {"type": "evidence", "rolling_min": 10},
            ],
        }
        (folder / "m.yaml").write_text(json.dumps(options))
        with watching(folder, "--config", "m.yaml") as found:
            wait_until(lambda: recorded_s(found) > 15)
            yield found


def recorded_s(watched: Watched) -> float:
    """How many seconds of the door are recorded."""
    address = f"{watched.url}/api/v1/cameras/door/recorded"
    with urllib.request.urlopen(address, timeout=LIMIT_S) as answer:
        found = json.load(answer)["recorded"]
    spans = [[datetime.fromisoformat(one[end]) for end in ("start", "end")] for one in found]
    return sum((end - start).total_seconds() for start, end in spans)


def lines(watched: Watched) -> list[dict[str, Any]]:
    path = watched.folder / "alerts.reviews.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_span_is_marked_on_the_timeline_and_found_among_the_events(
    watched: Watched, size: str
) -> None:
    with opened(watched, size) as tab:
        tab.goto("/timeline")
        tab.locator("a.band").first.focus()
        tab.keyboard.press("Enter")
        tab.locator("#film").wait_for()
        tab.wait_for_url("**/cameras/door/recorded?at=*")
        playing = "() => document.getElementById('film').readyState >= 2"
        wait_until(lambda: tab.evaluate(playing))
        tab.evaluate("() => document.activeElement.blur()")

        tab.get_by_role("button", name="+1 s").click()
        tab.evaluate("() => document.activeElement.blur()")
        tab.keyboard.press("[")
        tab.get_by_role("button", name="+1 s").click()
        tab.get_by_role("button", name="+1 s").click()
        tab.get_by_role("button", name="End here").click()
        start = tab.get_by_label("Start", exact=True).input_value()
        end = tab.get_by_label("End", exact=True).input_value()
        length = datetime.fromisoformat(end) - datetime.fromisoformat(start)
        assert length == timedelta(seconds=2)

        tab.get_by_label("Label", exact=True).fill("parcel thrown")
        tab.get_by_role("button", name="Save the span").click()
        assert tab.locator("#taught li").count() == 0, "no label of the model"
        tab.get_by_label("A new activity").check()
        tab.get_by_role("button", name="Save the span").click()
        tab.locator("#taught li").wait_for()
        wait_until(lambda: tab.locator("#counts").text_content() == "parcel thrown: 1")

        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        tab.goto("/events?label=parcel+thrown")
        item = tab.locator(".event")
        item.wait_for()
        assert item.locator(".review").text_content() == "confirmed"
        assert item.locator("img").evaluate("image => image.complete && image.naturalWidth") == 320
        item.locator(".title").click()
        tab.locator("#clip").wait_for()
        long = "() => document.getElementById('clip').duration > 4"
        wait_until(lambda: tab.evaluate(long))
        tab.get_by_role("button", name="Take it back").click()
        tab.get_by_role("button", name="Take it back?").click()
        tab.wait_for_url("**/events")
        tab.goto("/events?label=parcel+thrown")
        tab.get_by_role("heading", name="No such events").wait_for()
    assert [line["schema"] for line in lines(watched)[-2:]] == [
        "har-monitor.span.v1", "har-monitor.deleted.v1",
    ]  # fmt: skip
    assert lines(watched)[-2]["label"] == "parcel thrown"


def test_nothing_and_a_missed_act_are_taught_and_taken_back_on_the_page(watched: Watched) -> None:
    with opened(watched, "desktop") as tab:
        tab.goto("/cameras/door/recorded")
        wait_until(lambda: tab.evaluate("() => document.getElementById('film').readyState >= 2"))
        tab.locator("[data-move='-10']").click()
        for what, told in (("An act that was missed", "fight"), ("Nothing that is", "nothing")):
            tab.get_by_role("button", name="Start here").click()
            tab.get_by_role("button", name="+1 s").click()
            tab.get_by_role("button", name="End here").click()
            tab.get_by_label(what).check()
            tab.get_by_role("button", name="Save the span").click()
            tab.locator("#taught li", has_text=told).wait_for()
        wait_until(lambda: tab.locator("#counts").text_content() == "fight: 1, nothing: 1")
        nothing = tab.locator("#taught li", has_text="nothing").get_by_role("button")
        nothing.click()
        nothing.click()
        tab.locator("#counts", has_not_text="nothing").wait_for()
        wait_until(lambda: tab.locator("#taught li").count() == 1)


def teach_falls(folder: Path, films: Path) -> str:
    """Falls of one room, each two minutes after the other, and as much of what is no fall."""
    settings = WebSettings(
        host="127.0.0.1",
        port=0,
        hosts=(),
        store=str(folder / "events.sqlite"),
        log=folder / "alerts.jsonl",
        evidence=folder / "evidence",
        cameras=(CameraSettings(name="room", source="rtsp://room/", live=True, regions=()),),
        models=(),
        configuration="",
        since=START,
    )
    web = WebState(
        settings, EventStore(settings.store), Journal(journal_path(settings.log)), LiveState()
    )
    with (films / "videos.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["group"] == "Coffee_room_01"]
    falls = [row for row in rows if row["start_s"] and float(row["start_s"]) > 2.5][:10]
    for number, row in enumerate(falls):
        began = START + timedelta(minutes=2 * number)
        path = segment_path(settings.evidence, "room", began)
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(films / row["path"], path)
        ended = began + timedelta(seconds=float(row["seconds"]))
        os.utime(path, (ended.timestamp(), ended.timestamp()))
        start, end = (timedelta(seconds=float(row[name])) for name in ("start_s", "end_s"))
        web.teach("room", began + start, began + end, "fall", "ann")
        before = timedelta(seconds=2.4), timedelta(seconds=0.4)
        web.teach("room", began + start - before[0], began + start - before[1], None, "ann")
    web.store.close()
    web.journal.close()
    return settings.store


def test_twenty_spans_and_one_order_make_a_model(tmp_path: Path, shared_data: Path) -> None:
    store = teach_falls(tmp_path, shared_data / "le2i")
    out, onnx = tmp_path / "out", tmp_path / "taught.onnx"

    done = har_train("--config", ROOT / "configs" / "taught.yaml", "--from-events", store,
                     "--out", out, "--export", onnx, "--epochs", 3,
                     "--cache", tmp_path / "cache")  # fmt: skip

    assert done.exit_code == 0, done.output
    assert len((out / "events.csv").read_text().splitlines()) == 21
    assert (out / "report.html").is_file()
    model = OnnxClassifier(onnx)
    assert model.metadata.labels == ("fall", "nothing")
    assert model.metadata.alert_labels == ("fall",)
    spec = model.metadata.clip
    clip = np.zeros((1, spec.frames, spec.size, spec.size, 3), np.uint8)
    assert model.classify(clip).scores.shape == (1, 2)


def test_an_export_that_cannot_be_is_refused_before_the_training(tmp_path: Path) -> None:
    for more, said in (
        (("--export", "m.keras"), "--export m.keras: the name must end with .onnx"),
        (("--export", "m.onnx", "--arch", "svm"), "--export needs a network; found svm"),
    ):
        done = har_train("--data", tmp_path, "--out", tmp_path / "out", *more)
        assert done.exit_code == 2
        assert said in " ".join(done.output.split())
    assert not (tmp_path / "out").exists()
