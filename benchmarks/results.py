"""Results as the benchmarks keep them: JSON Lines, one measured result a line.

Every figure of a page is computed from these lines and from nothing else.
"""

from abc import abstractmethod
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from monitor.atomic import replacing
from monitor.errors import DataError


class Facts(BaseModel):
    """Something that was measured, or a part of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(Facts):
    """A line of a file of results."""

    @property
    @abstractmethod
    def key(self) -> str:
        """What was measured; no two lines of a file have the same key."""


R = TypeVar("R", bound=Result)


def read(path: Path, form: TypeAdapter[R]) -> dict[str, R]:
    """The results in a file by their keys, in the order of the lines; none if there is no file.

    DataError if a line is torn or foreign, or has the key of an earlier line.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    found: dict[str, R] = {}
    for number, line in enumerate(lines, start=1):
        try:
            result = form.validate_json(line)
        except ValidationError as error:
            raise DataError(
                f"{path}:{number}: not a result of this benchmark: {_reason(error)}; "
                "remove the line, and it is measured again"
            ) from None
        if result.key in found:
            raise DataError(f"{path}:{number}: a second {result.key}; remove one of the two lines")
        found[result.key] = result
    return found


def write(path: Path, results: Iterable[Result]) -> None:
    """Write a file of these results, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{result.model_dump_json()}\n" for result in results)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def keep(path: Path, form: TypeAdapter[R], result: R) -> None:
    """Write a result in place of the one with its key, or at the end of its file."""
    write(path, (read(path, form) | {result.key: result}).values())


def drop(path: Path, form: TypeAdapter[R], key: str) -> None:
    """Remove a result from its file, if it is there."""
    found = read(path, form)
    if found.pop(key, None) is not None:
        write(path, found.values())


def now() -> str:
    """The time in UTC, as results keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}" if place else first["msg"]
