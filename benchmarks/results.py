"""What was measured, as it is kept: small JSON files from which every figure can be computed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from export.atomic import replacing
from monitor.errors import DataError
from train.report.report import json_text

_Read = TypeVar("_Read", bound="Facts")


class Facts(BaseModel):
    """Something that was measured, as it is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def write_facts(path: Path, facts: Facts) -> None:
    """Write `facts`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(json_text(facts.model_dump(mode="json")), encoding="utf-8")


def read_facts(path: Path, kind: type[_Read]) -> _Read | None:
    """The facts at `path`; None if there are none, DataError if they cannot be read."""
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path}: not a result of this benchmark: {reason}; remove it, and it is made anew"
        ) from None


def now() -> str:
    """The time as evidence holds it, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
