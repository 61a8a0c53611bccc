"""har-monitor as a service: what it tells, what it survives, what it takes up while it runs."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit import ROOT
from testkit.disks import fill, mounted
from testkit.films import lively, repeated
from testkit.kills import kill_again
from testkit.models import metadata, motion_model
from testkit.patience import LIMIT_S, Stopwatch
from testkit.process import COMMAND, Process, har_monitor, write_config
from testkit.servers.proxy import proxy
from testkit.servers.rtsp import rtsp_server
from testkit.servers.tcp import silent_server

KILLS = 8  # make soak does a hundred


@pytest.fixture(scope="module")
def short_film(fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds in which something always moves."""
    path = tmp_path_factory.mktemp("film") / "short.mp4"
    return lively(path, fight_clip)


@pytest.fixture(scope="module")
def film(short_film: Path) -> Path:
    """Five minutes of it, for what is watched until it is told to end."""
    return repeated(short_film.with_stem("film"), short_film, 15)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second is enough for it."""
    return motion_model(tmp_path_factory.mktemp("model") / "m.onnx", metadata(frames=5))


def watched(process: Process, *names: str) -> bool:
    health = process.health
    return bool(health) and all(health.get(name, {}).get("windows", 0) > 0 for name in names)


@pytest.mark.slow
def test_every_alert_survives_kill_9_and_the_next_start_ends_what_was_open(
    film: Path, model: Path, tmp_path: Path
) -> None:
    found = kill_again(KILLS, film, model, tmp_path)
    assert found.starts > KILLS
    assert found.died > 0
    assert (found.torn, found.twice, found.unended) == (0, 0, 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    with mounted(tmp_path / "disk", "size=64k") as disk:
        yield disk


@pytest.mark.slow
def test_on_a_full_disk_alerts_wait_and_are_written_in_order_when_there_is_room(
    small_disk: Path, film: Path, model: Path, tmp_path: Path
) -> None:
    log, ballast = small_disk / "alerts.jsonl", small_disk / "ballast"
    log.write_bytes(b"x" * 4095 + b"\n")  # a whole page, so that no line finds room in it
    fill(ballast)
    quick = {"smoothing_s": 0, "min_s": 0, "hold_s": 0, "cooldown_s": 0, "threshold": 0.97}
    with har_monitor(
        {"c": str(film)}, model, "--log", str(log), folder=tmp_path, activity=quick, realtime=True
    ) as process:
        process.wait_for(
            "alerts that wait",
            lambda: _whole(tmp_path / "health.json").get("alerts_waiting", 0) > 1,
        )
        windows = process.health["c"]["windows"]
        process.wait_for("windows", lambda: process.health["c"]["windows"] > windows)
        asked = [*COMMAND, "--status", "--health", "health.json"]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1
        assert "alert lines wait to be written" in done.stdout
        ballast.unlink()
        process.wait_for("room", lambda: _whole(tmp_path / "health.json")["alerts_waiting"] == 0)
        assert process.end() == 0
        said = process.said
    lines = [json.loads(line) for line in log.read_text().splitlines()[1:]]
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    assert [line["event"] for line in lines] == ["start", "end"] * (len(lines) // 2)
    assert said.count("alerts wait in memory") == said.count("writing works again") == 1


@pytest.mark.slow
def test_on_a_full_disk_only_the_video_ends_and_the_exit_code_says_so(
    small_disk: Path, short_film: Path, model: Path, tmp_path: Path
) -> None:
    video = small_disk / "video.mp4"
    command = [*COMMAND, "--headless", "--model", model, "--source", f"c={short_film}"]
    done = subprocess.run(
        [*map(str, command), "--save-video", str(video), "--log", "alerts.jsonl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    full = f"{video}: cannot write video: No space left on device"
    assert done.returncode == 1
    assert done.stderr.count(f"camera c: {full}; its video is cut short") == 1
    assert done.stderr.splitlines()[-1] == f"error: {full}; the video is incomplete"
    assert "Traceback" not in done.stderr
    assert "camera c: ended: 4" in done.stderr, "every frame was watched"
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"]


def _whole(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_sighup_takes_up_what_changed_and_interrupts_no_other_camera(
    film: Path, model: Path, tmp_path: Path
) -> None:
    patient = {"open_timeout_s": LIMIT_S, "read_timeout_s": LIMIT_S}
    with rtsp_server(film) as server, proxy(server.port) as stays, proxy(server.port) as leaves:
        cameras = {"stays": f"{stays.base}/cam", "leaves": f"{leaves.base}/cam"}
        with har_monitor(cameras, model, folder=tmp_path, stream=patient) as process:
            process.wait_for("both", lambda: watched(process, *cameras))
            new = {"stays": cameras["stays"], "comes": f"{leaves.base}/cam"}
            write_config(process.config, new, stream=patient)
            process.popen.send_signal(signal.SIGHUP)
            process.wait_for("the new one", lambda: watched(process, "comes"))
            assert set(process.health) == {"stays", "comes"}
            assert "cameras: 1 stay, 1 leave, 1 come" in process.said
            write_config(process.config, new, stream=patient, windows={"strides": 1})
            process.popen.send_signal(signal.SIGHUP)
            process.wait_for("a refusal", lambda: "the old configuration stays" in process.said)
            assert "unknown option defaults.windows.strides" in process.said
            write_config(process.config, new, stream=patient, sinks=[{"type": "log", "keep": 3}])
            process.popen.send_signal(signal.SIGHUP)
            process.wait_for("a word", lambda: "sinks changes when" in process.said)
            assert process.end() == 0
            assert stays.accepted == 1, "it was never connected to again"
            reasons = {a["camera"]: a["reason"] for a in process.alerts if a["event"] == "end"}
    assert reasons["leaves"] == "camera removed"
    assert reasons["stays"] == reasons["comes"] == "monitor stopped"


def test_after_sighup_a_model_is_tried_out_and_its_log_begins(
    film: Path, model: Path, tmp_path: Path
) -> None:
    shadow, log = tmp_path / "mine.onnx", tmp_path / "alerts.shadow.jsonl"
    motion_model(shadow, metadata(name="mine", frames=7, size=32))
    with (
        rtsp_server(film) as server,
        har_monitor({"door": server.url}, model, folder=tmp_path) as process,
    ):
        process.wait_for("an alert", lambda: bool(process.alerts))
        assert not log.exists()
        write_config(process.config, {"door": server.url}, shadow=str(shadow))
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for("its first line", log.exists)
        assert process.end() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {line["model_name"] for line in lines} == {"mine"}
    assert [line["reason"] for line in lines] == [None, "monitor stopped"]
    assert {alert["model_name"] for alert in process.alerts} == {"motion"}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "hardware": (
        {"decode": {"hardware": "nonsense"}},
        "decode.hardware nonsense: cannot be used here: ",
    ),
    "authorities": (
        {"stream": {"ca_file": "none.pem"}},
        "stream.ca_file none.pem: no such file",
    ),
    "a folder": ({"save_video": "none/o.mp4"}, "save_video none/o.mp4: there is no folder none"),
}


@pytest.mark.parametrize(("options", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_at_the_start_is_refused_by_sighup_and_changes_nothing(
    options: dict[str, Any], why: str, film: Path, model: Path, tmp_path: Path
) -> None:
    cameras = {"c": str(film)}
    with har_monitor(cameras, model, folder=tmp_path, realtime=True) as process:
        process.wait_for("windows", lambda: watched(process, "c"))
        write_config(process.config, {"d": str(film)}, realtime=True, **options)
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for(
            "a refusal",
            lambda: f"SIGHUP: refused, the old configuration stays: {why}" in process.said,
        )
        windows = process.health["c"]["windows"]
        process.wait_for("windows", lambda: process.health["c"]["windows"] > windows)
        assert process.end() == 0


def test_a_reload_that_waits_for_a_camera_does_not_hold_up_the_end(
    film: Path, model: Path, tmp_path: Path
) -> None:
    slow = {"open_timeout_s": 30, "read_timeout_s": 1}
    with silent_server() as port:
        cameras = {"film": str(film), "silent": f"rtsp://127.0.0.1:{port}/"}
        with har_monitor(cameras, model, folder=tmp_path, realtime=True, stream=slow) as process:
            process.wait_for("windows", lambda: watched(process, "film"))
            write_config(process.config, {"film": str(film)}, realtime=True, stream=slow)
            process.popen.send_signal(signal.SIGHUP)
            process.wait_for("the reload", lambda: "1 leave" in process.said)
            watch = Stopwatch()
            assert process.end() == 0
            assert watch.seconds < 4


def test_under_nohup_it_outlives_its_terminal(film: Path, model: Path, tmp_path: Path) -> None:
    write_config(tmp_path / "m.yaml", {"c": str(film)}, realtime=True)
    options = ["--headless", "--config", "m.yaml", "--model", str(model), "--health", "health.json"]
    with (tmp_path / "output").open("wb") as output:
        popen = subprocess.Popen(
            ["nohup", *COMMAND, *options],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
    process = Process(tmp_path, popen)
    try:
        process.wait_for("windows", lambda: watched(process, "c"))
        write_config(tmp_path / "m.yaml", {"d": str(film)}, realtime=True)
        popen.send_signal(signal.SIGHUP)
        windows = process.health["c"]["windows"]
        process.wait_for("windows", lambda: process.health["c"]["windows"] > windows + 3)
        assert "cameras:" not in process.said
        assert process.end() == 0
    finally:
        popen.kill()
        popen.wait(LIMIT_S)


def test_without_a_configuration_file_sighup_ends_it(
    film: Path, model: Path, tmp_path: Path
) -> None:
    command = [*COMMAND, "--headless", "--model", str(model), "--source", str(film), "--realtime"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as popen:
        assert popen.stderr is not None
        while "watching" not in popen.stderr.readline():
            pass
        popen.send_signal(signal.SIGHUP)
        popen.communicate(timeout=LIMIT_S)
        assert popen.returncode == 0


def test_a_terminal_that_is_closed_ends_it(film: Path, model: Path, tmp_path: Path) -> None:
    write_config(tmp_path / "m.yaml", {"c": str(film)}, realtime=True)
    command = [*COMMAND, "--headless", "--config", "m.yaml", "--model", str(model)]
    terminal, theirs = pty.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", *command],  # the terminal is its own, and hangs up on it
        cwd=tmp_path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as popen:
        os.close(theirs)
        shown = b""
        while b"ALERT" not in shown:
            shown += os.read(terminal, 4096)
        os.close(terminal)
        popen.wait(LIMIT_S)
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"]


def test_an_impatient_user_does_no_harm(film: Path, model: Path, tmp_path: Path) -> None:
    with har_monitor({"c": str(film)}, model, folder=tmp_path, realtime=True) as process:
        process.wait_for("an alert", lambda: bool(process.alerts))
        watch = Stopwatch()
        for _ in range(3):
            process.popen.send_signal(signal.SIGINT)
            time.sleep(0.02)
        assert process.popen.wait(LIMIT_S) == 0
        assert watch.seconds < 2
        assert [alert["event"] for alert in process.alerts] == ["start", "end"]


def test_systemd_is_told_of_the_start_the_state_the_reload_and_the_end(
    film: Path, model: Path, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(LIMIT_S)
        told: list[str] = []

        def until(message: str) -> None:
            while message not in told:
                told.append(systemd.recv(4096).decode())

        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with har_monitor(
            {"c": str(film)}, model, folder=tmp_path, environment=environment, realtime=True
        ) as process:
            until("READY=1")
            assert told == ["READY=1"], "first of all"
            until("STATUS=1 of 1 cameras watched")
            until("WATCHDOG=1")
            process.popen.send_signal(signal.SIGHUP)
            until("RELOADING=1")
            del told[:]
            until("READY=1")
            process.popen.send_signal(signal.SIGTERM)
            until("STOPPING=1")
            assert process.popen.wait(LIMIT_S) == 0


@pytest.mark.slow
def test_status_says_how_a_running_monitor_does(film: Path, model: Path, tmp_path: Path) -> None:
    def status() -> tuple[int, str]:
        asked = [*COMMAND, "--status", "--health", str(tmp_path / "health.json")]
        done = subprocess.run(asked, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    code, said = status()
    assert (code, "no such file or directory" in said) == (1, True)
    with silent_server() as port:
        cameras = {"film": str(film), "down": f"rtsp://u:hunter2@127.0.0.1:{port}/"}
        with har_monitor(cameras, model, folder=tmp_path, realtime=True) as process:
            process.wait_for("both known", lambda: watched(process, "film"))
            process.wait_for("it", lambda: process.health["down"]["state"] == "retrying")
            process.wait_for("it", lambda: "not ok: 1 of 2 cameras watched" in status()[1])
            code, said = status()
            assert code == 1
            assert "● retrying timeout" in said
            assert "● live" in said
            assert process.end() == 0
    assert (tmp_path / "health.json").stat().st_mode & 0o777 == 0o600
    facts = json.loads((tmp_path / "health.json").read_text())
    facts["monotonic_s"] -= 3600
    (tmp_path / "health.json").write_text(json.dumps(facts))
    code, said = status()
    assert code == 1
    assert "nothing was written for 36" in said


CRASH = """
import sys
from monitor.recognition.classifier import OnnxClassifier
from monitor.cli.app import app
calls = 0
classify = OnnxClassifier.classify
def crash(self, clips):
    global calls
    calls += 1
    if calls > 3:
        raise ZeroDivisionError("in front of rtsp://u:hunter2@192.0.2.1/")
    return classify(self, clips)
