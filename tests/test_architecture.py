"""Which package may import which, and which room of a package which other room.

A room is a folder of a package. The docstring of its `__init__.py` says what it may import.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from testkit import ROOT

PACKAGES = {
    "monitor": set[str](),
    "export": {"monitor"},
    "train": {"monitor", "export"},
    "testkit": {"monitor", "export", "train"},
    "benchmarks": {"monitor", "export", "train", "testkit"},
    "deploy": {"monitor", "export", "train"},
}
ROOMS = sorted(
    path.parent.relative_to(ROOT).as_posix()
    for package in ("monitor", "train")
    for path in (ROOT / package).glob("*/__init__.py")
)


def imported(folder: Path, files: str) -> Iterator[tuple[Path, str]]:
    """Each module of the project that a file imports, also within its functions."""
    for path in sorted(folder.glob(files)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((path, alias.name) for alias in node.names)
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


def allowed(room: str) -> set[str]:
    """The rooms of its package that the docstring of a room names."""
    package, _, name = room.partition("/")
    others = {one.partition("/")[2] for one in ROOMS if one.startswith(f"{package}/")} - {name}
    docstring = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text())) or ""
    line = re.search(r"^May import: (.*)\.$", docstring, re.M)
    assert line, f"{room}/__init__.py does not say what it may import"
    rooms, _, top = line[1].rpartition("the modules at the top of ")
    assert top == package
    words = rooms.removesuffix("and ").rstrip(", ")
    if words.startswith("every room but "):
        return others - set(words.removeprefix("every room but ").split(", "))
    if words == "every other room":
        return others
    named = {word for word in words.split(", ") if word}
    assert named <= others, f"{room} names {named - others}, which are no rooms"
    return named


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imported(ROOT / package, "**/*.py")
        if (top := module.partition(".")[0]) in {*PACKAGES, "tests"} - {package}
        and top not in PACKAGES[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_its_docstring_allows(room: str) -> None:
    package, _, name = room.partition("/")
    rooms = {one.partition("/")[2] for one in ROOMS if one.startswith(f"{package}/")} - {name}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imported(ROOT / room, "**/*.py")
        if module.startswith(f"{package}.")
        and (other := module.split(".")[1]) in rooms
        and other not in allowed(room)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["monitor", "train"])
def test_modules_at_the_top_of_a_package_import_none_of_its_rooms(package: str) -> None:
    """They are the words that all rooms share.

    `__main__` starts a command, and `__init__` names what is public.
    """
    rooms = {one.partition("/")[2] for one in ROOMS if one.startswith(f"{package}/")}
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imported(ROOT / package, "*.py")
        if path.stem not in ("__main__", "__init__")
        and module.startswith(f"{package}.")
        and module.split(".")[1] in rooms
    ]
    assert wrong == []


@pytest.mark.parametrize("package", ["monitor", "train"])
def test_no_two_rooms_import_each_other(package: str) -> None:
    rooms = [room for room in ROOMS if room.startswith(f"{package}/")]
    graph = {room: {f"{package}/{other}" for other in allowed(room)} for room in rooms}
    assert len(list(TopologicalSorter(graph).static_order())) == len(rooms)


@pytest.mark.parametrize("package", ["monitor", "train"])
def test_the_architecture_document_names_every_room_and_what_it_may_import(package: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = text.partition(f"## Rooms of {package}\n")[2].strip().partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    rooms = {one.partition("/")[2] for one in ROOMS if one.startswith(f"{package}/")}
    assert {name.strip("`") for name, _, _ in rows} == rooms
    for name, _, may in rows:
        room = name.strip("`")
        others = rooms - {room}
        named = {word for word in may.split(", ") if word}
        if may.startswith("every "):
            named = others - set(may.partition(" but ")[2].split(", "))
        assert named == allowed(f"{package}/{room}"), room
