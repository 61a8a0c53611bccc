"""What the options of the command line change in the options of a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from monitor.cli.app import app
from monitor.config.options import CameraOptions, MonitorOptions
from monitor.config.outputs import AlertLogOptions, ConsoleOptions
from monitor.recognition.shipped import SHIPPED

FILE = """
defaults:
  model: all.onnx
  windows: {stride: 10, quality: false}
  activity: {threshold: 0.5, thresholds: {fight: 0.8}, hold_s: 3}
  stream: {read_timeout_s: 8}
cameras:
- {name: plain, source: 0}
- name: own
  source: 1
  model: own.onnx
  windows: {stride: 2}
  activity: {threshold: 0.6, thresholds: {fall: 0.7}}
  stream: {transport: udp}
"""
Given = Callable[..., MonitorOptions]


@pytest.fixture
def again() -> list[Callable[[], MonitorOptions] | None]:
    """What reads the configuration once more, of each run."""
    return []


@pytest.fixture
def given(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    again: list[Callable[[], MonitorOptions] | None],
) -> Given:
    """The options that are watched with, given these arguments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(FILE)
    taken: list[MonitorOptions] = []

    def watch(options: MonitorOptions, console: object, more: Any, config: Path | None) -> None:
        taken.append(options)
        again.append(more)

    monkeypatch.setattr("monitor.cli.watch.watch", watch)

    def run(*arguments: str) -> MonitorOptions:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.stderr
        return taken[-1]

    return run


def test_without_options_it_is_as_the_file_says(given: Given) -> None:
    found = given("--config", "m.yaml")
    plain, own = found.cameras
    assert (plain.model, own.model) == (Path("all.onnx"), Path("own.onnx"))
    assert (plain.windows.stride, own.windows.stride) == (10, 2)
    assert (plain.activity.threshold, own.activity.threshold) == (0.5, 0.6)
    assert own.activity.thresholds == {"fight": 0.8, "fall": 0.7}
    assert found.sinks == MonitorOptions().sinks


def test_a_threshold_is_for_every_label_of_every_camera(given: Given) -> None:
    found = given("--config", "m.yaml", "--threshold", "0.9")
    for one in (*found.cameras, found.defaults):
        assert (one.activity.threshold, one.activity.thresholds) == (0.9, {})
        assert one.activity.hold_s == 3, "and changes nothing else"
    assert [camera.windows.stride for camera in found.cameras] == [10, 2]


def test_a_threshold_of_zero_is_one(given: Given) -> None:
    found = given("--config", "m.yaml", "--threshold", "0")
    assert [camera.activity.threshold for camera in found.cameras] == [0, 0]


def test_only_a_shard_serves_no_page() -> None:
    done = CliRunner().invoke(app, ["--source", "0", "--no-page"])
    assert done.exit_code == 2
    assert "--no-page: only with --shard" in done.stderr


def test_a_stride_is_for_every_camera(given: Given) -> None:
    found = given("--config", "m.yaml", "--stride", "7")
    for one in (*found.cameras, found.defaults):
        assert (one.windows.stride, one.windows.quality) == (7, False)
    assert [camera.activity.threshold for camera in found.cameras] == [0.5, 0.6]


def test_a_model_is_for_every_camera(given: Given) -> None:
    found = given("--config", "m.yaml", "--model", "given.onnx")
    assert {one.model for one in (*found.cameras, found.defaults)} == {Path("given.onnx")}
    found = given("--config", "m.yaml", "--model", "fight")
    assert {one.model for one in (*found.cameras, found.defaults)} == {SHIPPED["fight"]}


def test_a_shadow_is_for_every_camera(given: Given) -> None:
    found = given("--config", "m.yaml", "--shadow", "fall")
    assert {one.shadow for one in (*found.cameras, found.defaults)} == {SHIPPED["fall"]}


def test_sources_replace_the_cameras_and_have_what_all_share(given: Given) -> None:
    found = given("--config", "m.yaml", "--source", "hall=2", "--stride", "7")
    (hall,) = found.cameras
    assert (hall.name, hall.source, hall.model) == ("hall", "2", Path("all.onnx"))
    assert (hall.windows.stride, hall.windows.quality) == (7, False)
    assert (hall.activity.threshold, hall.stream.read_timeout_s) == (0.5, 8)


def test_sources_alone_have_the_defaults_and_the_options_given(given: Given) -> None:
    found = given("--source", "a=0", "--source", "b=1", "--model", "m.onnx", "--threshold", "0.4")
    assert [camera.model for camera in found.cameras] == 2 * [Path("m.onnx")]
    assert [camera.activity.threshold for camera in found.cameras] == [0.4, 0.4]
    assert found.cameras[0].stream == CameraOptions(name="a", source="0").stream


LOGS = "sinks:\n- {type: console}\n- {type: log, path: a.jsonl, keep: 2}\n- {type: log, path: b}\n"
SINKS: dict[str, tuple[str, tuple[AlertLogOptions | ConsoleOptions, ...]]] = {
    "by default": ("", (AlertLogOptions(path=Path("given")), ConsoleOptions())),
    "the first of two logs": (
        LOGS,
        (
            ConsoleOptions(),
            AlertLogOptions(path=Path("given"), keep=2),
            AlertLogOptions(path=Path("b")),
        ),
    ),
    "no log": (
        "sinks:\n- {type: console}\n",
        (AlertLogOptions(path=Path("given")), ConsoleOptions()),
    ),
    "no sink": ("sinks: []\n", (AlertLogOptions(path=Path("given")),)),
}


@pytest.mark.parametrize(("text", "expected"), SINKS.values(), ids=SINKS)
def test_a_log_replaces_the_path_of_the_first_or_is_one_more(
    text: str, expected: tuple[object, ...], given: Given
) -> None:
    Path("logs.yaml").write_text(f"cameras: [{{name: a, source: 0}}]\n{text}")
    assert given("--config", "logs.yaml", "--log", "given").sinks == expected


def test_the_options_given_win_after_a_reload_too(
    given: Given, again: list[Callable[[], MonitorOptions] | None]
) -> None:
    given("--config", "m.yaml", "--threshold", "0.9", "--log", "given", "--realtime")
    assert again[-1] is not None
    Path("m.yaml").write_text(FILE + "- {name: new, source: 3, activity: {threshold: 0.1}}\n")
    found = again[-1]()
    assert [camera.name for camera in found.cameras] == ["plain", "own", "new"]
    assert {camera.activity.threshold for camera in found.cameras} == {0.9}
    assert (found.logs[0].path, found.realtime) == (Path("given"), True)
    given("--source", "a=0")
    assert again[-1] is None, "there is nothing to read again"
