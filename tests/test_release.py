"""A release has one version, said in one place."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from monitor import __version__
from testkit import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def releases(repository: Path) -> list[str]:
    """The versions that the tags of the commit at hand say; empty if it is no release."""
    tags = subprocess.run(
        ["git", "tag", "--points-at", "HEAD"], cwd=repository, capture_output=True, text=True
    )
    return re.findall(r"^v(\d+\.\d+\.\d+.*)$", tags.stdout, re.MULTILINE)


def test_a_tagged_commit_has_the_version_of_its_tag() -> None:
    assert set(releases(ROOT)) <= {__version__}


def test_a_tagged_commit_has_a_section_of_its_own_in_the_changelog() -> None:
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert set(releases(ROOT)) <= set(sections)


def test_a_tag_of_another_version_is_seen(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for order in (
        ["init", "--quiet"],
        ["commit", "--quiet", "--allow-empty", "-m", "one"],
        ["tag", "v9.8.7"],
        ["tag", "trial"],
    ):
        subprocess.run([*git, *order], cwd=tmp_path, check=True)
    assert releases(tmp_path) == ["9.8.7"]


def test_the_citation_names_this_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert (citation["title"], citation["version"], citation["license"]) == (
        PROJECT["project"]["name"],
        __version__,
        PROJECT["project"]["license"],
    )
    assert citation["message"]
    assert citation["authors"]


@pytest.mark.parametrize("package", ["export", "monitor", "train"])
def test_every_room_is_installed(package: str) -> None:
    found = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for path in (ROOT / package).rglob("__init__.py")
    }
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert {name for name in listed if name.split(".")[0] == package} == found
