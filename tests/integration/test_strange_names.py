"""Names from outside: shown without steering the terminal, and leading out of no folder."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from monitor.names import Label, Name
from monitor.paths import video_path
from testkit.models import motion_model
from testkit.patience import LIMIT_S

# Sets the title of a terminal, turns the direction of writing, and adds a line to the log.
STRANGE = "a\x1b]0;owned\x07\u202eb\x9b31m\r\n2026-01-01 00:00:00,000 ERROR forged"


def har_monitor(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "monitor", "--headless", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=LIMIT_S)


def in_terminal(*arguments: object, cwd: Path) -> str:
    """All that the command shows in a terminal."""
    main, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "monitor", "--headless", *map(str, arguments)],
        cwd=cwd,
        stdout=child,
        stderr=child,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "300"},
    )
    os.close(child)
    shown = b""
    try:
        while part := os.read(main, 65536):
            shown += part
    except OSError:  # it ended
        pass
    os.close(main)
    process.wait(LIMIT_S)
    return shown.decode()


@pytest.fixture
def folder(tmp_path: Path, fight_clip: Path) -> Path:
    """A folder with a film, a model and a text, all of strange names."""
    shutil.copy(fight_clip, tmp_path / f"{STRANGE}.mp4")
    motion_model(tmp_path / f"{STRANGE}.onnx")
    (tmp_path / f"{STRANGE}.txt").write_text("hello\n" * 100)
    return tmp_path


WATCHED = ("--source", f"{STRANGE}.mp4", "--model", f"{STRANGE}.onnx", "--log", f"{STRANGE}.jsonl")
ARGUMENTS: dict[str, tuple[tuple[str, ...], int]] = {
    "watched": ((*WATCHED, "-v"), 0),
    "checked": ((*WATCHED, "--check"), 0),
    "no such film": (("--source", f"{STRANGE}x.mp4"), 2),
    "no film": (("--source", f"{STRANGE}.txt"), 1),
    "no model": (("--source", f"{STRANGE}.mp4", "--model", f"{STRANGE}.txt"), 1),
    "no such model": (("--source", f"{STRANGE}.mp4", "--model", f"{STRANGE}x"), 1),
    "no folder for the log": (("--source", f"{STRANGE}.mp4", "--log", f"{STRANGE}/a"), 1),
    "no configuration": (("--config", f"{STRANGE}.txt"), 2),
    "no such configuration": (("--config", f"{STRANGE}.yaml"), 2),
    "no health file": (("--status", "--health", f"{STRANGE}.txt"), 1),
}


@pytest.mark.parametrize(("arguments", "code"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_no_name_of_a_file_forges_a_line_or_sends_a_control_character(
    folder: Path, arguments: tuple[str, ...], code: int
) -> None:
    done = har_monitor(*arguments, cwd=folder)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == code, said
    assert r"a\x1b]0;owned\x07\u202eb\x9b31m\r\n2026" in said
    for line in said.splitlines():
        assert line.isprintable()
        assert not re.match(r"[\d-]+ [\d:,]+ ERROR", line)


def test_nor_does_it_in_a_terminal(folder: Path) -> None:
    colours = r"\x1b\[[0-9;?]*[A-Za-z]"  # and what moves the table's cursor: of our own
    shown = re.sub(colours, "", in_terminal(*WATCHED, "-v", cwd=folder))
    assert r"a\x1b]0;owned\x07\u202eb\x9b31m\r\n2026" in shown
    assert "ended" in shown
    assert not set("\x1b\x07\u202e\x9b") & set(shown)
    for line in shown.splitlines():
        assert not line.startswith("2026-01-01 00:00:00,000 ERROR")


def test_a_camera_called_after_a_strange_file_has_a_plain_name(folder: Path) -> None:
    har_monitor(*WATCHED, cwd=folder)
    lines = (folder / f"{STRANGE}.jsonl").read_text().splitlines()
    (name,) = {json.loads(line)["camera"] for line in lines}
    assert name == "a-0-owned-b-31m-2026-01-01-00-00-00-000-"


NAMES = TypeAdapter[str](Name)
LABELS = TypeAdapter[str](Label)
ANY = st.text(max_size=70) | st.text("./\\~-_ aZ9\0\n", max_size=70)


@given(ANY | st.from_regex(r"\w[\w .,()'&+-]{0,63}", fullmatch=True))
def test_no_name_of_a_camera_leads_out_of_the_folder_of_its_video(name: str) -> None:
    try:
        NAMES.validate_python(name)
    except ValidationError:
        return
    path = video_path(Path("/videos/night.mp4"), name, 2)
    assert path.parent == Path("/videos")
    assert path.resolve().parent == Path("/videos").resolve()
    assert path.suffix == ".mp4"


@pytest.mark.parametrize(
    "name",
    [
        *("..", ".", "...", "a/b", "../a", "a\\b", ".a", " a", "-a", "", " ", "a" * 65, "!?"),
        *("a\n", "\n", "a\0", "a\x1b[31m", "a\x9b", "a\u202eb", "a\u2066b", "a\u200bb", "a\u2028b"),
        *(
            "a\ud800",
            "\ue000a",
            "a\u00adb",
            "\ufeffa",
            "a\u200db",
            "打\u200d",
            "a" + 300 * "\u0301",
        ),
    ],
    ids=ascii,
)
def test_a_name_that_could_lead_elsewhere_or_hide_is_refused(name: str) -> None:
    for names in (NAMES, LABELS):
        with pytest.raises(ValidationError):
            names.validate_python(name)
