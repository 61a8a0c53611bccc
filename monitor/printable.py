"""Text from outside, made safe to print."""

import unicodedata

# They join letters of Persian and of Indian writings, or keep them apart, and have no other use.
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


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
