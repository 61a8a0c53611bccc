"""Where the evidence of an event lies: FOLDER/DATE/CAMERA/ID and an ending."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from monitor.atomic import replacing
from monitor.names import is_name

_IDS = re.compile(r"[0-9A-Za-z-]{1,64}")  # an alert log from elsewhere may hold any


class StripFacts(BaseModel):
    """How the filmstrip is laid out: pictures from left to right, then down."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    start_s: float  # seconds since the camera's first frame: of the first picture
    end_s: float  # of the last one
    pictures: int
    columns: int
    rows: int


class EvidenceFacts(BaseModel):
    """What is not in the pictures and the clip themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    width: int | None = None  # of the camera's picture, pixels
    height: int | None = None
    snapshot_s: float | None = None  # seconds since the camera's first frame
    clip_begin_s: float | None = None  # likewise: what the clip shows at 0
    strip: StripFacts | None = None
    shard: str | None = None  # I/N and the epoch of its lease, if it was kept under one
    epoch: int | None = None


@dataclass(frozen=True)
class EventFiles:
    """The files of one event; each may be missing."""

    stem: Path

    @property
    def there(self) -> bool:
        """Whether there is any of them."""
        return any(one.is_file() for one in (self.facts_file, self.snapshot, self.clip))

    @property
    def clip(self) -> Path:
        """The camera's own packets, or H.264 made of its pictures, MP4."""
        return self._with(".mp4")

    @property
    def copy(self) -> Path:
        """A small H.264 copy of the clip, MP4, if somebody has asked for it."""
        return self._with(".h264.mp4")

    @property
    def snapshot(self) -> Path:
        """The picture at the highest score, JPEG."""
        return self._with(".jpg")

    @property
    def thumbnail(self) -> Path:
        """The same, small."""
        return self._with(".small.jpg")

    @property
    def strip(self) -> Path:
        """The pictures that the model saw in the window with the highest score, JPEG."""
        return self._with(".strip.jpg")

    @property
    def facts_file(self) -> Path:
        """`EvidenceFacts`, JSON."""
        return self._with(".json")

    @property
    def evidence(self) -> tuple[Path, ...]:
        """All of them that show something, or say what it is."""
        return (
            self.clip, self.copy, self.snapshot, self.thumbnail, self.strip, self.facts_file,
        )  # fmt: skip

    @property
    def keep(self) -> Path:
        """An empty file, if the event is marked: then its evidence is never deleted."""
        return self._with(".keep")

    @property
    def copied(self) -> Path:
        """What of them was copied to object storage: see `monitor.evidence.copied`."""
        return self._with(".copied")

    @property
    def facts(self) -> EvidenceFacts:
        """What is known of them; nothing if there is no such file, or it is none of ours."""
        try:
            return EvidenceFacts.model_validate_json(self.facts_file.read_bytes())
        except (OSError, ValidationError):
            return EvidenceFacts()

    def save(self, facts: EvidenceFacts) -> None:
        """Write the facts; MonitorError if that is refused."""
        with replacing(self.facts_file) as temporary:
            temporary.write_text(facts.model_dump_json(exclude_none=True))

    def _with(self, ending: str) -> Path:
        return self.stem.with_name(self.stem.name + ending)


def event_files(folder: Path, camera: str, id: str, began: datetime) -> EventFiles:
    """The files of an event; ValueError for an id or a camera's name that leads elsewhere."""
    return EventFiles(folder / event_name(camera, id, began))


def event_name(camera: str, id: str, began: datetime) -> str:
    """DATE/CAMERA/ID: what the names of an event's files begin with; ValueError likewise."""
    if not _IDS.fullmatch(id) or not is_name(camera):
        raise ValueError(f"no evidence can be of event {id!r} of camera {camera!r}")
    return f"{began.astimezone(UTC):%Y-%m-%d}/{camera}/{id}"
