"""An event of the store, what is asked for, and what a person says of it."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, overload

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from monitor.events.alert import Moment
from monitor.names import Label
from monitor.records import PictureBox, Trace, camera_key
from monitor.states import EndReason

NOTE_MAX = 2000  # characters
# Lines of text: no other control characters, and nothing that UTF-8 cannot hold.
Note = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=NOTE_MAX,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]*$",
    ),
]
PAGE_MAX = 500  # events that are given at once


class Review(StrEnum):
    """What a person says of an event."""

    UNREVIEWED = "unreviewed"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    RELABELLED = "relabelled"


class Origin(StrEnum):
    """Where an event comes from."""

    ALERT = "alert"  # a model raised it
    SHADOW = "shadow"  # a model that is tried out would have raised it
    TAUGHT = "taught"  # a person marked it in what was recorded


class Event(BaseModel):
    """An activity with its review."""

    model_config = ConfigDict(frozen=True)

    id: str
    camera: str
    region: str | None = Field(description="null: the whole picture")
    origin: Origin
    label: str
    model: str = Field(description="sha256 of the model file; empty: it was taught")
    model_name: str
    at: Moment = Field(description="UTC: when it began; of a file, when it was watched")
    start_time: Moment | None = Field(description="UTC; null for a file")
    end_time: Moment | None = Field(description="UTC; null while it is open, and for a file")
    start_s: float = Field(
        description="seconds since the camera's first frame; of what was taught, since its start"
    )
    end_s: float | None
    reason: EndReason | None = Field(
        description="why it ended; null while it is open, and if it was taught"
    )
    window_s: float
    score: float
    peak_score: float
    peak_s: float | None
    threshold: float | None
    box: PictureBox | None
    trace: Trace
    latency_ms: float | None
    review: Review
    review_label: str | None = Field(description="what it was instead, if it was relabelled")
    note: str
    reviewer: str | None
    reviewed_at: Moment | None
    marked: bool = Field(description="kept, whatever its age")
    shard: str | None = Field(
        None, description="who recorded it, if that was a shard of a site: I/N; else null"
    )
    epoch: int | None = Field(
        None, description="of the lease under which it was recorded; likewise"
    )

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.reason is None and not self.taught

    @property
    def taught(self) -> bool:
        """Whether a person marked it, and no model raised it: then it has no scores."""
        return self.origin == Origin.TAUGHT

    @property
    def duration_s(self) -> float | None:
        """How long it was; None if that is not known."""
        return None if self.end_s is None else self.end_s - self.start_s

    @property
    def title(self) -> str:
        """Its camera, region and label."""
        return f"{camera_key(self.camera, self.region or '')}: {self.label}"


class Verdict(BaseModel):
    """What a person says of an event; what is not given stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    review: Review | None = None
    review_label: Label | None = Field(None, description="what it was instead; for relabelled")
    note: Note | None = None
    marked: bool | None = None

    @property
    def empty(self) -> bool:
        """Whether it says nothing."""
        return self == Verdict()

    @model_validator(mode="after")
    def _says_what_it_was(self) -> Verdict:
        if (self.review == Review.RELABELLED) != (self.review_label is not None):
            raise ValueError("review_label belongs to relabelled, and to nothing else")
        return self


class EventFilter(BaseModel):
    """Which events; what is not given restricts nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    review: tuple[Review, ...] = ()
    origin: tuple[Origin, ...] = Field(
        (Origin.ALERT, Origin.TAUGHT), description="not those of models that are tried out"
    )
    since: AwareDatetime | None = Field(None, description="events that began then or later")
    until: AwareDatetime | None = Field(None, description="events that began before")
    min_score: float | None = Field(None, ge=0, le=1, description="least peak score")
    marked: bool | None = None


# The years 1 and 9999: what lies outside has no time in another zone.
_FIRST_MS, _LAST_MS = -62_135_510_400_000, 253_402_214_400_000


def milliseconds(moment: datetime) -> int:
    """Since 1970, as the store has it: whole ones that have passed, as in the alert log."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return min(max(since // timedelta(milliseconds=1), _FIRST_MS), _LAST_MS)


@overload
def moment_of(ms: int) -> datetime: ...
@overload
def moment_of(ms: None) -> None: ...
@overload
def moment_of(ms: int | None) -> datetime | None: ...
def moment_of(ms: int | None) -> datetime | None:
    """The other way round."""
    if ms is None:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        milliseconds=min(max(ms, _FIRST_MS), _LAST_MS)
    )


class Cursor:
    """Where the next page begins: after an event, in the order from the newest on."""

    def __init__(self, at_ms: int, id: str) -> None:
        self.at_ms = at_ms
        self.id = id

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at_ms} {self.id}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """ValueError if it is none of ours."""
        try:
            padded = text + "=" * (-len(text) % 4)
            at_ms, _, id = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition(" ")
            if not _FIRST_MS <= int(at_ms) <= _LAST_MS:
                raise ValueError
            return cls(int(at_ms), id)
        except (ValueError, UnicodeError, binascii.Error):
            raise ValueError("no cursor of this store") from None


def as_event(row: Any) -> Event:
    """The event of a row."""
    values = dict(row._mapping)
    values["at"] = moment_of(values.pop("at_ms"))
    values["start_time"] = moment_of(values.pop("start_ms"))
    values["end_time"] = moment_of(values.pop("end_ms"))
    values["reviewed_at"] = moment_of(values.pop("reviewed_ms"))
    return Event.model_validate(values)
