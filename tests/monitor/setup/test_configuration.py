"""The configuration that init writes can be read, and holds no secret."""

import subprocess
from datetime import date
from pathlib import Path

import pytest

from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from monitor.setup.configuration import CameraSetup, environment_file, written
from monitor.sources.address import parse_address

NAMES = "har-monitor.yaml", "har-monitor.env"
DAY = date(2026, 11, 30)


def read_back(
    cameras: list[CameraSetup], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[MonitorOptions, str, str]:
    """The options, and the texts of both files, of which a shell reads the secrets."""
    text, secrets = written(cameras, "fall", NAMES, 8470, DAY)
    (folder / NAMES[0]).write_text(text)
    (folder / NAMES[1]).write_text(environment_file(secrets))
    show = f". ./{NAMES[1]}; " + "; ".join(f'printf "%s\\n" "${name}"' for name in secrets)
    told = subprocess.run(["sh", "-c", show], cwd=folder, capture_output=True, text=True)
    assert told.stderr == ""
    for name, value in zip(secrets, told.stdout.splitlines(), strict=True):
        monkeypatch.setenv(name, value)
    return load(folder / NAMES[0], MonitorOptions), text, environment_file(secrets)


@pytest.mark.parametrize(("name", "source"), [("${HOME}", "0"), ("a", "/films/${HOME}.mp4")])
def test_nothing_reads_a_variable_that_is_none_of_ours(name: str, source: str) -> None:
    camera = CameraSetup(name, parse_address(source))
    with pytest.raises(ConfigError, match=r"\$\{HOME\} would be taken for an environment variable"):
        written([camera], "fall", NAMES, 8470, DAY)


@pytest.mark.parametrize(
    ("source", "secret"),
    [
        ("rtsp://ann:hunter2@192.0.2.10:554/stream2?a=1&b=2", "hunter2"),
        ("rtsp://ann:a%20b%27%24%7BHOME%7D%5C@192.0.2.10/1", "b%27"),
        ("rtsp://192.0.2.10/user=ann_password=hunter2_channel=1", "hunter2"),
        ("http://192.0.2.10/video?token=hunter2&x='$HOME'", "hunter2"),
        ("rtsp://ann:x@192.0.2.10/${HOME}", "ann:x"),
        ("rtmp://192.0.2.10/live/hunter2", "hunter2"),
        ("rtsp://192.0.2.10/stream2", None),
        ("rtsp://ann@192.0.2.10/stream2", None),
        ("0", None),
        ("/dev/video0", None),
    ],
)
def test_every_source_comes_back_and_its_secrets_lie_apart(
    source: str, secret: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = CameraSetup("Haustür: 1#".replace(":", ""), parse_address(source))
    options, text, environment = read_back([camera], tmp_path, monkeypatch)
    found = options.cameras[0]
    signs = {"'": "%27", "$": "%24"} if "=" in source or "${" in source else {}
    expected = "".join(signs.get(char, char) for char in source)
    assert (found.name, found.source) == ("Haustür 1#", expected)
    if secret is None:
        assert "password" not in environment.lower()
    else:
        assert secret not in text
        assert secret in environment


def test_equal_passwords_are_one_secret_and_others_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = ["rtsp://a:one@h.x/1", "rtsp://b:one@h.x/2", "rtsp://a:two@h.x/3"]
    cameras = [CameraSetup(f"c{n}", parse_address(one)) for n, one in enumerate(sources)]
    options, _, environment = read_back(cameras, tmp_path, monkeypatch)
    assert [camera.source for camera in options.cameras] == sources
    assert environment.splitlines()[1:] == ["CAMERA_PASSWORD=one", "CAMERA_PASSWORD_2=two"]


def test_what_was_found_is_a_comment_and_a_region_is_watched_only_if_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = (0.1, 0.25, 0.5, 1.0)
    notes = ("H.264 Main, 640×360", "! " + "a long line " * 20 + "\n- name: forged")
    address = parse_address("rtsp://192.0.2.10/1")
    cameras = [
        CameraSetup("a", address, notes, box, watch_box=True),
        CameraSetup("b", address, notes, box),
    ]
    options, text, _ = read_back(cameras, tmp_path, monkeypatch)
    assert [len(camera.regions) for camera in options.cameras] == [1, 0]
    assert options.cameras[0].regions[0].box == box
    assert max(map(len, text.splitlines())) <= 80
    assert options.web is not None
    assert [log.path for log in options.logs] == [tmp_path / "alerts.jsonl"]
    assert options.cameras[0].model is not None
    assert options.cameras[0].model.stem == "fall"


def test_a_file_is_found_from_anywhere(
    tmp_path: Path, fight_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fight_clip.parent)
    camera = CameraSetup("a", parse_address(fight_clip.name))
    options, _, _ = read_back([camera], tmp_path, monkeypatch)
    assert options.cameras[0].source == str(fight_clip)
