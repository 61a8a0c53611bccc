"""What the parent and its processes say to one another, over a link (`monitor.link`).

| to a process | |
|---|---|
| cameras | what it watches from now on, `ProcessSettings`; it answers with `changed` |
| look | at which cameras the page looks |
| grown | how many bytes of evidence the other processes have written |
| lease | until when it may keep evidence, and under which epoch |
| stop | end |

| from a process | |
|---|---|
| state | how it does, `ProcessState`, once a second |
| alert | an `AlertEvent` |
| page | a message for the page's process |
| changed | the cameras are watched; or the error why not |
| ended | it has ended by itself, or as it was told; with the error, if there is one |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, TypeAdapter

from monitor.config.options import CameraOptions, InferenceOptions, MonitorOptions
from monitor.config.outputs import EvidenceOptions
from monitor.errors import (
    ConfigError,
    ModelError,
    MonitorError,
    SinkError,
    SourceError,
)
from monitor.health.status import CameraSnapshot
from monitor.records import SinkStatus, WorkerStatus


class ProcessSettings(BaseModel):
    """What a process is told: no more of the configuration than it needs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cameras: tuple[CameraOptions, ...]
    realtime: bool
    inference: InferenceOptions
    evidence: EvidenceOptions | None
    shard: str | None = None  # evidence is kept under its lease, as long as the parent says
    cores: float  # that it may use
    verbose: bool  # it logs more

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """What `model_dump_json` gave."""
        return cls.model_validate(json.loads(text))  # validating JSON itself refuses model files

    @property
    def options(self) -> MonitorOptions:
        """The same for its monitor."""
        options = MonitorOptions(realtime=self.realtime, inference=self.inference, sinks=())
        # As they are: they were complete, and what a process lacks is the parent's.
        return options.model_copy(update={"cameras": self.cameras})


@dataclass(frozen=True)
class ProcessState:
    """How a process does."""

    cameras: tuple[CameraSnapshot, ...] = ()
    sinks: tuple[SinkStatus, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()
    busy_s: float = 0.0  # for how long a window has been worked on
    evidence_grown: int = 0  # bytes that it has written
    evidence_used: int | None = None  # bytes of all evidence


STATE = TypeAdapter(ProcessState)

_ERRORS = {one.__name__: one for one in (ConfigError, ModelError, SinkError, SourceError)}


def error_head(error: MonitorError | None) -> dict[str, str]:
    """An error as a part of a message."""
    if error is None:
        return {}
    kind = next((name for name, one in _ERRORS.items() if isinstance(error, one)), "")
    return {"error": str(error), "kind": kind}


def error_of(head: dict[str, str]) -> MonitorError | None:
    """The error of a message."""
    if "error" not in head:
        return None
    return _ERRORS.get(head["kind"], MonitorError)(head["error"])
