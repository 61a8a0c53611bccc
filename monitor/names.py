"""Names: what labels, cameras and regions may be called; text that is safe to print and to read."""

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

LONGEST = 64  # characters
_TAKEN_APART = 4 * LONGEST  # code points; composing many more could take for ever
# What leads into another folder, and, in the name of a camera, what a source holds and what no file
# may be called everywhere.
_LABEL_SIGNS, _NAME_SIGNS = "/\\", '/\\:=?@*"<>|'
IN_NAMES = f"[^{re.escape(_NAME_SIGNS)}]"  # a regular expression of one character
_FIRST = " .-"  # hidden files and options begin so
# They join letters of Persian and of Indian writings, or keep them apart, and have no other use.
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def composed(text: str) -> str:
    """The text as it is compared: an accent and its letter are one character (NFC).

    They are two in the names of files that come from a Mac.
    """
    return unicodedata.normalize("NFC", text)


def as_label(text: str) -> str:
    """The label written as `text`; PydanticCustomError for what may not be one."""
    return _checked(text, _LABEL_SIGNS)


def as_name(text: str) -> str:
    """The name of a camera or region written as `text`; PydanticCustomError as for labels."""
    return _checked(text, _NAME_SIGNS)


def is_name(text: str) -> bool:
    """Whether a camera may be called so."""
    return len(text) <= _TAKEN_APART and _fits(composed(text), _NAME_SIGNS)


def plain_name(text: str) -> str:
    """A name of at most 40 letters, digits and _ . - made of any text; empty if there is none."""
    signs = composed(text[:_TAKEN_APART])
    kept = (c if c in "_.-" or unicodedata.category(c)[0] in "LMN" else " " for c in signs)
    made = "-".join("".join(kept).split()).strip("-._")[:40]
    return made if is_name(made) else ""


def _allowed(signs: str) -> str:
    return (
        f"up to {LONGEST} letters, digits, spaces and signs are allowed, a letter or digit among "
        f"them, none of {' '.join(signs)} and no space . - in front"
    )


def _fits(text: str, signs: str) -> bool:
    return (
        len(text) <= LONGEST
        and is_printable(text)
        and any(map(str.isalnum, text))
        and text[0] not in _FIRST
        and not set(signs) & set(text)
    )


def _checked(text: str, signs: str) -> str:
    text = composed(text) if len(text) <= _TAKEN_APART else text
    if not _fits(text, signs):
        raise PydanticCustomError("name", "{allowed}", {"allowed": _allowed(signs)})
    return text


Label = Annotated[str, AfterValidator(as_label)]
Name = Annotated[str, AfterValidator(as_name)]


def printable(text: str) -> str:
    """`text` in one line, with all that would steer a terminal or forge a line written as escapes.

    Control characters, line breaks, and marks that turn the direction of writing are escaped.
    """
    if text.isprintable():
        return text
    return "".join(
        char if _is_shown(text, place) else char.encode("unicode_escape").decode("ascii")
        for place, char in enumerate(text)
    )


def is_printable(text: str) -> bool:
    """Whether `printable` leaves the text as it is."""
    return text.isprintable() or all(_is_shown(text, place) for place in range(len(text)))


def _is_shown(text: str, place: int) -> bool:
    if text[place] not in _JOINERS:
        return text[place].isprintable()
    beside = text[place - 1 : place], text[place + 1 : place + 2]
    return all(
        char and not char.isascii() and unicodedata.category(char)[0] in "LM" for char in beside
    )


def how_many(number: float, noun: str) -> str:
    """So many of a thing, whose plural ends in s or es."""
    count = str(number) if isinstance(number, int) else f"{number:g}"
    if number == 1:
        return f"{count} {noun}"
    return f"{count} {noun}{'es' if noun.endswith('s') else 's'}"
