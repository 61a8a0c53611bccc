"""Cameras added to the text of a configuration: nothing else of it changes, comments neither."""

from collections.abc import Iterator, Sequence

import yaml

from monitor.errors import ConfigError

_INDENT = 2  # of the lines that are given


def with_cameras(text: str, lines: Sequence[str]) -> str:
    """A configuration's text, with these lines behind its last camera.

    They are items of a list, indented by two. ConfigError where the list is written so that lines
    cannot be added to it. The text is valid YAML.
    """
    if text and not text.endswith("\n"):
        text += "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    before = text.splitlines(keepends=True)
    if root is None:
        return "".join([*before, "cameras:\n", *_at(_INDENT, lines)])
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise ConfigError("its options are written within { }; write one below the other")
    known = next((pair for pair in root.value if pair[0].value == "cameras"), None)
    if known is None:
        return "".join([*before, "\n", "cameras:\n", *_at(_INDENT, lines)])
    key, value = known
    if isinstance(value, yaml.SequenceNode) and value.value and value.flow_style:
        raise ConfigError("its cameras are written within [ ]; write one below the other, with -")
    if isinstance(value, yaml.SequenceNode) and value.value:
        column = value.start_mark.column
        row = max(_rows(value.value[-1])) + 1
        # Comments that are indented deeper belong to the last camera.
        while row < len(before) and _is_comment(before[row], column):
            row += 1
        return "".join([*before[:row], *_at(column, lines), *before[row:]])
    row = key.start_mark.line
    if isinstance(value, yaml.SequenceNode):  # []
        start, end = value.start_mark, value.end_mark
        if start.line != row or end.line != row:
            raise ConfigError("its cameras are written within [ ]; write cameras: [] in one line")
        before[row] = before[row][: start.column].rstrip() + before[row][end.column :]
    return "".join([*before[: row + 1], *_at(_INDENT, lines), *before[row + 1 :]])


def _at(column: int, lines: Sequence[str]) -> list[str]:
    return [f"{' ' * column}{line[_INDENT:]}\n" for line in lines]


def _rows(node: yaml.Node) -> Iterator[int]:
    """The lines on which what a node holds ends."""
    yield node.start_mark.line
    if isinstance(node, yaml.ScalarNode):
        # That of a text after | or > is the next line's beginning.
        yield node.end_mark.line - (node.style in ("|", ">"))
    elif isinstance(node, yaml.CollectionNode) and node.flow_style:
        yield node.end_mark.line
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _rows(item)
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for part in pair:
                yield from _rows(part)


def _is_comment(line: str, column: int) -> bool:
    bare = line.lstrip(" ")
    return bare.startswith("#") and len(line) - len(bare) > column
