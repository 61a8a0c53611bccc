"""Text from outside, made safe to print."""


def printable(text: str) -> str:
    """`text` in one line, with all that would steer a terminal or forge a line written as escapes.

    Control characters, line breaks, and marks that turn the direction of writing are escaped.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
