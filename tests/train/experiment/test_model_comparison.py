"""har-evaluate --against, as a user types it, and what it refuses."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from monitor.evidence.folder import EvidenceFacts, event_files
from monitor.recognition.metadata import Data
from monitor.states import EndReason
from monitor.store.event import Review, Verdict
from monitor.store.store import EventStore
from testkit.alerts import alert
from testkit.footage import quiet_footage
from testkit.models import metadata, motion_model
from train.cli.evaluate import app

DAY = datetime(2026, 5, 4, 8, tzinfo=UTC)
DISMISSED = Verdict(review=Review.DISMISSED)
CONFIRMED = Verdict(review=Review.CONFIRMED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, fight_clip: Path) -> Path:
    """A store with evidence of wild and of quiet clips, and two models."""
    folder = tmp_path_factory.mktemp("events")
    store = EventStore(str(folder / "events.sqlite"))
    quiet = folder / "quiet.mp4"
    quiet_footage(quiet, 6)
    clips = {
        "wild-right": (fight_clip, CONFIRMED, 0), "wild-false": (fight_clip, DISMISSED, 0),
        "quiet-false": (quiet, DISMISSED, 1), "wild-later": (fight_clip, CONFIRMED, 2),
        "broken": (None, DISMISSED, 1),
    }  # fmt: skip
    for name, (clip, verdict, day) in clips.items():
        at = DAY + timedelta(days=day)
        start = alert(name, label="moving", start_s=1.0, time=at, start_time=at)
        end = {"event": "end", "end_s": 2.0, "reason": EndReason.SCORE_FELL}
        store.record(start, start.model_copy(update=end))
        store.review(name, verdict, "ann")
        files = event_files(folder / "evidence", "door", name, at)
        files.stem.parent.mkdir(parents=True, exist_ok=True)
        files.save(EvidenceFacts(clip_begin_s=0.0))
        if clip is None:
            files.clip.write_bytes(b"no video")
        else:
            shutil.copy(clip, files.clip)
    store.close()
    motion_model(folder / "eager.onnx")
    deaf = metadata(
        thresholds={"moving": 1.0},
        data=Data(name="films+evidence", sha256="0" * 64, clips=9, groups=3),
    )
    motion_model(folder / "deaf.onnx", deaf)
    return folder


def har_evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def compared(folder: Path, new: str, old: str, out: Path, *more: object) -> dict[str, Any]:
    done = har_evaluate(
        folder / new, "--against", folder / old, "--events", folder / "events.sqlite",
        "--out", out, *more,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def test_a_new_model_is_told_by_what_it_raises_no_more(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = compared(folder, "deaf.onnx", "eager.onnx", tmp_path)

    assert {one["id"]: one["raised_by"] for one in found["clips"]} == {
        "wild-right": "old", "wild-later": "old", "wild-false": "old", "quiet-false": "neither",
    }  # fmt: skip
    assert found["false_alarms"]["gone"] == {"count": 1, "of": 1, "interval_95": None}
    assert found["right_alarms"]["kept"]["count"] == 0
    assert found["right_alarms"]["old"] == 2
    assert found["unread"] == 1
    assert "event broken is left out: " in caplog.text
    page = (tmp_path / "report.html").read_text()
    assert "deaf.onnx against eager.onnx" in page
    assert "wild-right" in page
    assert "quiet-false" not in page, "only those on which they differ"


def test_the_other_way_round_the_alarms_are_new(folder: Path, tmp_path: Path) -> None:
    found = compared(folder, "eager.onnx", "deaf.onnx", tmp_path)
    assert found["false_alarms"]["new"] == 1
    assert found["right_alarms"]["new"] == 2
    assert found["warning"] is None


def test_events_that_a_model_may_have_been_trained_on_are_no_test(
    folder: Path, tmp_path: Path
) -> None:
    found = compared(folder, "deaf.onnx", "eager.onnx", tmp_path / "all")
    assert "The new model was trained on reviewed events" in found["warning"]

    found = compared(folder, "deaf.onnx", "eager.onnx", tmp_path / "b", "--since", "2026-05-06")
    assert found["warning"] is None
    assert [one["id"] for one in found["clips"]] == ["wild-later"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--against", "b.onnx", "--out", "x"], "--events is missing"),
        (["--events", "s", "--out", "x"], "--against is missing"),
        (["--against", "b.onnx", "--events", "s"], "--out is missing"),
        (["--against", "b.onnx", "--events", "s", "--stream"], "--against goes with --events, "),
        (["--against", "b.onnx", "--events", "s", "--fold", 0], "--against goes with --events, "),
        (
            [
                "--against",
                "b.onnx",
                "--events",
                "s",
                "--out",
                "x",
                "--evidence",
                ".",
                "--since",
                "0001-01-01",
            ],
            "--since: a year from 2 to 9998 is needed, found 0001-01-01",
        ),
        (["--since", "2026-05-06"], "--evidence and --since need --against and --events"),
        (["--against", "b.onnx", "--events", "s", "--out", "x"], "evidence: no such folder; "),
    ],
)
def test_what_does_not_go_together(options: list[object], message: str) -> None:
    done = har_evaluate("a.onnx", *options)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
