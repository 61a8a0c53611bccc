"""What a program of one's own may import, and how it uses it."""

import ast
import doctest
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import monitor
from monitor import AlertEvent, Camera, Model, Monitor, MonitorError
from testkit import ROOT
from testkit.models import metadata, motion_model

LIVELY = ROOT / "monitor" / "samples" / "bus.mp4"


@pytest.mark.parametrize("module", ["monitor", "monitor.pipeline.monitor"])
def test_the_examples_do_what_they_say(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = doctest.testmod(import_module(module))
    assert (found.failed, found.attempted > 1) == (0, True)


def test_the_example_of_the_document_works(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "alerts.md").read_text()
    exec(re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0], {})
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [
        ["bus", "fight"],
        ["bus", "fight"],
    ]


def test_every_public_name_is_there_and_is_said_to_be() -> None:
    assert all(hasattr(monitor, name) for name in monitor.__all__)
    assert set(monitor._PUBLIC) == set(monitor.__all__) - {"__version__"}
    text = ast.parse((ROOT / "monitor" / "__init__.py").read_text())
    typed = {
        alias.asname or alias.name
        for node in ast.walk(text)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("monitor.")
        for alias in node.names
    }
    assert typed == set(monitor._PUBLIC)


def test_a_name_that_is_not_public_is_an_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'monitor' has no attribute 'Nothing'$"):
        monitor.Nothing  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, monitor; sys.exit(any(x in sys.modules for x in ('numpy', 'av', 'cv2')))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return Model(motion_model(tmp_path / "m.onnx", metadata(frames=5)))


def cameras(*paths: Path) -> list[Camera]:
    return [Camera(name=path.stem, source=str(path)) for path in paths]


def test_a_loop_gives_starts_and_ends_in_their_order(model: Model) -> None:
    found = list(Monitor(cameras(LIVELY), model))
    starts = [one.id for one in found if one.end_s is None]
    ends = [one.id for one in found if one.end_s is not None]
    assert starts
    assert sorted(starts) == sorted(ends)
    assert all(
        found[n].end_s is None or found[n].id in {x.id for x in found[:n]}
        for n in range(len(found))
    )


def test_leaving_the_loop_ends_the_watching(model: Model) -> None:
    def first() -> AlertEvent:
        for alert in (watching := iter(Monitor(cameras(LIVELY), model))):
            assert isinstance(watching, Iterator)
            watching.close()  # type: ignore[attr-defined]
            return alert
        raise AssertionError("nothing was found")

    assert first().end_s is None  # and no thread is left, as every test is held to


def test_what_went_wrong_is_raised_at_the_end_of_the_loop(model: Model, tmp_path: Path) -> None:
    (tmp_path / "none.mp4").write_text("no video")
    with pytest.raises(MonitorError, match=r"none\.mp4: "):
        list(Monitor(cameras(tmp_path / "none.mp4"), model))
