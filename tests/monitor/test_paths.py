"""Where the paths lead that somebody writes into a configuration file or behind an option."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from monitor.sources.address import Address
from testkit import ROOT
from testkit.models import motion_model
from testkit.process import script, stranger
from train.recipe.options import read_recipe

COMMANDS = {
    "har-monitor": ["--log={}"],
    "har-train": ["--data", "clips", "--out={}"],
    "har-evaluate": ["{}", "--data", "clips", "--out", "tested"],
    "har-export": ["{}", "m.onnx"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a configuration file, which the command does not run in."""
    folder = tmp_path / "etc"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    return folder


def options(folder: Path, text: str) -> MonitorOptions:
    (folder / "monitor.yaml").write_text(text)
    return load(Path(os.path.relpath(folder)) / "monitor.yaml", MonitorOptions)


@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ("here", "etc/here"),
        ("../up", "etc/../up"),
        ("/srv/there", "/srv/there"),
        ("~/mine", "{home}/mine"),
        ("~nobody-of-that-name", "etc/~nobody-of-that-name"),
    ],
)
def test_paths_in_a_file_start_in_its_folder(
    etc: Path, home: Path, written: str, leads: str
) -> None:
    found = options(
        etc,
        f"health: {written}\nsave_video: {written}\nsinks: [{{type: log, path: {written}}}]\n"
        f"defaults: {{model: {written}, stream: {{ca_file: {written}}}}}\n"
        f"cameras:\n- {{name: a, source: {written}}}\n"
        f"- {{name: b, source: 0, model: {written}, stream: {{ca_file: {written}}}}}\n",
    )
    expected = leads.format(home=home)
    places = (found.health, found.save_video, *(log.path for log in found.logs))
    assert places == (Path(expected),) * 3
    for one in (found.defaults, *found.cameras):
        assert (one.model, one.stream.ca_file) == (Path(expected),) * 2
    assert found.cameras[0].address == Address("file", expected)
    assert MonitorOptions.model_validate(found.model_dump()) == found, "and stay there"


def test_what_is_no_path_stays_as_it_is(etc: Path) -> None:
    sources = ["0", "/dev/video0", "rtsp://192.0.2.1/~/cam", "http://192.0.2.1/cam"]
    cameras = "".join(f"- {{name: c{n}, source: {one}}}\n" for n, one in enumerate(sources))
    found = options(etc, f"sinks: [{{type: log, path: '-'}}]\ncameras:\n{cameras}")
    assert [log.path for log in found.logs] == [Path("-")]
    assert [camera.source for camera in found.cameras] == sources


def test_a_film_beside_the_file_may_have_a_name_that_reads_as_an_address(etc: Path) -> None:
    (etc / "at:noon.mp4").touch()
    found = options(etc, "cameras:\n- {name: a, source: 'at:noon.mp4'}\n")
    assert found.cameras[0].address == Address("file", "etc/at:noon.mp4")


def test_options_left_out_of_a_file_have_their_defaults(etc: Path) -> None:
    (log,) = options(etc, "realtime: true\n").logs
    assert log.path == Path("alerts.jsonl")


def test_footage_in_a_recipe_starts_beside_it(etc: Path, home: Path) -> None:
    (etc / "train.yaml").write_text("footage: [films, ~/films]\n")
    footage = (Path("etc/films"), home / "films")
    assert read_recipe(Path("etc/train.yaml"), {}).footage == footage


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """~ stays ~, as for a user whom the system does not know."""
    monkeypatch.setattr("os.path.expanduser", str)


@pytest.mark.usefixtures("no_home")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("defaults:\n  model: ~/m.onnx\n", "2: defaults.model: ~/m.onnx"),
        ("sinks:\n- type: log\n  path: ~/m.onnx\n", "3: sinks.0.path: ~/m.onnx"),
        ("cameras:\n- name: a\n  source: ~/m.onnx\n", "3: cameras.0.source: ~/m.onnx"),
        ("cameras:\n- name: a\n  source: 0\n  model: ~/m.onnx\n", "4: cameras.0.model: ~/m.onnx"),
    ],
    ids=["model", "log", "camera", "model of a camera"],
)
def test_a_home_that_is_not_there_is_an_error_with_its_line(
    etc: Path, text: str, line: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        options(etc, text)
    assert str(caught.value) == (
        f"etc/monitor.yaml:{line}: there is no home that ~ could stand for; write the whole path"
    )


@pytest.mark.slow
def test_options_start_where_the_command_runs_and_know_the_home(
    etc: Path, home: Path, tmp_path: Path, fight_clip: Path
) -> None:
    motion_model(etc / "m.onnx")
    (home / "film.mp4").symlink_to(fight_clip)
    (etc / "monitor.yaml").write_text(
        "defaults: {model: m.onnx}\nsinks: [{type: log, path: alerts.jsonl}]\n"
    )
    command = [
        *script("har-monitor"), "--headless", "--config=~/../etc/monitor.yaml",
        "--source=door=~/film.mp4", "--save-video", "seen.mp4",
    ]  # fmt: skip
    for more, log in (
        ([], etc / "alerts.jsonl"),
        (["--log=~/alerts.jsonl"], home / "alerts.jsonl"),
    ):
        done = subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(log.read_text().splitlines()[0])["camera"] == "door"
    assert (tmp_path / "seen.mp4").exists()


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_takes_a_home_that_is_not_there(name: str, tmp_path: Path) -> None:
    done = stranger(tmp_path, *script(name), *(word.format("~/x") for word in COMMANDS[name]))

    said = "error: ~/x: there is no home that ~ could stand for; write the whole path\n"
    assert (done.returncode, done.stderr, done.stdout) == (2, said, "")
