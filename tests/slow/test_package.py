"""What is built to be installed is whole: the wheel, and the source distribution that it is of."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

from testkit import ROOT

pytestmark = pytest.mark.slow

NOT_SHIPPED = {".ci", ".gitignore"}  # what is in the repository for its own sake


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that is in the repository, for a build leaves files of its own."""
    copy = tmp_path_factory.mktemp("project")
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def built(project: Path) -> Path:
    """The folder of the source distribution, and of the wheel that was made of it."""
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", "built"], project)
    return project / "built"


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands of an environment with the wheel; the rest is of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index"]
    run([*pip, "--no-deps", str(wheel(built))], folder)
    (site,) = folder.glob("lib/python*/site-packages")
    others = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "others.pth").write_text("\n".join(others))
    return folder / "bin"


def tracked() -> list[str]:
    """Each file of the repository that is shipped, by its path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [name for name in names if name.split("/")[0] not in NOT_SHIPPED]


def run(command: Sequence[str | Path], folder: Path) -> str:
    """What a command prints, in an environment that does not lead to this repository."""
    others = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=others, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel(built: Path) -> Path:
    """The only one."""
    (found,) = built.glob("*.whl")
    return found


def test_the_source_distribution_is_the_whole_project(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {one.name.partition("/")[2] for one in files.getmembers() if one.isfile()}
    assert set(tracked()) - names == set()
    made = {name for name in names - set(tracked()) if ".egg-info/" not in name}
    assert made == {"PKG-INFO", "setup.cfg"}


def test_the_wheel_is_as_an_index_of_packages_wants_it(built: Path, project: Path) -> None:
    run([sys.executable, "-m", "twine", "check", "--strict", *built.iterdir()], project)
    checked = [sys.executable, "-m", "check_wheel_contents", wheel(built)]  # with every source file
    assert run(checked, project).strip().endswith(": OK")


def test_every_command_of_the_wheel_starts(installed: Path, tmp_path: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name in scripts:
        assert name in run([installed / name, "--help"], tmp_path)


def test_the_wheel_watches_its_own_sample(installed: Path, tmp_path: Path) -> None:
    where = "import monitor; print(monitor.__path__[0])"
    package = Path(run([installed / "python", "-c", where], tmp_path).strip())
    assert package.is_relative_to(installed.parent)
    assert (package / "py.typed").is_file()
    sample = package / "samples" / "bus.mp4"

    watch: list[str | Path] = [installed / "har-monitor", "--headless", "--source", sample]
    assert "no camera was contacted" in run([*watch, "--check"], tmp_path)
    assert list(tmp_path.iterdir()) == []
    run(watch, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert [(line["label"], line["event"]) for line in lines] == [
        ("fight", "start"),
        ("fight", "end"),
    ]

    run([installed / "har-events", "--store", "events.sqlite", "rebuild", "alerts.jsonl"], tmp_path)
    listed = run([installed / "har-events", "list", "--json"], tmp_path)
    assert [json.loads(line)["label"] for line in listed.splitlines()] == ["fight"]
