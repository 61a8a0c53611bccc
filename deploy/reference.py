"""docs/reference.md: every option of the configuration, as the code has it."""

import inspect
import io
import json
import tokenize
from collections.abc import Iterator
from typing import Any

from monitor.config.base import Options
from monitor.config.options import CameraDefaults, CameraOptions, MonitorOptions

_HEAD = """# Every option

Made of the code by `make manual`. [configuration.md](configuration.md) explains what the options
are for; [configs/monitor.yaml](../configs/monitor.yaml) shows them in place. Paths are relative to
the file that names them, and `~` is the home. `null` is how YAML writes nothing.
"""
_TABLE = "| option | takes | by default | meaning |\n|---|---|---|---|"
_KINDS = {"boolean": "`true` or `false`", "string": "text", "integer": "whole number"}
_FORMATS = {"path": "path", "time": "time of the day"}


def reference() -> str:
    """The page."""
    schema = MonitorOptions.model_json_schema()
    models = {model.__name__: model for model in _family(Options)}
    sections = _sections("", MonitorOptions, schema["$defs"] | {"MonitorOptions": schema}, models)
    return "\n\n".join([_HEAD.rstrip(), *sections]) + "\n"


def _family(model: type[Options]) -> Iterator[type[Options]]:
    for child in model.__subclasses__():
        yield child
        yield from _family(child)


def _sections(
    path: str,
    model: type[Options],
    known: dict[str, Any],
    models: dict[str, type[Options]],
    *,
    absent: bool = False,
) -> Iterator[str]:
    """The table of a block of options, and those of the blocks in it; `path` leads to it.

    `absent`: there is no such block by default.
    """
    schema, said = known[model.__name__], _comments(model)
    rows, inner = [], []
    for name, option in schema.get("properties", {}).items():
        if model is CameraOptions and name in CameraDefaults.model_fields:
            continue
        blocks = [found for found in _references(option) if found in models]
        inner += [(name, models[block]) for block in blocks]
        if not blocks:
            given = name in schema.get("required", ())
            default = "must be given" if given else _default(option, model, name)
            cells = (f"`{name}`", _takes(option), default, said.get(name, ""))
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    several = [name for name, _ in inner]
    if rows:
        about = " ".join((model.__doc__ or "").split())
        if model is CameraOptions:
            about += " It may have every option of `defaults`, too."
        about += " By default there is none." if absent else ""
        if path:
            yield f"## {path}"
            yield about
        yield "\n".join([_TABLE, *rows])
    for name, block in inner:
        place = f"{path}.{name}" if path else name
        if several.count(name) > 1:  # one of several kinds
            place += f" of the type {known[block.__name__]['properties']['type']['const']}"
        absent = schema["properties"][name].get("default", ()) is None
        yield from _sections(place, block, known, models, absent=absent)


def _references(option: dict[str, Any]) -> Iterator[str]:
    """The blocks that a value may be, or be a list of."""
    if "$ref" in option:
        yield option["$ref"].rpartition("/")[2]
    for part in [*option.get("anyOf", ()), *option.get("oneOf", ())]:
        yield from _references(part)
    if "items" in option:
        yield from _references(option["items"])


def _takes(option: dict[str, Any]) -> str:
    """What may be written, with its limits."""
    if parts := option.get("anyOf", option.get("oneOf")):
        return ", or ".join(dict.fromkeys(map(_takes, parts)))
    if "const" in option or "enum" in option:
        return ", ".join(f"`{one}`" for one in option.get("enum", [option.get("const")]))
    kind = option.get("type")
    if kind == "null":
        return "`null`"
    if kind == "array":
        return f"list: {_takes(option['items'])}"
    if kind == "object":
        return f"by name: {_takes(option.get('additionalProperties', {}))}"
    words = _FORMATS.get(option.get("format", ""), _KINDS.get(kind or "", kind or "any"))
    return f"{words}{_limits(option)}"


def _limits(option: dict[str, Any]) -> str:
    least, above, most = (option.get(k) for k in ("minimum", "exclusiveMinimum", "maximum"))
    if least is not None and most is not None:
        return f", {least:g} to {most:g}"
    words = [f"at least {least:g}"] if least is not None else []
    words += [f"above {above:g}"] if above is not None else []
    words += [f"at most {most:g}"] if most is not None else []
    return f", {', '.join(words)}" if words else ""


def _default(option: dict[str, Any], model: type[Options], name: str) -> str:
    if "default" in option:
        return f"`{json.dumps(option['default'])}`"
    factory: Any = model.model_fields[name].default_factory  # what it makes is in no schema
    return f"`{json.dumps(factory())}`"


def _comments(model: type[Options]) -> dict[str, str]:
    """What the code says of each field: in the comment behind it, or in those just above it."""
    found: dict[str, str] = {}
    above: list[str] = []
    sources = [
        inspect.getsource(one) for one in reversed(model.__mro__) if issubclass(one, Options)
    ]
    for line in _statements("".join(sources)):
        comment = " ".join(
            token.string[1:].strip() for token in line if token.type == tokenize.COMMENT
        )
        words = [token.string for token in line if token.type in (tokenize.NAME, tokenize.OP)]
        if not words:  # a comment alone
            above.append(comment)
            continue
        if words[1:2] == [":"] and words[0] in model.model_fields:
            text = " ".join(filter(None, [*above, comment]))
            found[words[0]] = text if text.endswith("..") else text.removesuffix(".")
        above = []
    return found


def _statements(source: str) -> Iterator[list[tokenize.TokenInfo]]:
    """The tokens of each statement with its comment, or of a comment by itself."""
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line.append(token)
        if token.type in (tokenize.NEWLINE, tokenize.NL) and not _open(line):
            if any(one.type in (tokenize.NAME, tokenize.COMMENT) for one in line):
                yield line
            line = []


def _open(line: list[tokenize.TokenInfo]) -> bool:
    """Whether a bracket is open."""
    signs = [token.string for token in line if token.type == tokenize.OP]
    return sum(signs.count(sign) for sign in "([{") > sum(signs.count(sign) for sign in ")]}")
