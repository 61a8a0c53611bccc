"""The model in the package, on the sample in the package."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.shipped import SHIPPED
from testkit import ROOT
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from testkit.servers.rtsp import rtsp_server

SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"
CARDS = {"fight": "model-card.md", "fall": "model-card-fall.md"}
FIGHT_S = 8.1  # in the sample, from here to its end; before it a man walks past the camera


def alerts(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def watch(source: str, log: Path, events: int) -> tuple[list[dict[str, Any]], float]:
    """The first events of a source, by the command as a user types it.

    And by how many seconds what a busy machine dropped may have shifted them.
    """
    command = [sys.executable, "-m", "monitor", "--headless", "--source", f"bus={source}"]
    process = subprocess.Popen(
        [*command, "--log", str(log)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"DISPLAY": ""},
    )
    try:
        wait_until(lambda: log.exists() and len(alerts(log)) >= events)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    assert "Traceback" not in errors
    dropped = re.search(r"(\d+) dropped: busy", errors)
    return alerts(log)[:events], 0.5 * int(dropped[1]) if dropped else 0.0


def test_the_sample_gives_one_alert_for_its_one_fight(tmp_path: Path) -> None:
    (start, end), _ = watch(str(SAMPLE), tmp_path / "a.jsonl", 2)
    assert (start["label"], start["event"], end["event"]) == ("fight", "start", "end")
    assert end["id"] == start["id"]
    assert FIGHT_S - 5 < start["start_s"] < FIGHT_S + 2
    assert end["end_s"] > 17
    assert len(alerts(tmp_path / "a.jsonl")) == 2


def test_the_sample_over_rtsp_gives_the_same_alert(tmp_path: Path) -> None:
    expected, _ = watch(str(SAMPLE), tmp_path / "file.jsonl", 2)
    with rtsp_server(SAMPLE) as server:
        found, late_s = watch(server.url, tmp_path / "rtsp.jsonl", 2)
    for one, other in zip(expected, found, strict=True):
        assert (one["event"], one["label"]) == (other["event"], other["label"])
        assert one["start_s"] == pytest.approx(other["start_s"], abs=0.05 + late_s)
    assert expected[1]["end_s"] == pytest.approx(found[1]["end_s"], abs=0.05 + late_s)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_model_card_states_what_the_model_file_says(name: str) -> None:
    card = (ROOT / "docs" / CARDS[name]).read_text()
    classifier = OnnxClassifier(name)
    metadata = classifier.metadata
    assert classifier.sha256 in card
    assert metadata.data.sha256 in card
    assert f"{metadata.data.clips} clips" in card
    for data, terms in metadata.data.terms.items():
        assert data in card
        assert terms in card
    for figure in ("fold_accuracy_mean", "fold_auc_mean"):
        assert f"{metadata.metrics[figure]:.3f}" in card
    thresholds = re.findall(r"alerts from (\d\.\d+)", card)
    assert [float(value) for value in thresholds] == list(metadata.thresholds.values())


def test_the_shipped_models_are_small_and_know_their_labels() -> None:
    for name, path in SHIPPED.items():
        metadata = OnnxClassifier(name).metadata
        assert path.stat().st_size < 5 << 18
        assert metadata.alert_labels == (name,)
        assert metadata.network_clip.shape == (20, 64, 64, 3)
