"""What people say and order, as lines of a file: what the alert log does not say.

So no database is the truth.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from monitor.events.alert import Moment
from monitor.events.log_file import LogFile
from monitor.names import Label, Name
from monitor.paths import describe_os_error
from monitor.store.database import StoreError
from monitor.store.event import Verdict

log = logging.getLogger(__name__)

SCHEMA: Literal["har-monitor.review.v1"] = "har-monitor.review.v1"
PROMOTION: Literal["har-monitor.promotion.v1"] = "har-monitor.promotion.v1"
SPAN: Literal["har-monitor.span.v1"] = "har-monitor.span.v1"
DELETED: Literal["har-monitor.deleted.v1"] = "har-monitor.deleted.v1"


class _Line(BaseModel):
    """Who said something of an event, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    schema_: str = Field("", alias="schema")
    id: str  # of the event
    time: Moment
    by: str


class ReviewLine(_Line):
    """What somebody said of an event."""

    schema_: Literal["har-monitor.review.v1"] = Field(SCHEMA, alias="schema")
    verdict: Verdict


class PromotionLine(BaseModel):
    """That somebody let a camera's shadow raise its alerts, or took that back."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)

    schema_: Literal["har-monitor.promotion.v1"] = Field(PROMOTION, alias="schema")
    camera: str
    time: Moment
    by: str
    promoted: bool  # false: rolled back
    model: str  # sha256 of the model that the configuration names
    shadow: str  # and of the one that it names as the shadow


class SpanLine(_Line):
    """A span that somebody marked in what was recorded: all of an event that is taught."""

    schema_: Literal["har-monitor.span.v1"] = Field(SPAN, alias="schema")
    camera: Name
    label: Label | None = None  # what was done in it; none: nothing
    start_time: Moment
    end_time: Moment


class DeletedLine(_Line):
    """A taught event that somebody took back."""

    schema_: Literal["har-monitor.deleted.v1"] = Field(DELETED, alias="schema")


Line = ReviewLine | SpanLine | DeletedLine  # of events
_LINE: TypeAdapter[Line | PromotionLine] = TypeAdapter(
    Annotated[Line | PromotionLine, Field(discriminator="schema_")]
)


class Journal:
    """The lines beside an alert log: alerts.jsonl has alerts.reviews.jsonl. It is never rotated.

    StoreError if it cannot be opened or written; one process has it at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        with _told(path):
            self._file = LogFile(path, sys.maxsize, 1)

    def write(self, line: Line | PromotionLine) -> None:
        """Append a line, at once or not at all; from any thread."""
        with self._writing, _told(self.path):
            self._file.append(
                line.model_dump_json(ensure_ascii=True, exclude_none=True).encode() + b"\n"
            )

    def close(self) -> None:
        """Close the file; twice is fine."""
        self._file.close()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(describe_os_error(f"reviews {path}", error)) from None


def journal_path(log_path: Path) -> Path:
    """Where the reviews of the events of an alert log are."""
    return log_path.with_name(f"{log_path.stem}.reviews{log_path.suffix}")


def read_journal(path: Path) -> Iterator[Line]:
    """Every line of events, in order; those that are none of ours are counted and passed over."""
    return (line for line in _lines(path) if not isinstance(line, PromotionLine))


def read_promotions(path: Path) -> dict[str, PromotionLine]:
    """What was said last of each camera that ever had a shadow promoted."""
    return {line.camera: line for line in _lines(path) if isinstance(line, PromotionLine)}


def _lines(path: Path) -> Iterator[Line | PromotionLine]:
    if not path.exists():
        return
    strange = 0
    with _told(path), path.open("rb") as file:
        for line in file:
            try:
                yield _LINE.validate_json(line)
            except ValidationError:
                strange += 1
    if strange:
        log.warning("%s: %d lines that are no reviews were passed over", path, strange)
