"""Nothing leaves the machine but the connections to the sources; nothing stays in the home."""

import ast
import re
import sys
from pathlib import Path

import pytest

from testkit import ROOT
from testkit.alone import CAMERA, overhear

CALLS = """
import socket
try:
    socket.getaddrinfo("home.example", 443)
except OSError as error:
    print(error)
for address in ("192.0.2.1", "2001:db8::1"):
    try:
        socket.create_connection((address, 443))
    except ConnectionRefusedError:
        pass
"""


def test_a_look_up_and_a_connection_would_be_overheard(tmp_path: Path) -> None:
    found = overhear([sys.executable, "-c", CALLS], tmp_path)

    assert found.code == 0, found.output
    assert found.heard == ["look-up of home.example", "tcp 192.0.2.1:443", "tcp 2001:db8::1:443"]


@pytest.mark.slow
def test_har_monitor_contacts_its_source_and_nobody_else(tmp_path: Path) -> None:
    found = overhear(
        [sys.executable, "-m", "monitor", "--headless", "--source", CAMERA, "--log", "-"],
        tmp_path,
        ORT_DISABLE_TELEMETRY="0",
    )

    assert found.code == 0, found.output
    assert re.search(r"[1-9]\d* windows", found.output), found.output
    assert found.heard == [found.camera]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_probe_contacts_its_source_and_nobody_else(tmp_path: Path) -> None:
    found = overhear([sys.executable, "-m", "monitor", "probe", CAMERA], tmp_path)

    assert found.code == 0, found.output
    assert "MJPEG" in found.output
    assert found.heard == [found.camera]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_nor_does_its_page(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    log = tmp_path_factory.mktemp("log") / "alerts.jsonl"
    found = overhear(
        [
            sys.executable, "-m", "monitor", "--headless", "--source", CAMERA, "--log", str(log),
            "--web", "127.0.0.1:0",
        ],
        tmp_path,
    )  # fmt: skip

    assert found.code == 0, found.output
    assert "the page is at http://127.0.0.1:" in found.output
    assert found.heard == [found.camera]
    assert (log.parent / "events.sqlite").exists(), "the page's process was there"
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_takes_the_classifier_leaves_nothing_in_the_home(tmp_path: Path) -> None:
    program = "from monitor.recognition.classifier import OnnxClassifier; OnnxClassifier()"

    found = overhear([sys.executable, "-c", program], tmp_path)

    assert (found.code, found.output, found.heard) == (0, "", [])
    assert list(tmp_path.iterdir()) == []


def test_onnx_runtime_is_imported_in_one_place() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for package in ("monitor", "export", "train", "benchmarks", "tests")
        for path in (ROOT / package).rglob("*.py")
        if "onnxruntime" in (text := path.read_text()) and "onnxruntime" in _imported(text)
    ]
    assert found == ["monitor/recognition/runtime.py"]


def _imported(text: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