OnnxClassifier.classify = crash
app(sys.argv[1:])
"""


def test_a_stage_that_crashes_ends_the_process_with_its_traceback(
    film: Path, model: Path, tmp_path: Path
) -> None:
    arguments = [
        "--headless",
        "--model",
        str(model),
        "--source",
        f"a={film}",
        "--source",
        f"b={film}",
    ]
    done = subprocess.run(
        [sys.executable, "-c", CRASH, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: in front of rtsp://u:***@192.0.2.1/" in done.stderr
    assert "hunter2" not in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert Counter(line["event"] for line in lines)["start"] * 2 == len(lines), "all is ended"


def test_a_model_that_is_replaced_or_a_log_that_is_taken_away_stops_nothing(
    film: Path, model: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(model.read_bytes())
    with har_monitor({"c": str(film)}, own, folder=tmp_path, realtime=True) as process:
        process.wait_for("an alert", lambda: bool(process.alerts))
        own.write_bytes(b"no model")
        (tmp_path / "alerts.jsonl").unlink()
        process.wait_for("the health file", lambda: watched(process, "c"))
        windows = process.health["c"]["windows"]
        process.wait_for("windows", lambda: process.health["c"]["windows"] > windows)
        assert process.end() == 0
        (end,) = process.alerts
    assert end["event"] == "end"
    assert "was moved or deleted; going on in a new file" in process.said
