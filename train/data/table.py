"""CSV tables as spreadsheets save them."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from monitor.errors import DataError

_DELIMITERS = ",;\t"
_SEPARATOR = re.compile(r'"?sep=([,;|\t])"?\W*', re.IGNORECASE)  # Excel's own first line
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_table(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row's line number and its values of the `columns`; a missing value is an empty text.

    The separator may be a comma, a semicolon or a tab; the encoding UTF-8, or UTF-16 with a byte
    order mark; headings are case-insensitive. Empty rows are skipped. The values of an `optional`
    column that the file lacks are empty. DataError if the file cannot be read or lacks another
    column.
    """
    lines = io.StringIO(_text(path), newline="")
    places: dict[str, int] = {}
    number = 1
    try:
        reader = csv.reader(lines, delimiter=_delimiter(lines.getvalue(), columns))
        for row in reader:
            number, cells = reader.line_num, [cell.strip() for cell in row]
            if not any(cells) or (not places and cells[0].lower().startswith("sep=")):
                continue
            if places:
                cells += [""] * (max(places.values()) + 1 - len(cells))
                found = {column: cells[place] for column, place in places.items()}
                yield number, {**dict.fromkeys(optional, ""), **found}
            else:
                places = _places(cells, columns, optional, f"{path}:{number}")
    except csv.Error as error:
        raise DataError(f"{path}:{number}: cannot be read: {error}") from None
    if not places:
        _places((), columns, (), f"{path}:1")


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8 text; in Excel, save it as CSV UTF-8") from None


def _delimiter(text: str, columns: Sequence[str]) -> str:
    """The separator that the first line names, or the one that yields the most known columns."""
    first = next((line for line in text.splitlines() if re.search(r"\w", line)), "")
    if named := _SEPARATOR.fullmatch(first):
        return named[1]

    def found(delimiter: str) -> int:
        headings = next(csv.reader([first], delimiter=delimiter), [])
        return len(set(columns) & set(_headings(headings)))

    return max(_DELIMITERS, key=found)


def _headings(cells: Sequence[str]) -> list[str]:
    return [cell.strip().casefold() for cell in cells]


def _places(
    cells: Sequence[str], columns: Sequence[str], optional: Sequence[str], where: str
) -> dict[str, int]:
    headings = _headings(cells)
    wanted = [*columns, *(column for column in optional if column in headings)]
    for column in wanted:
        if headings.count(column) != 1:
            fault = "two columns" if column in headings else "no column"
            raise DataError(f"{where}: {fault} {column}; columns needed: {', '.join(columns)}")
    return {column: headings.index(column) for column in wanted}
