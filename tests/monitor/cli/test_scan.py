"""har-scan, as it is typed."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.scan import app

CONFIG = "cameras: [{name: hall, source: 'rtsp://192.0.2.10/'}]\n"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "a.mp4").write_text("no video")
    (tmp_path / "site.yaml").write_text(CONFIG)
    return folder


WRONG = {
    "a camera without a configuration": (
        ["--camera", "hall"],
        "error: --camera hall: is a camera of a configuration; --config is needed",
    ),
    "a camera that is not in it": (
        ["--camera", "yard", "--config", "site.yaml"],
        "error: --camera yard: not in site.yaml; its cameras: hall",
    ),
    "a cluster that lets in whoever reaches it": (
        ["--cluster"],
        "error: --cluster: RAY_AUTH_MODE=token is not set: without it, whoever reaches Ray runs",
    ),
    "processes of a cluster": (
        ["--cluster", "127.0.0.1:1", "--workers", "2"],
        "error: --workers: not with --cluster: Ray knows the CPUs of its nodes",
    ),
    "no model": (["--model", "none"], "error: none: no such file or directory; models in the"),
    "no folder": (
        ["--out", "none/r.parquet"],
        "error: --out none/r.parquet: there is no folder none",
    ),
    "a store without a name": (["--store", ""], "error: --store: "),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_a_line_before_anything_is_done(
    arguments: list[str], message: str, films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(films.parent)
    result = CliRunner().invoke(app, ["films", "--out", "r.parquet", *arguments])
    assert result.exit_code in (1, 2)
    assert result.output.startswith(message)
    assert result.output.count("\n") == 1
    assert not list(films.parent.glob("*parquet*"))


def test_without_pyarrow_it_says_what_to_install(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.cli.scan.find_spec", lambda name: None)
    result = CliRunner().invoke(app, [str(films), "--out", str(films.parent / "r.parquet")])
    assert (result.exit_code, result.output) == (
        2,
        "error: har-scan: needs pip install 'har-monitor[scan]'\n",
    )


def test_without_ray_it_says_what_to_install(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "monitor.cluster.ray_session", raising=False)
    out = str(films.parent / "r.parquet")
    result = CliRunner().invoke(app, [str(films), "--out", out, "--cluster"])
    assert (result.exit_code, result.output) == (
        1,
        "error: --cluster needs Ray: pip install har-monitor[cluster]\n",
    )
