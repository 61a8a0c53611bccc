"""clips.csv as spreadsheets save it."""

from pathlib import Path

import pytest

from monitor.errors import DataError
from train.data.clips import Clip
from train.data.layouts import find_clips

ROWS = (
    ("path", "label", "group", "fold"),
    ("fällt/1.mp4", "fällt", "a", "0"),
    ("sitzt/1.mp4", "sitzt", "b", "-1"),
)
EXPECTED = (Clip("fällt/1.mp4", "fällt", "a", 0), Clip("sitzt/1.mp4", "sitzt", "b", -1))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("fällt", "sitzt"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.mp4").touch()
    return tmp_path


def text(delimiter: str = ",", end: str = "\n") -> str:
    return "".join(delimiter.join(row) + end for row in ROWS)


def clips(data: Path, content: str | bytes) -> tuple[Clip, ...]:
    table = data / "clips.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    return find_clips(data).clips


TABLES: dict[str, str | bytes] = {
    "semicolons": text(";", "\r\n"),
    "tabs": text("\t", "\r\n"),
    "CSV UTF-8": text(";", "\r\n").encode("utf-8-sig"),
    "Unicode text": text("\t", "\r\n").encode("utf-16"),
    "Unicode text, other order": b"\xfe\xff" + text("\t").encode("utf-16-be"),
    "lines of an old Mac": text(";", "\r"),
    "separator line": "sep=;\r\n" + text(";", "\r\n"),
    "separator line, quoted": '"sep=;"\n' + text(";"),
    "separator line and mark": ("sep=\t\n" + text("\t")).encode("utf-8-sig"),
    "empty last rows": text(";") + ";;;\n ; ;;\n\n",
    "empty rows before and between": ";;;\n" + text(";", "\n;;;\n\n"),
    "empty columns": text(";", ";;;\n"),
    "heading in capitals, with spaces": "Path ; LABEL;Group; Fold\n" + text(";").split("\n", 1)[1],
    "spaces around": text(" ; "),
    "everything quoted": "\n".join(";".join(f'"{cell}"' for cell in row) for row in ROWS),
    "columns in another order": "\n".join(";".join(("x", *row[::-1])) for row in ROWS),
    "backslashes": text(";").replace("/", "\\"),
    "backslash in front": text(";").replace("fällt/", ".\\fällt\\"),
    "folds with decimals": text(";").replace("a;0", "a;0,0").replace("-1", "-1,00"),
    "folds with a point": text().replace("a,0", "a,0.0").replace("-1", "-1.0"),
    "commas in another column": text(";").replace("\n", ";a, b, c, d\n"),
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES)
def test_tables_of_common_spreadsheets_are_read(data: Path, content: str | bytes) -> None:
    assert clips(data, content) == EXPECTED


def test_a_label_may_hold_the_delimiter_in_quotes(data: Path) -> None:
    found = clips(data, text().replace("fällt,", '"a; b, c",'))

    assert found[0].label == "a; b, c"


def test_a_file_whose_name_holds_a_backslash_is_found_by_it(data: Path) -> None:
    (data / r"sitzt\1.mp4").touch()

    assert clips(data, text(";").replace("sitzt/", "sitzt\\"))[1].path == r"sitzt\1.mp4"


MISTAKES: dict[str, tuple[str | bytes, str]] = {
    "Excel's plain CSV": (
        text(";").encode("cp1252"),
        ": not UTF-8 text; in Excel, save it as CSV UTF-8",
    ),
    "no file, after empty rows": (
        "sep=;\r\n;;;\r\n" + text(";", "\r\n").replace("sitzt/1", "sitzt/2"),
        ":5: sitzt/2.mp4: no such file",
    ),
    "no file, with backslashes": (
        text(";").replace("sitzt/1", r"sitzt\2"),
        r":3: sitzt\2.mp4: no such file",
    ),
    "a drive": (
        text(";").replace("sitzt/", "C:\\sitzt\\"),
        r":3: C:\sitzt\1.mp4: leads out of the folder",
    ),
    "a host": (
        text(";").replace("sitzt/", "\\\\nas\\"),
        r":3: \\nas\1.mp4: leads out of the folder",
    ),
    "the folder above": (
        text(";").replace("sitzt/", "..\\"),
        r":3: ..\1.mp4: leads out of the folder",
    ),
    "the folder above, inside": (
        text().replace("sitzt/", "a/../"),
        ":3: a/../1.mp4: leads out of the folder",
    ),
    "the same clip, written in two ways": (
        text(";") + "fällt\\1.mp4;fällt;a;0\n",
        ":4: fällt/1.mp4 is also on line 2",
    ),
    "a heading twice": (
        "Path;label;group;fold;path\n",
        ":1: two columns path; columns needed: path, label, group, fold",
    ),
    "no heading": (
        "fällt/1.mp4;fällt;a;0\n",
        ":1: no column path; columns needed: path, label, group, fold",
    ),
    "a fold of a half": (
        text(";").replace("a;0", "a;0,5"),
        ":2: fold '0,5': a whole number is needed, -1 for train only",
    ),
    "nothing": ("", ":1: no column path; columns needed: path, label, group, fold"),
    "empty rows": (";;;\n\n", ":1: no column path; columns needed: path, label, group, fold"),
    "a row that is cut short": (text(";") + "fällt/1.mp4;fällt\n", ":4: group is empty"),
    "a cell without an end": (
        text(";") + '"' + "x" * 200_000,
        ":3: cannot be read: field larger than field limit (131072)",
    ),
}


@pytest.mark.parametrize(("content", "message"), MISTAKES.values(), ids=MISTAKES)
def test_an_error_in_a_table_names_its_line(data: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        clips(data, content)
    assert str(error.value) == f"{data / 'clips.csv'}{message}"
