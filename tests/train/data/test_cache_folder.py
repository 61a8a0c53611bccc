"""Decoded clips have a folder even without a home, and no command fails there."""

import logging
import os
from pathlib import Path

import pytest

from monitor.errors import MonitorError
from testkit.clips import make_clips
from testkit.models import metadata, motion_model
from testkit.process import STRANGER, script, stranger
from train.data.cache import ClipCache
from train.data.cache_folder import default_cache


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return folder


@pytest.fixture
def temporary(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in the temporary folder, of one whose home is gone."""
    home.rmdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"har-monitor-{os.geteuid()}"


def test_the_cache_is_in_the_home(home: Path) -> None:
    assert default_cache() == home / ".cache" / "har-monitor"


def test_xdg_cache_home_comes_first(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg" / "har-monitor"
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("named", ["", "relative/place"])
def test_a_relative_xdg_cache_home_is_ignored(
    home: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert default_cache() == home / ".cache" / "har-monitor"


def test_without_a_home_the_cache_is_in_a_private_temporary_folder(
    temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert default_cache() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700
    assert default_cache() == temporary, "and there again, the next time"
    assert caplog.record_tuples[0][1:] == (
        logging.WARNING,
        f"decoded clips go to {temporary}: the home cannot be written to; "
        "--cache names another folder",
    )


def test_a_home_that_cannot_be_written_to_counts_as_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".cache").write_text("a file")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert default_cache().parent == tmp_path


@pytest.mark.parametrize("kind", ["open to all", "another's", "a link", "a file"])
def test_a_temporary_folder_that_is_not_private_is_refused(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        temporary.symlink_to(tmp_path / "elsewhere")
    elif kind == "a file":
        temporary.touch(0o600)
    else:
        temporary.mkdir(0o700)
    if kind == "open to all":
        temporary.chmod(0o755)
    if kind == "another's":
        temporary.rename(tmp_path / f"har-monitor-{STRANGER}")
        monkeypatch.setattr("os.geteuid", lambda: STRANGER)

    with pytest.raises(MonitorError, match=rf"^{tmp_path}/har-monitor-\d+: [^\n]*--cache names"):
        default_cache()


def test_a_cache_folder_that_cannot_be_created_is_a_one_line_error(tmp_path: Path) -> None:
    (tmp_path / "xdg").write_text("a file")
    with pytest.raises(MonitorError) as caught:
        ClipCache(tmp_path / "xdg" / "har-monitor", 64)
    assert str(caught.value) == (
        f"{tmp_path}/xdg/har-monitor: cannot hold decoded clips: Not a directory; "
        "--cache names another folder"
    )


@pytest.mark.slow
def test_no_command_needs_a_home(tmp_path: Path, fight_clip: Path) -> None:
    clips = make_clips(tmp_path / "clips")
    (tmp_path / "train.yaml").write_text("{clip: {frames: 4, size: 16, fps: 10}, arch: svm}")
    model = motion_model(
        tmp_path / "m.onnx",
        metadata(
            labels=("dark", "light"), background=("dark",), thresholds={"light": 0.5}, frames=4
        ),
    )
    commands: dict[str, tuple[object, ...]] = {
        "har-train": ("--data", clips, "--out", "run", "--config", "train.yaml"),
        "har-evaluate": (model, "--data", clips, "--out", "tested"),
        "har-export": ("gone.keras", "gone.onnx"),
        "har-monitor": ("--headless", "--source", fight_clip),
    }
    for name, arguments in commands.items():
        done = stranger(tmp_path, *script(name), *arguments)

        assert "Traceback" not in done.stderr
        if name == "har-export":
            assert done.stderr == "error: gone.keras: no such file\n"
        else:
            assert done.returncode == 0, done.stderr
    assert (tmp_path / f"har-monitor-{STRANGER}").is_dir()
