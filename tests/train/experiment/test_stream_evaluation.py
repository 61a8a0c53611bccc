"""har-evaluate --stream as a user types it, and what it refuses."""

import json
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from monitor.recognition.metadata import Film
from testkit.footage import motion_clips, quiet_footage
from testkit.media import filtered
from testkit.models import metadata, motion_model
from train.cli.evaluate import app
from train.data.cache import file_sha256


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("footage")
    quiet_footage(folder / "yard.mp4", 20)
    quiet_footage(folder / "hall.mp4", 17)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, fight_clip: Path, nofight_clip: Path) -> Path:
    return motion_clips(tmp_path_factory.mktemp("data"), fight_clip, nofight_clip)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


def har_evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def content(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def test_a_fold_is_inserted_into_footage_and_its_alerts_are_reported(
    model: Path,
    data: Path,
    footage: Path,
    cache: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        done = har_evaluate(
            *(model, "--stream", "--data", data, "--footage", footage),
            *("--out", tmp_path / "out", "--fold", 1, "--cache", cache),
        )

    assert done.exit_code == 0, done.stderr
    found = content(tmp_path / "out")
    events, (stream,) = found["events"], found["streams"]
    assert found["title"] == f"motion on streams of fold 1 of {data.name}"
    assert found["warning"] == "Perhaps not a clean test"
    assert stream["name"] == "scene-1"
    assert [piece[1] for piece in stream["pieces"] if piece[1]] in (
        ["moving", "still"],
        ["still", "moving"],
    )
    assert (events["events"], events["found"]) == (1, 1)
    assert events["hours"] == pytest.approx(stream["duration_s"] / 3600)
    assert 0 < events["delay_p50_s"] < 7.8
    # To the motion model the cut to another scene is motion: a false alarm in the still clip.
    assert events["false_alarms"] == len(found["false_alarms"])
    assert all(alarm["label"] == "moving" for alarm in found["false_alarms"])
    assert found["clips"]["clips"] == 2
    assert found["clips"]["alone"] == 2
    assert len(found["sweep"]) > 10
    assert "event F1 " in caplog.messages[-1]
    assert "camera" not in caplog.text, "the monitor's own lines are for --verbose"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "scene-1" in page
    assert "http" not in re.sub(r"http-equiv|xmlns=\"[^\"]*\"", "", page), "loads nothing"


def test_footage_alone_gives_false_alarms_an_hour_and_nothing_else(
    model: Path, footage: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        done = har_evaluate(model, "--stream", "--footage", footage, "--out", tmp_path / "out")

    assert done.exit_code == 0, done.stderr
    found = content(tmp_path / "out")
    assert (found["events"]["false_alarms"], found["events"]["recall"]) == (0, None)
    assert found["events"]["hours"] == pytest.approx(37 / 3600)
    assert found["events"]["false_alarms_per_hour_high_95"] == pytest.approx(
        2.9957 / (37 / 3600), rel=1e-3
    )
    assert found["clips"] is None
    assert [stream["name"] for stream in found["streams"]] == ["hall.mp4", "yard.mp4"]
    assert "0 false alarms in 0.01 h: 0 an hour, below 291 with 95 % certainty" in caplog.text


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory, fight_clip: Path) -> Path:
    """Two videos in two folds: in one somebody moves from 8 s to 12.7 s, in the other nobody."""
    folder = tmp_path_factory.mktemp("filmed")
    (folder / "hall").mkdir()
    quiet = quiet_footage(folder / "hall" / "quiet.mp4", 12)
    filters = (
        "[0:v]trim=duration=8,fps=10,setsar=1[a];[1:v]scale=160:96,fps=10,setsar=1[b];"
        "[2:v]trim=duration=8,fps=10,setsar=1[c];[a][b][c]concat=n=3:v=1"
    )
    filtered(folder / "hall" / "act.mp4", filters, quiet, fight_clip, quiet)
    (folder / "videos.csv").write_text(
        "path,label,group,fold,start_s,end_s\n"
        "hall/act.mp4,moving,a,0,8,12.7\n"
        "hall/quiet.mp4,still,b,1,,\n"
    )
    return folder


def test_videos_with_events_are_watched_as_they_were_filmed(
    model: Path, filmed: Path, cache: Path, tmp_path: Path
) -> None:
    line = (model, "--stream", "--data", filmed, "--out", tmp_path / "out", "--cache", cache)
    done = har_evaluate(*line)

    assert done.exit_code == 0, done.stderr
    found = content(tmp_path / "out")
    events = found["events"]
    assert [stream["name"] for stream in found["streams"]] == ["hall/act.mp4", "hall/quiet.mp4"]
    assert (events["events"], events["found"], events["false_alarms"]) == (1, 1, 0)
    assert events["hours"] == pytest.approx((20.7 + 12) / 3600, rel=0.01)
    assert found["footage"]["hall"]["hours"] == pytest.approx(events["hours"])
    assert events["after_end_p50_s"] == pytest.approx(events["delay_p50_s"] - 4.7)
    assert found["clips"] is None
    assert "as they were filmed" in found["how"]
    assert found["warning"] == "Perhaps not a clean test"
    assert "moving: hall/act.mp4" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_fold_of_videos_and_footage_are_watched_together(
    model: Path, filmed: Path, footage: Path, cache: Path, tmp_path: Path
) -> None:
    done = har_evaluate(
        *(model, "--stream", "--data", filmed, "--footage", footage, "--fold", 1),
        *("--out", tmp_path / "out", "--cache", cache),
    )

    assert done.exit_code == 0, done.stderr
    found = content(tmp_path / "out")
    names = [stream["name"] for stream in found["streams"]]
    assert names == ["hall/quiet.mp4", "hall.mp4", "yard.mp4"]
    assert sorted(found["footage"]) == ["footage", "hall"]
    assert found["events"]["events"] == 0


def test_an_event_to_the_end_of_a_video_ends_with_it(
    model: Path, filmed: Path, cache: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(filmed, data)
    rows = (filmed / "videos.csv").read_text().replace(",8,12.7", ",8,")
    (data / "videos.csv").write_text(rows)

    done = har_evaluate(
        *(model, "--stream", "--data", data, "--fold", 0, "--out", tmp_path / "out"),
        *("--cache", cache),
    )

    assert done.exit_code == 0, done.stderr
    events = content(tmp_path / "out")["events"]
    assert events["found"] == 1
    assert events["after_end_p50_s"] == pytest.approx(events["delay_p50_s"] - 12.7, abs=0.15)


def test_an_event_after_the_end_of_its_video_is_an_error(
    model: Path, filmed: Path, cache: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    shutil.copytree(filmed, data)
    rows = (filmed / "videos.csv").read_text()
    (data / "videos.csv").write_text(f"{rows}hall/act.mp4,moving,a,0,80,127\n")

    done = har_evaluate(
        *(model, "--stream", "--data", data, "--out", tmp_path / "out", "--cache", cache)
    )

    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: {data / 'videos.csv'}: hall/act.mp4#t=80,127: the video ends at 20.70 s"
    )


def test_a_fold_without_videos_is_an_error(model: Path, filmed: Path, tmp_path: Path) -> None:
    done = har_evaluate(model, "--stream", "--data", filmed, "--fold", 7, "--out", tmp_path / "out")

    assert done.exit_code == 2
    assert done.stderr == f"error: fold 7: no video of {filmed / 'videos.csv'} is in it\n"


def test_alerts_in_footage_are_listed_with_their_place(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    done = har_evaluate(model, "--stream", "--footage", fight_clip, "--out", tmp_path / "out")

    assert done.exit_code == 0, done.stderr
    (alarm,) = content(tmp_path / "out")["false_alarms"]
    assert (alarm["stream"], alarm["shown"], alarm["shown_label"]) == (
        *("fight.mp4", "fight.mp4"),
        None,
    )
    assert alarm["time_s"] == pytest.approx(2.4, abs=0.3)
    assert alarm["shown_s"] == pytest.approx(alarm["time_s"] - 1)
    assert alarm["score"] > 0.6


def test_footage_that_was_trained_on_is_reported(
    footage: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = Film(
        name="a.mp4", sha256=file_sha256(footage / "hall.mp4"), from_s=0.0, to_s=16.9, slices=6
    )
    data = metadata().data.model_copy(update={"footage": (film,)})
    model = motion_model(tmp_path / "m.onnx", metadata(data=data))

    done = har_evaluate(model, "--stream", "--footage", footage, "--out", tmp_path / "out")

    assert done.exit_code == 0, done.stderr
    warning = "1 of 2 films of the footage were trained on"
    assert content(tmp_path / "out")["warning"] == warning
    assert f"{footage.name}: {warning}" in caplog.messages
    assert "0 clips and 1 films of footage" in (tmp_path / "out" / "report.html").read_text()


WRONG: dict[str, tuple[str, int, str]] = {
    "no footage": (
        "m.onnx --stream --data data --footage gone --out out",
        1,
        "gone: no such file or folder of footage",
    ),
    "short footage": (
        "m.onnx --stream --data data --footage fight.mp4 --out out",
        1,
        "fight.mp4: 4.7 s, and no footage is longer; at least 16 s in one file are needed",
    ),
    "text for footage": (
        "m.onnx --stream --data data --footage text.mp4 --out out",
        1,
        "text.mp4: not a video file that can be read (invalid data found when processing input)",
    ),
    "no model": (
        "gone.onnx --stream --data data --footage yard --out out",
        1,
        "gone.onnx: no such file or directory",
    ),
    "other labels": (
        "fall.onnx --stream --data data --footage yard --out out",
        1,
        "the model's labels are fall, walk; the data's are moving, still: "
        "a model can be tested on its own labels only",
    ),
    "no such fold": (
        "m.onnx --stream --data data --footage yard --out out --fold 7",
        2,
        "fold 7: folds here: 0, 1",
    ),
    "no clips": (
        "m.onnx --stream --data gone --footage yard --out out",
        1,
        "gone: no such folder",
    ),
    "no footage named": (
        "m.onnx --stream --data data --out out",
        2,
        "--footage is missing; only videos with events need none",
    ),
    "fold of nothing": (
        "m.onnx --stream --footage yard --fold 1 --out out",
        2,
        "--data is missing",
    ),
    "nowhere to write": ("m.onnx --stream --footage yard", 2, "--out is missing"),
    "no clips named": ("m.onnx --out out", 2, "--data is missing"),
    "footage for clips": (
        "m.onnx --data data --footage yard --out out",
        2,
        "--footage needs --stream or --tune",
    ),
    "both": ("run --stream --tune", 2, "--stream and --tune exclude each other"),
    "a limit without tuning": (
        "m.onnx --stream --footage yard --out out --false-alarms-per-day 1",
        2,
        "--false-alarms-per-day needs --tune",
    ),
    "a fold of tuning": (
        "run --tune --data data --footage yard --fold 1",
        2,
        "--tune takes no --fold and no --out: MODEL is a run with its folds",
    ),
    "the option's old name": (
        "m.onnx --stream --background yard --out out",
        2,
        "--background names a label, in har-train; footage is --footage",
    ),
    "tuning without footage": ("run --tune --data data", 2, "--footage is missing"),
    "a report over a run": (
        "m.onnx --stream --footage yard --out run",
        2,
        "--out run: holds a run of har-train, with its own report",
    ),
}


@pytest.mark.parametrize(("line", "code", "says"), WRONG.values(), ids=WRONG)
def test_options_that_cannot_be_met_are_a_one_line_error(
    model: Path,
    data: Path,
    footage: Path,
    cache: Path,
    fight_clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, target in {
        "m.onnx": model, "data": data, "yard": footage, "fight.mp4": fight_clip,
    }.items():  # fmt: skip
        Path(name).symlink_to(target)
    falls = metadata(labels=("fall", "walk"), background=("walk",), thresholds={"fall": 0.5})
    motion_model(Path("fall.onnx"), falls)
    Path("text.mp4").write_text("no video")
    Path("run").mkdir()
    Path("run/model.keras").write_text("")

    done = har_evaluate(*line.split(), "--cache", cache)

    assert done.exit_code == code, done.stderr
    assert done.stderr.splitlines()[-1] == f"error: {says}"
    assert not Path("out").exists()


@pytest.mark.slow
def test_streams_of_an_onnx_model_need_no_tensorflow(
    model: Path, footage: Path, tmp_path: Path
) -> None:
    program = (
        "import sys\n"
        "from train.cli.evaluate import app\n"
        "try:\n    app()\n"
        "finally:\n"
        "    assert not {'tensorflow', 'keras', 'tf2onnx', 'cv2'} & set(sys.modules)\n"
    )
    line = [model, "--stream", "--footage", footage, "--out", tmp_path / "out", "--verbose"]

    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, line)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "streams 2/2: yard.mp4" in done.stderr
    assert "camera stream-1-yard.mp4: ended: 200 frames" in done.stderr
