"""YAML files read into pydantic models, with errors that name the file and the line."""

import os
import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from monitor.errors import ConfigError
from monitor.names import printable
from monitor.sources.address import redact, redact_argument

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]

VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")  # of the environment
_MAX_BYTES = 1 << 20  # a configuration is written by hand


def load(path: Path, model: type[Model]) -> Model:
    """The file as a `model`; every fault is a ConfigError with file, line and what is allowed.

    `${NAME}` in a text is replaced by the environment variable of that name, so that secrets stay
    out of the file. Relative paths start in the file's folder.
    """
    try:
        return _load(path, model)
    except ConfigError as error:  # it may quote anything
        raise ConfigError(printable(redact(str(error)))) from None


def _load(path: Path, model: type[Model]) -> Model:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(f"{path}: larger than {_MAX_BYTES} bytes: not a configuration file")
        text = content.decode("utf-8")
        for token in yaml.scan(text, Loader=yaml.SafeLoader):
            line = token.start_mark.line + 1
            if isinstance(token, yaml.AliasToken):  # could unfold to any size
                # Not which one: it may be a password without quotes.
                raise ConfigError(f"{path}:{line}: aliases (such as *name) are not allowed")
            if isinstance(token, yaml.TagToken):  # no option needs one
                raise ConfigError(f"{path}:{line}: tags (such as !!str) are not allowed")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}{_position(error)}: not valid YAML: {_problem(error)}") from None
    if values is None:
        values = {}
    _refuse_repeated(root, path)
    if not isinstance(values, dict):
        raise ConfigError(f"{path}:1: options expected as `name: value`")
    try:
        return model.model_validate(_expand(values, path, root, ()), context=os.path.dirname(path))
    except ValidationError as error:
        first = _first(error)
        place = _written(values, first["loc"])
        written = _at(values, place)
        if isinstance(written, str):  # and not what a variable stands for: it may be a password
            first["input"] = written
        raise ConfigError(f"{path}:{_line(root, place)}: {_say(first, model, place)}") from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault of a validation in one line, for values that come from no file."""
    first = _first(error)
    return printable(redact(_say(first, model, first["loc"])))


def _first(error: ValidationError) -> ErrorDetails:
    """The first fault; that of a tag, which chooses a model, as that of any other option."""
    first = error.errors()[0]
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        option, tags = first["ctx"]["discriminator"].strip("'"), first["ctx"].get("expected_tags")
        first["loc"] += (option,)
        if tags is None:
            first["msg"] = "Field required"
        else:
            first["msg"] = f"Input should be {' or '.join(tags.rsplit(', ', 1))}"
            first["input"] = first["input"][option]
    return first


def _say(fault: ErrorDetails, model: type[BaseModel], place: Location) -> str:
    option = redact_argument(".".join(str(part) for part in place))
    if fault["type"] == "extra_forbidden":
        allowed = ", ".join(sorted(_fields(model, fault["loc"][:-1])))
        return f"unknown option {option:.100}; options here: {allowed}"
    found = fault["input"]
    message = fault["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if fault["loc"] and _is_secret(model, fault["loc"]):
        return f"{option:.100}: {message}"
    # Our own errors say what was found.
    if isinstance(found, str | int | float | bool) and fault["type"] != "value_error":
        shown = redact_argument(found) if isinstance(found, str) else found
        return f"{option:.100}: {message}, found {shown!r:.200}"
    return f"{option:.100}: {message}" if option else message


def _fields(model: type[BaseModel], place: Location) -> set[str]:
    """Option names allowed at `place`, followed through nested models and lists of models."""
    (found, *_) = _models_at(model, place)
    return {field.alias or name for name, field in found.model_fields.items()}


def _is_secret(model: type[BaseModel], place: Location) -> bool:
    """Whether the option at `place` is one that nobody may see, or that holds such ones."""
    while place and isinstance(place[-1], int):  # an item of a list
        place = place[:-1]
    fields = (one.model_fields.get(str(place[-1])) for one in _models_at(model, place[:-1]))
    return any(field is not None and _holds_secret(field.annotation) for field in fields)


def _holds_secret(annotation: Any) -> bool:
    inner = [
        field.annotation for one in _models_in(annotation) for field in one.model_fields.values()
    ]
    return annotation is SecretStr or any(map(_holds_secret, (*get_args(annotation), *inner)))


def _models_at(model: type[BaseModel], place: Location) -> list[type[BaseModel]]:
    """The models that may stand at `place`; none within a dictionary."""
    found = [model]
    for part in place:
        if isinstance(part, int):
            continue
        tagged = [one for one in found if _tag(one) == part]
        fields = (one.model_fields.get(part) for one in found[:1])
        found = tagged or [
            inner for field in fields if field for inner in _models_in(field.annotation)
        ]
    return found


def _tag(model: type[BaseModel]) -> object:
    """What tells a model from others that may stand in its place."""
    field = model.model_fields.get("type")
    return None if field is None else field.default


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _expand(value: Any, path: Path, root: yaml.Node | None, place: Location) -> Any:
    if isinstance(value, dict):
        return {k: _expand(v, path, root, (*place, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(v, path, root, (*place, i)) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value
    if "\0" in value:
        raise ConfigError(f"{path}:{_line(root, place)}: a text holds the character NUL")

    def variable(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            line = _line(root, place)
            fault = f"the environment variable {found[1]} is not set"
            raise ConfigError(f"{path}:{line}: {fault}{_how_to_set(found[1], path)}")
        return os.environ[found[1]]

    return VARIABLE.sub(variable, value)


def _how_to_set(variable: str, path: Path) -> str:
    """What to do if the file of secrets beside a configuration has the variable; else nothing."""
    secrets = path.with_suffix(".env")
    with suppress(OSError, UnicodeError):
        if re.search(f"^{variable}=", secrets.read_text("utf-8"), re.MULTILINE):
            shown = shlex.quote(os.path.join(".", secrets))
            return f"; it is in {secrets}: set -a; . {shown}; set +a"
    return ""


def _refuse_repeated(node: yaml.Node | None, path: Path) -> None:
    """YAML would let the last of two equal options win in silence."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated(item, path)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                shown = redact_argument(name)
                raise ConfigError(
                    f"{path}:{key.start_mark.line + 1}: option {shown:.100} is given twice"
                )
            seen.add(name)
            _refuse_repeated(value, path)


def _line(node: yaml.Node | None, place: Location) -> int:
    """The line of the option at `place`, or of the nearest thing around it."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(part):
                    line, node = key.start_mark.line + 1, value
                    break
            else:
                return line
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _written(values: Any, place: Location) -> Location:
    """A fault's place without tags of models, which are no part of the file."""
    kept: list[int | str] = []
    for part in place:
        if isinstance(values, dict) and part not in values and values.get("type") == part:
            continue
        kept.append(part)
        values = _at(values, (part,))
    return tuple(kept)


def _at(values: Any, place: Location) -> Any:
    """What stands at `place`, None if nothing does."""
    for part in place:
        try:
            values = values[part]
        except (LookupError, TypeError):
            return None
    return values


def _position(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark is not None else ""


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error or type(error).__name__).splitlines()[0]
