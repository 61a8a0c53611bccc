"""har-monitor init, as it is typed; tests/slow/test_init.py goes all the way."""

import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from testkit import ROOT
from testkit.films import looped
from testkit.process import COMMAND
from testkit.servers.onvif import OnvifCamera, Stream, onvif_camera
from testkit.servers.rtsp import rtsp_server
from testkit.servers.tcp import refusing_port
from testkit.terminal import terminal

pytestmark = pytest.mark.slow

INIT = [*COMMAND, "init"]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*INIT, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )


def test_without_a_terminal_it_says_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "har-monitor init --yes --source" in done.stderr
    assert list(tmp_path.iterdir()) == []
    example = done.stderr.partition("--check:\n")[2].partition("export")[0]
    (tmp_path / "m.yaml").write_text(example)
    monkeypatch.setenv("CAMERA_PASSWORD", "x")
    assert load(tmp_path / "m.yaml", MonitorOptions).cameras[0].name == "door"


def test_sources_that_are_given_become_a_configuration_that_is_right(
    tmp_path: Path, fight_clip: Path
) -> None:
    with rtsp_server(fight_clip, user="ann", password="p@ss $w") as server:
        sources = ("--source", f"door={server.url}", "--source", str(fight_clip))
        done = run(tmp_path, "--yes", "--seconds", "3", *sources)
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "har-monitor.yaml").read_text()
    options = yaml.safe_load(text)
    assert [camera["name"] for camera in options["cameras"]] == ["door", "fight"]
    assert options["cameras"][0]["source"].startswith("rtsp://ann:${CAMERA_PASSWORD}@127.")
    environment = tmp_path / "har-monitor.env"
    assert "CAMERA_PASSWORD=p%40ss%20%24w" in environment.read_text().splitlines()
    assert stat.S_IMODE(environment.stat().st_mode) == 0o600
    assert "p%40ss" not in text + done.stdout
    assert "✓ har-monitor.yaml is written, and checked" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "har-monitor.env",
        "har-monitor.yaml",
    ]
    read = 'set -a; . ./har-monitor.env; set +a; exec "$@"'
    check = subprocess.run(
        ["/bin/sh", "-c", read, "sh", *COMMAND, "--check", "--config", "har-monitor.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert check.returncode == 0, check.stderr


def test_a_part_in_which_things_move_is_proposed_and_not_watched_alone(
    tmp_path: Path, fight_clip: Path
) -> None:
    film = looped(
        tmp_path / "f.mp4", fight_clip, 7, "scale=160:120,pad=640:480:400:300:gray", "libx264"
    )
    assert run(tmp_path, "--yes", "--seconds", "30", "--source", str(film)).returncode == 0
    text = (tmp_path / "har-monitor.yaml").read_text()
    assert "    # regions:\n    #   - name: busy\n    #     box: [" in text
    assert load(tmp_path / "har-monitor.yaml", MonitorOptions).cameras[0].regions == ()


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path, fight_clip: Path) -> None:
    (tmp_path / "har-monitor.env").write_text("mine")
    done = run(tmp_path, "--yes", "--source", str(fight_clip))
    assert done.returncode == 2
    assert done.stderr == (
        "error: har-monitor.env exists, and stays as it is; --add adds cameras to it, "
        "--config names another file\n"
    )
    assert (tmp_path / "har-monitor.env").read_text() == "mine"
    assert run(tmp_path, "--yes", "--config", "x.yaml", "--source", str(fight_clip)).returncode == 0


def test_nothing_is_written_where_no_camera_opens(tmp_path: Path) -> None:
    with refusing_port() as port:
        done = run(tmp_path, "--yes", "--source", f"rtsp://ann:hunter2@127.0.0.1:{port}/")
    assert done.returncode == 1
    assert done.stderr == "error: no camera could be opened: nothing was written\n"
    assert "refused: connection refused" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_camera_that_does_not_open_is_not_left_out_in_silence(
    tmp_path: Path, fight_clip: Path
) -> None:
    with refusing_port() as port:
        sources = ("--source", str(fight_clip), "--source", f"yard=rtsp://127.0.0.1:{port}/")
        done = run(tmp_path, "--yes", "--seconds", "1", *sources)
    assert done.returncode == 1
    assert done.stderr == "error: yard: could not be opened: nothing was written\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("none/m.yaml", "error: none/m.yaml: nothing can be written to "),
        ("m.env", "error: m.env: that is for the secrets; name it .yaml"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_at_once(
    tmp_path: Path, config: str, words: str
) -> None:
    done = run(tmp_path, "--yes", "--config", config, "--source", "0")
    assert done.returncode == 2
    assert words in done.stderr


def test_cameras_are_added_to_a_configuration_that_keeps_all_else(
    tmp_path: Path, fight_clip: Path
) -> None:
    mine = "# mine\ncameras:\n- name: fight  # old\n  source: rtsp://a:${MY_OWN}@192.0.2.1/1\n"
    config, environment = tmp_path / "m.yaml", tmp_path / "m.env"
    config.write_text(f"{mine}health: h.json\n")
    config.chmod(0o600)
    environment.write_text("# also mine\nMY_OWN=one")
    with rtsp_server(fight_clip, user="ann", password="two") as server:
        sources = ("--source", str(fight_clip), "--source", f"yard={server.url}")
        done = run(tmp_path, "--add", "--yes", "--config", "m.yaml", "--seconds", "2", *sources)
    assert (done.returncode, done.stderr) == (0, "")
    text = config.read_text()
    assert text.startswith(f"{mine}# 480×360")
    assert text.endswith("health: h.json\n")
    assert [one["name"] for one in yaml.safe_load(text)["cameras"]] == ["fight", "fight-2", "yard"]
    assert environment.read_text() == "# also mine\nMY_OWN=one\nCAMERA_PASSWORD=two\n"
    assert (tmp_path / "m.yaml.bak").read_text() == f"{mine}health: h.json\n"
    kept = [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()]
    assert kept == [0o600] * 3
    assert "+- name: yard" in done.stdout
    assert "-# mine" not in done.stdout
    assert "To undo it: mv m.yaml.bak m.yaml" in done.stdout


def test_cameras_are_not_added_where_they_cannot_be(tmp_path: Path, fight_clip: Path) -> None:
    given = ("--add", "--yes", "--seconds", "1", "--source", str(fight_clip))
    done = run(tmp_path, *given)
    assert (done.returncode, done.stderr) == (
        2,
        "error: har-monitor.yaml: no such file or directory\n",
    )
    text = "cameras: [{name: a, source: 0}]\n"
    (tmp_path / "har-monitor.yaml").write_text(text)
    done = run(tmp_path, *given)
    assert done.returncode == 2
    assert done.stderr == (
        "error: har-monitor.yaml: its cameras are written within [ ]; write one below the other, "
        "with -\n"
    )
    assert (tmp_path / "har-monitor.yaml").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["har-monitor.yaml"]


@pytest.mark.parametrize("source", ["rtsp://[", "none.mp4", "ftp://h/x", "a b"])
def test_a_source_that_is_none_is_told_in_a_line(tmp_path: Path, source: str) -> None:
    done = run(tmp_path, "--yes", "--source", source)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("place", ["h:x", ":1", "h:70000"])
def test_a_place_to_ask_that_is_none_is_refused(tmp_path: Path, place: str) -> None:
    done = run(tmp_path, "--yes", "--discover", place)
    assert done.returncode == 2
    assert done.stderr == f"error: --discover {place}: a host or HOST:PORT is needed\n"


def test_with_yes_no_camera_is_sent_a_password(tmp_path: Path) -> None:
    with onvif_camera(OnvifCamera([Stream("main", "rtsp://127.0.0.1/")])) as camera:
        done = run(tmp_path, "--yes", "--discover", f"127.0.0.1:{camera.discovery_port}")
    assert done.returncode == 1
    assert "authentication: user or password is refused" in done.stdout
    assert camera.users == []


def test_ctrl_c_at_a_password_leaves_no_file_and_a_terminal_that_shows_what_is_typed(
    tmp_path: Path,
) -> None:
    with onvif_camera(OnvifCamera([Stream("main", "rtsp://127.0.0.1/")])) as camera:
        command = [*INIT, "--source", camera.url]
        with terminal(command, tmp_path) as shown:
            shown.answer("What is to be recognised")
            shown.answer("User (admin):")
            shown.wait_for("Password:")
            assert not shown.echoes
            shown.type("\x03")
            shown.wait_for("\n")
            assert shown.process.wait(60) == 130
            assert shown.echoes
    assert "Traceback" not in shown.shown
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_a_camera_is_watched_leaves_no_file(tmp_path: Path, fight_clip: Path) -> None:
    with (
        rtsp_server(fight_clip) as server,
        terminal([*INIT, "--source", server.url], tmp_path) as shown,
    ):
        shown.answer("What is to be recognised")
        shown.answer("Seconds to watch them", "60")
        shown.wait_for("Watching 127.0.0.1 for 60 s")
        shown.type("\x03")
        assert shown.wait() == 130
    assert "Traceback" not in shown.shown
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_input_leaves_no_file(tmp_path: Path, fight_clip: Path) -> None:
    with terminal([*INIT, "--source", str(fight_clip)], tmp_path) as shown:
        shown.wait_for("What is to be recognised")
        shown.type("\x04")
        shown.wait_for("error: no answer: nothing was written")
    assert list(tmp_path.iterdir()) == []
