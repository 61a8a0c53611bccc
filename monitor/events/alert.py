"""The alert: the published form of the start or the end of an activity."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from monitor.records import TRACE_MAX, Activity, PictureBox
from monitor.states import EndReason

SCHEMA: Literal["har-monitor.alert.v2"] = "har-monitor.alert.v2"


def utc(moment: datetime) -> str:
    """A moment as alerts and other files write it: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _rounded(digits: int) -> PlainSerializer:
    return PlainSerializer(lambda value: round(value, digits), when_used="json-unless-none")


def _rounded_all(digits: int) -> PlainSerializer:
    return PlainSerializer(
        lambda values: [round(value, digits) for value in values], when_used="json-unless-none"
    )


Score = Annotated[float, _rounded(4)]  # from 0 to 1
Seconds = Annotated[float, _rounded(3)]
Moment = Annotated[AwareDatetime, PlainSerializer(utc, when_used="json-unless-none")]


class AlertEvent(BaseModel):
    """The start or the end of an activity, as every sink is told of it.

    The two share their `id`. If the same film is watched twice by the same model, its activities
    have the same ids.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, serialize_by_alias=True
    )

    schema_: Literal["har-monitor.alert.v2"] = Field(SCHEMA, alias="schema")
    id: str = Field(description="UUID of the activity, version 5")
    event: Literal["start", "end"]
    camera: str
    region: str | None = Field(None, description="null: the whole picture")
    label: str
    score: Score = Field(description="smoothed score of the label at this event")
    peak_score: Score = Field(description="highest smoothed score so far")
    box: Annotated[PictureBox, _rounded_all(4)] | None = Field(
        None,
        description="where in the camera's picture the score was highest: left, top, right and "
        "bottom in fractions of it; null: the model does not say, or it was all that is watched",
    )
    threshold: Score | None = Field(
        None, description="smoothed score that starts an activity of this label"
    )
    peak_s: Seconds | None = Field(
        None, description="end of the window with the highest score; likewise as start_s"
    )
    trace: tuple[tuple[Seconds, Score], ...] = Field(
        (),
        max_length=TRACE_MAX,
        description="the smoothed scores so far, from some windows before the activity on: seconds "
        "from start_s to a window's end, and the score; in a long activity the highest of several",
    )
    time: Moment = Field(description="UTC, when the alert was made")
    start_time: Moment | None = Field(None, description="UTC; null for a file")
    end_time: Moment | None = Field(
        None, description="UTC; null at a start, for a file, and after a kill"
    )
    start_s: Seconds = Field(description="seconds since the camera's first frame")
    end_s: Seconds | None = Field(None, description="likewise; null at a start and after a kill")
    decided_s: Seconds = Field(description="likewise; end of the window that decided this event")
    reason: EndReason | None = Field(None, description="why it ended; null at a start")
    window_s: Seconds = Field(description="seconds that a window of the model spans")
    model: str = Field(description="sha256 of the model file")
    model_name: str = Field(description="name of the model in its metadata")
    shadow: bool = Field(
        False, description="true: of a model that is tried out beside the camera's own"
    )
    latency_ms: Annotated[float, _rounded(1)] | None = Field(
        None,
        description="from the arrival of the deciding frame to this alert; null after a kill, and "
        "of an archive",
    )
    shard: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="I/N, of --shard; not there without",
    )
    epoch: int | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="of the shard's lease, which counts up whenever a process takes it; likewise",
    )

    @property
    def title(self) -> str:
        """What is shown of it beside its camera."""
        return f"{self.region}: {self.label}" if self.region else self.label

    def after_a_kill(self, now: datetime) -> AlertEvent:
        """The end of this start, of which nobody knows when it was."""
        ended: dict[str, Any] = {
            "event": "end", "time": now, "reason": EndReason.MONITOR_DIED, "latency_ms": None
        }  # fmt: skip
        return self.model_copy(update=ended)


@dataclass(frozen=True)
class AlertMaker:
    """Makes the alerts of one model."""

    model: str  # sha256
    model_name: str
    window_s: float
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    shadow: bool = False  # it is tried out beside the camera's own

    def make(self, activity: Activity) -> AlertEvent:
        """What is told of an activity that starts, or ends, just now."""
        now = self.now()
        passed_s = self.clock() - activity.arrived_s  # since the frame that decided it
        decided = now - timedelta(seconds=passed_s)

        def world(time_s: float | None) -> datetime | None:
            """When that was in the world; a file's seconds tell nothing of it."""
            if time_s is None or not activity.live:
                return None
            return decided - timedelta(seconds=activity.decided_s - time_s)

        return AlertEvent(
            id=activity.id,
            event="start" if activity.end_s is None else "end",
            camera=activity.camera,
            region=activity.region or None,
            label=activity.label,
            score=activity.score,
            peak_score=activity.peak_score,
            box=activity.box,
            threshold=activity.threshold,
            peak_s=activity.peak_s,
            trace=tuple((at_s - activity.start_s, score) for at_s, score in activity.trace),
            time=now,
            start_time=world(activity.start_s),
            end_time=world(activity.end_s),
            start_s=activity.start_s,
            end_s=activity.end_s,
            decided_s=activity.decided_s,
            reason=activity.reason,
            window_s=self.window_s,
            model=self.model,
            model_name=self.model_name,
            shadow=self.shadow,
            latency_ms=passed_s * 1000,
        )
