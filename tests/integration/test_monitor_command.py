"""har-monitor as a user types it."""

import ctypes
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pytest
from typer.testing import CliRunner

from monitor.cli.app import app
from testkit import process
from testkit.fakes import wait_until
from testkit.films import repeated
from testkit.media import make_video
from testkit.models import metadata, motion_model
from testkit.patience import LIMIT_S, Stopwatch
from testkit.servers.rtsp import rtsp_server

COMMAND = [sys.executable, "-m", "monitor"]


@pytest.fixture(scope="module")
def film(fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes in which something always moves."""
    return repeated(tmp_path_factory.mktemp("film") / "film.mp4", fight_clip, 25)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


def har_monitor(*arguments: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run it to its end, headless unless told otherwise."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={k: v for k, v in os.environ.items() if k != "DISPLAY"},
        **options,
    )


def alerts(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_is_watched_to_its_end(model: Path, fight_clip: Path, tmp_path: Path) -> None:
    done = har_monitor("--model", model, "--source", fight_clip, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    start, end = alerts(tmp_path / "alerts.jsonl")
    assert (start["camera"], start["label"], start["event"]) == ("fight", "moving", "start")
    assert (end["event"], end["id"]) == ("end", start["id"])
    assert done.stdout == ""
    assert "ALERT fight: moving started at" in done.stderr
    assert "camera fight: ended: " in done.stderr
    assert "Traceback" not in done.stderr


def test_alerts_on_standard_output_are_alone_there(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    done = har_monitor("--model", model, "--source", fight_clip, "--log", "-", cwd=tmp_path)
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["start", "end"]


def test_several_cameras_run_in_one_process(
    model: Path, fight_clip: Path, nofight_clip: Path, tmp_path: Path
) -> None:
    done = har_monitor(
        *("--model", model, "--source", f"door={fight_clip}", "--source", nofight_clip),
        *("--source", fight_clip, "--threshold", "0.01", "-v"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    started = {a["camera"] for a in alerts(tmp_path / "alerts.jsonl") if a["event"] == "start"}
    assert started == {"door", "nofight", "fight"}


def test_the_threshold_decides_what_alerts(model: Path, fight_clip: Path, tmp_path: Path) -> None:
    har_monitor("--model", model, "--source", fight_clip, "--threshold", "1", cwd=tmp_path)
    assert alerts(tmp_path / "alerts.jsonl") == []


@pytest.mark.slow
def test_a_saved_video_holds_every_frame_with_a_caption(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    done = har_monitor(
        *("--model", model, "--source", fight_clip, "--save-video", "out.mp4"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    with av.open(str(fight_clip)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        originals = [frame.to_ndarray(format="rgb24") for frame in before.decode(video=0)]
        drawn = [frame.to_ndarray(format="rgb24") for frame in after.decode(video=0)]
    assert len(drawn) == len(originals)
    assert drawn[0].shape == originals[0].shape
    corner = (slice(12, 60), slice(12, 120))
    assert drawn[60][corner].mean() < originals[60][corner].mean() - 20, "a dark panel lies there"


@pytest.mark.slow
def test_a_large_live_picture_is_drawn_while_the_next_is_scaled(
    model: Path, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "hd.mp4", fps=30, duration_s=3, size=(1920, 1080))
    done = har_monitor(
        *("--model", model, "--source", video.path, "--realtime", "--save-video", "out.mp4"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    counts = rf"camera hd: ended: {video.frames} frames, (\d) windows?(?:; (\d) dropped: busy)?"
    found = re.search(counts, done.stderr)
    assert found, done.stderr
    assert sum(int(count or 0) for count in found.groups()) == 3


@pytest.mark.slow
def test_a_slow_camera_does_not_fill_the_memory_with_frames(model: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "slow.mp4", fps=5, duration_s=60, size=(640, 360), gop=50)
    done = har_monitor(
        *("--model", model, "--source", video.path, "--save-video", "out.mp4"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "5.0 frames a second reach the model, it needs at least 8.0" in done.stderr
    with av.open(str(tmp_path / "out.mp4")) as after:
        assert sum(1 for _ in after.decode(video=0)) == video.frames


def test_standard_output_that_is_closed_is_an_error_in_one_line(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    command = [*COMMAND, "--headless", "--model", str(model), "--source", str(fight_clip)]
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" --log - >&-', "sh", *command],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "error: standard output: it is closed"


def test_check_says_what_would_be_watched(model: Path, tmp_path: Path) -> None:
    done = har_monitor(
        *("--model", model, "--check", "--source", "door=rtsp://u:s3cret@192.0.2.1/s?token=s3cret"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "clip     20 frames of 64x64 at 10 a second: 2 s\n" in done.stdout
    assert (
        "trained  on none\n"
        "measured not trained\n"
        "alerts   moving from 0.6; background: still\n"
        "         after 0.5 s, smoothed over 0.5 s, left 0.15 below\n"
    ) in done.stdout
    assert "tuned" not in done.stdout
    assert "camera   door: rtsp://u:***@192.0.2.1/s?token=***\n" in done.stdout
    assert done.stdout.endswith("ok; no camera was contacted\n")
    assert not (tmp_path / "alerts.jsonl").exists()


def test_check_says_what_the_model_was_trained_and_tuned_for(tmp_path: Path) -> None:
    tuning = {
        **{"hysteresis": 0.15, "smoothing_s": 2.0, "min_s": 0.0},
        **{"metrics": {"event_f1": 0.7}, "evaluation": "for the highest event F1; by hand"},
    }
    trained_on = {"name": "yard", "sha256": "0" * 64, "clips": 286, "groups": 73}
    about = metadata(tuning=tuning, data=trained_on, temperature=0.71)
    model = motion_model(tmp_path / "m.onnx", about)
    done = har_monitor("--model", model, "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "         after 0 s, smoothed over 2 s, left 0.15 below\n" in done.stdout
    assert "tuned    for the highest event F1; by hand\n" in done.stdout
    assert "trained  on yard: 286 clips of 73 groups; scores at temperature 0.71\n" in done.stdout


def test_check_keeps_its_columns_in_a_terminal(tmp_path: Path) -> None:
    word = "cross-validated-on-held-out-clips"
    model = motion_model(tmp_path / "m.onnx", metadata(evaluation=f"{word} {word} {word}"))
    terminal = {"FORCE_COLOR": "1", "COLUMNS": "70"}
    done = CliRunner().invoke(app, ["--model", str(model), "--check"], env=terminal)
    assert done.exit_code == 0, done.stderr
    assert f"measured {word}\n         {word}\n         {word}\n" in done.stdout


NO_NAME = "a" * 64  # is longer than any name may be: no name server is asked
BAD: dict[str, tuple[Sequence[str], int, str]] = {
    "nothing to watch": (
        (),
        2,
        "error: nothing to watch: give --source 0, --source rtsp://..., --source clip.mp4, or a "
        "--config with cameras",
    ),
    "missing file": (("--source", "none.mp4"), 1, "error: none.mp4: no such file"),
    "text file": (
        ("--source", "text.mp4"),
        1,
        "error: text.mp4: not a video file that can be read",
    ),
    "folder": (("--source", "."), 1, "error: .: is a folder, not a video file"),
    "wrong device": (
        ("--source", "9"),
        1,
        "error: webcam 9: there is no /dev/video9; found: none",
    ),
    "wrong host": (
        ("--source", f"rtsp://{NO_NAME}/s"),
        1,
        f"error: rtsp://{NO_NAME}/s: unknown host: ",
    ),
    "scheme": (
        ("--source", "ftp://h/x"),
        2,
        "error: source ftp://h/x: not a kind of source; allowed: a webcam number or ",
    ),
    "threshold": (
        ("--source", "a.mp4", "--threshold", "1.5"),
        2,
        "error: defaults.activity.threshold: input should be less than or equal to 1, found 1.5",
    ),
    "stride": (
        ("--source", "a.mp4", "--stride", "0"),
        2,
        "error: defaults.windows.stride: input should be greater than or equal to 1, found 0",
    ),
    "log without a folder": (
        ("--source", "a.mp4", "--log", "none/a.jsonl"),
        1,
        "error: log none/a.jsonl: there is no folder none",
    ),
    "missing model": (
        ("--source", "a.mp4", "--model", "none.onnx"),
        1,
        "error: none.onnx: no such file or directory",
    ),
    "not a model": (
        ("--source", "a.mp4", "--model", "text.mp4"),
        1,
        "error: text.mp4: not an ONNX model that can be run: ",
    ),
    "config": (
        ("--config", "bad.yaml"),
        2,
        "error: bad.yaml:3: unknown option defaults.windows.strides; options here: "
        "max_gap_s, min_fps_share, motion, quality, stride",
    ),
    "missing config": (("--config", "none.yaml"), 2, "error: none.yaml: no such file or directory"),
    "two cameras of one name": (
        ("--source", "a=x.mp4", "--source", "a=y.mp4"),
        2,
        "error: two cameras are named a",
    ),
    "display where there is none": (
        ("--source", "a.mp4", "--display"),
        2,
        "error: --display: there is no display here ($DISPLAY is not set, or "
        "nothing answers there); --headless or --save-video out.mp4 work without one",
    ),
    "video over its own source": (
        ("--source", "text.mp4", "--save-video", "./text.mp4"),
        2,
        "error: save_video text.mp4: would overwrite text.mp4, which is read",
    ),
    "checked file that is missing": (
        ("--source", "none.mp4", "--check"),
        1,
        "error: camera none: none.mp4: no such file",
    ),
    "Keras model": (
        ("--source", "a.mp4", "--model", "model.keras"),
        1,
        "error: model.keras: a Keras model; har-export model.keras NAME.onnx makes an ONNX file ",
    ),
    "log over its own model": (
        ("--source", "a.mp4", "--model", "text.mp4", "--log", "text.mp4"),
        2,
        "error: log text.mp4: would overwrite text.mp4, which is read",
    ),
    "config with a wrong source": (
        ("--config", "source.yaml"),
        2,
        "error: source.yaml:3: cameras.0.source: source ftp://h/x: not a kind of source; allowed: ",
    ),
    "video to no folder": (
        ("--source", "a.mp4", "--save-video", "none/o.mp4"),
        1,
        "error: save_video none/o.mp4: there is no folder none",
    ),
}


@pytest.mark.parametrize(("arguments", "code", "expected"), BAD.values(), ids=BAD)
def test_bad_input_gets_one_line_and_the_right_exit_code(
    model: Path, tmp_path: Path, arguments: Sequence[str], code: int, expected: str
) -> None:
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    (tmp_path / "model.keras").write_text("")
    (tmp_path / "bad.yaml").write_text("defaults:\n  windows:\n    strides: 3\n")
    (tmp_path / "source.yaml").write_text("cameras:\n  - name: a\n    source: ftp://h/x\n")
    done = har_monitor("--model", model, *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1
    assert errors[0].startswith(expected)
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_a_usage_error(tmp_path: Path) -> None:
    done = har_monitor("--sources", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "No such option" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["rtsp://u:hunter2@h/x"],
        ["u:hunter2@h"],
        ["--threshold", "rtsp://u:hunter2@h/x"],
        ["--stride=u:hunter2@h"],
        ["--source", "rtsp://u:hunter2@h:port/x"],
        ["--hunter2@h"],
    ],
)
def test_an_argument_that_is_refused_is_repeated_without_its_password(
    arguments: list[str], tmp_path: Path
) -> None:
    done = har_monitor(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "h" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


class Started:
    """The command running in the background."""

    def __init__(self, *arguments: object, cwd: Path, **options: Any) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "--headless", *map(str, arguments)],
            cwd=cwd,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def stop(self, number: int) -> tuple[float, str]:
        """Signal it; the seconds it took to end and what it had logged."""
        watch = Stopwatch()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=LIMIT_S)
        return watch.seconds, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_it_cleanly_within_two_seconds(
    model: Path, film: Path, tmp_path: Path, number: int
) -> None:
    log = tmp_path / "a.jsonl"
    started = Started(
        *("--model", model, "--source", film, "--realtime", "--log", log), cwd=tmp_path
    )
    wait_until(lambda: log.exists() and bool(log.read_text()))
    seconds, errors = started.stop(number)
    assert started.process.returncode == 0
    assert seconds < 2
    assert "camera film: stopped: " in errors, "it did not come to its own end"
    assert [alert["event"] for alert in alerts(log)] == ["start", "end"]
    assert "Traceback" not in errors


@pytest.mark.parametrize("workers", [1, 2])
def test_a_signal_that_the_system_gives_to_another_thread_ends_it_too(
    model: Path, tmp_path: Path, workers: int
) -> None:
    """Which thread that is, is up to the system."""
    cameras = {name: f"rtsp://127.0.0.1:9/{name}" for name in ("door", "yard")}
    with process.har_monitor(cameras, model, folder=tmp_path, workers=workers) as started:
        started.wait_for("it runs", lambda: bool(started.health))
        pid = started.popen.pid
        others = [int(one.name) for one in Path(f"/proc/{pid}/task").iterdir()]
        watch = Stopwatch()
        assert ctypes.CDLL(None).tgkill(pid, max(others), signal.SIGTERM) == 0
        assert max(others) != pid
        assert started.popen.wait(LIMIT_S) == 0
        assert watch.seconds < 5


def test_a_killed_monitor_leaves_whole_lines(model: Path, film: Path, tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    started = Started(
        *("--model", model, "--source", film, "--realtime", "--log", log), cwd=tmp_path
    )
    wait_until(lambda: log.exists() and bool(log.read_text()))
    started.stop(signal.SIGKILL)
    assert [alert["event"] for alert in alerts(log)] == ["start"]


@pytest.mark.parametrize(
    ("user", "path", "expected"),
    [
        pytest.param("watch:wrong@", "", "authentication", id="401"),
        pytest.param("watch:s3cret@", "/none", "not found", id="404"),
    ],
)
def test_a_server_that_refuses_gets_one_line_without_the_password(
    model: Path, fight_clip: Path, tmp_path: Path, user: str, path: str, expected: str
) -> None:
    with rtsp_server(fight_clip, user="watch", password="s3cret") as server:
        base = server.url if not path else server.base + path
        url = "rtsp://" + user + base.rpartition("@")[2].removeprefix("rtsp://")
        done = har_monitor("--model", model, "--source", url, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = [text for text in done.stderr.splitlines() if "error:" in text]
    assert expected in line
    for secret in ("s3cret", "wrong"):
        assert secret not in done.stderr


@pytest.mark.slow
def test_in_a_terminal_a_live_table_shows_each_camera(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    main, child = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "--headless", "--model", str(model), "--source", f"door={fight_clip}"],
        cwd=tmp_path,
        stderr=child,
        stdout=child,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(main)
    assert process.wait(LIMIT_S) == 0
    text = shown.decode()
    for word in ("camera", "state", "fps", "dropped", "latency", "door", "ended", "moving"):
        assert word in text


def test_a_headless_monitor_on_a_file_imports_nothing_heavy_that_it_does_not_need(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from monitor.cli.app import app; app(sys.argv[1:], standalone_mode=False); "
        "heavy = {'cv2', 'tensorflow', 'keras', 'tf2onnx', 'ray', 'train', 'export'}; "
        "heavy |= {'fsspec', 'obstore'}; "
        "heavy &= set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--headless", "--model", model, "--source", fight_clip],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
