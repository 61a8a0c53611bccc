"""Folders that cannot be read, names that are too long: an error in one line, for one camera."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from monitor.cli.preflight import check_inputs, check_outputs
from monitor.config.options import MonitorOptions
from monitor.errors import ConfigError, MonitorError, SinkError, SourceOpenError
from monitor.paths import video_file
from monitor.sources.file import FileSource
from testkit.models import motion_model

NOBODY = 65534
LONG = "a" * 300


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not look into."""
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a.mp4").touch()
    folder.chmod(0)
    user = os.geteuid()
    if user == 0:  # who may look everywhere
        os.seteuid(NOBODY)
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)


def options(**values: object) -> MonitorOptions:
    cameras = [{"name": "a", "source": "none.mp4"}]
    return MonitorOptions.model_validate({"cameras": cameras, **values})


def test_a_file_in_a_folder_that_cannot_be_read_is_a_source_that_cannot_be_opened(
    closed: Path,
) -> None:
    path = closed / "a.mp4"
    with pytest.raises(SourceOpenError) as caught:
        FileSource(path).open()
    assert (str(caught.value), caught.value.cause) == (f"{path}: permission denied", "invalid")
    camera = {"name": "door", "source": str(path)}
    with pytest.raises(SourceOpenError) as caught:
        check_inputs(options(cameras=[camera]))
    assert str(caught.value) == f"camera door: {path}: permission denied"


OUTPUTS: dict[str, Callable[[Path], dict[str, object]]] = {
    "log": lambda path: {"sinks": [{"type": "log", "path": path}]},
    "health": lambda path: {"health": path},
    "save_video": lambda path: {"save_video": path},
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_in_a_folder_that_cannot_be_read_is_an_error(closed: Path, name: str) -> None:
    path = closed / "below" / "a.mp4"
    with pytest.raises(SinkError) as caught:
        check_outputs(options(**OUTPUTS[name](path)))
    assert str(caught.value) == f"{name} {path}: permission denied"


def test_certificates_in_a_folder_that_cannot_be_read_are_an_error(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = closed / "ca.pem"
    monkeypatch.setattr(os, "access", lambda *given: True)  # of the alert log, here
    own = {"name": "a", "source": "none.mp4", "stream": {"ca_file": path}}
    for given in ({"defaults": {"stream": {"ca_file": path}}}, {"cameras": [own]}):
        with pytest.raises(ConfigError) as caught:
            check_outputs(options(**given))
        assert str(caught.value) == f"stream.ca_file {path}: permission denied"


def test_a_source_that_cannot_be_looked_at_does_not_keep_the_others_from_being_watched(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *given: True)
    check_outputs(options(cameras=[{"name": "a", "source": str(closed / "a.mp4")}]))


def test_a_name_that_is_no_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="embedded null byte"):
        check_outputs(options(sinks=[{"type": "log", "path": tmp_path / "a\0b"}]))


@pytest.mark.parametrize(
    ("code", "cause"),
    [(errno.ESTALE, "unreachable"), (errno.EIO, "unreachable"), (errno.ENAMETOOLONG, "not found")],
)
def test_the_cause_of_a_fault_is_told(
    code: int, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stat(path: Path) -> os.stat_result:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(MonitorError) as caught:
        video_file(Path("a.mp4"), "a.mp4")
    assert str(caught.value) == f"a.mp4: {os.strerror(code).lower()}"
    assert isinstance(caught.value, SourceOpenError)
    assert caught.value.cause == cause


def har_monitor(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "monitor", *map(str, arguments), "--headless"],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


COMMANDS: dict[str, tuple[Sequence[str], str]] = {
    "source": (("--source", LONG), f"{LONG[:200]}: file name too long"),
    "source to check": (
        ("--source", f"door={LONG}", "--check"),
        f"camera door: {LONG[:187]}: file name too long",
    ),
    "log": (
        ("--source", "a.mp4", "--log", LONG),
        f"log {LONG[:196]}: file name too long",
    ),
    "folder of the log": (
        ("--source", "a.mp4", "--log", f"{LONG}/alerts.jsonl", "--check"),
        f"log {LONG[:196]}: file name too long",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_name_that_is_too_long_is_an_error_in_one_line(
    name: str, model: Path, tmp_path: Path
) -> None:
    arguments, line = COMMANDS[name]
    (tmp_path / "a.mp4").touch()
    done = har_monitor(*arguments, "--model", model, cwd=tmp_path)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[-1] == f"error: {line}"
    assert "Traceback" not in done.stderr


def test_one_source_of_such_a_name_ends_no_other_camera(
    model: Path, fight_clip: Path, tmp_path: Path
) -> None:
    cameras = ("--source", f"long={LONG}", "--source", f"hall={fight_clip}")
    done = har_monitor(*cameras, "--model", model, "--realtime", cwd=tmp_path)
    assert done.returncode == 1
    assert "camera hall: ended" in done.stderr
    assert "Traceback" not in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"]
