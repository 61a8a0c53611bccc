"""How the monitor does, in a file that supervisors and `har-monitor --status` read."""

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from monitor import __version__
from monitor.atomic import write_private
from monitor.errors import MonitorError
from monitor.health.status import CameraSnapshot
from monitor.paths import describe_os_error
from monitor.records import LeaseStatus, SinkStatus
from monitor.states import NOTHING_MOVES, CameraState, LeaseState

STALE_S = 10.0  # a monitor that has written nothing for so long is stuck, or gone
_MOST_BYTES = 1 << 24

Count = Annotated[int, Field(ge=0, le=10**15)]  # sums of more could not even be shown


class _Facts(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class ShadowHealth(_Facts):
    """A model that is tried out beside a camera's own."""

    windows: Count = 0
    dropped: dict[str, Count] = {}  # windows that were not classified, by cause
    alerts: Count = 0  # that it would have raised
    latency_ms: float | None = None


class CameraHealth(_Facts):
    """One camera."""

    name: str
    source: str  # without credentials
    state: CameraState
    cause: str = ""  # why it is not watched
    fault: str = ""  # why none of its windows is classified
    watched: bool  # or, of a file, watched to its end
    blind: bool = False  # it is watched, but for some time nothing of it could be classified
    fps: float | None = None
    frames: Count = 0
    passed_over: Count = 0  # of these frames: not decoded
    windows: Count = 0
    dropped: dict[str, Count] = {}  # windows that were not classified, by cause
    reconnects: Count = 0
    alerts: Count = 0
    stretch: float = 1.0  # what the stride is multiplied by, under load
    latency_ms: float | None = None
    shadow: ShadowHealth | None = None

    @property
    def missed(self) -> int:
        """Windows that were not classified though something may have happened in them."""
        return sum(count for reason, count in self.dropped.items() if reason not in NOTHING_MOVES)


class SinkHealth(_Facts):
    """One place where alerts go."""

    name: str
    waiting: Count = 0  # alerts that it has not written yet
    retried: Count = 0  # times that it was given an alert again
    lost: Count = 0  # alerts that it never will


class LeaseHealth(_Facts):
    """The lease under which a shard of a site is watched."""

    shard: str  # I/N
    state: LeaseState
    epoch: int | None = None  # of whoever has it
    by: str = ""  # who has it, if that is another

    @property
    def summary(self) -> str:
        """It in a few words."""
        match self.state:
            case LeaseState.HELD:
                return f"shard {self.shard}, epoch {self.epoch}"
            case LeaseState.STANDBY:
                return f"stands by for shard {self.shard}: {self.by} holds it, epoch {self.epoch}"
            case LeaseState.UNKNOWN:
                return f"shard {self.shard}: the lease is not sure, nothing is written"


class Health(_Facts):
    """The whole monitor."""

    schema_: Literal["har-monitor.health.v1"] = Field("har-monitor.health.v1", alias="schema")
    version: str
    pid: int
    time: str  # UTC
    monotonic_s: float  # of the machine's clock that is never set
    alerts_waiting: Count = 0  # alerts that could not be written yet, of all sinks
    alerts_lost: Count = 0  # alerts that never will be
    sinks: tuple[SinkHealth, ...] = ()
    cameras: tuple[CameraHealth, ...]
    lease: LeaseHealth | None = None  # of --shard

    @property
    def ok(self) -> bool:
        """Whether every camera is watched and classified, and every alert written.

        Of a process that stands by, whether another watches them.
        """
        if self.lease is not None and self.lease.state != LeaseState.HELD:
            return self.lease.state == LeaseState.STANDBY
        return all(one.watched and not one.blind for one in self.cameras) and not (
            self.alerts_waiting or self.alerts_lost
        )

    @property
    def summary(self) -> str:
        """The same in a line."""
        watched = sum(camera.watched for camera in self.cameras)
        text = f"{watched} of {len(self.cameras)} cameras watched"
        if self.lease is not None:
            text = f"{self.lease.summary}; {text}"
        blind = sum(camera.blind for camera in self.cameras)
        for count, what in (
            (blind, "of them not classified"),
            (self.alerts_waiting, "alert lines wait to be written"),
            (self.alerts_lost, "alert lines lost"),
        ):
            text += f"; {count} {what}" if count else ""
        return text


def examine(
    cameras: Sequence[CameraSnapshot],
    sinks: Sequence[SinkStatus],
    lease: LeaseStatus | None = None,
) -> Health:
    """How all of it does just now."""
    return Health(
        version=__version__,
        pid=os.getpid(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        monotonic_s=time.monotonic(),
        alerts_waiting=sum(sink.waiting for sink in sinks),
        alerts_lost=sum(sink.lost for sink in sinks),
        sinks=tuple(SinkHealth(**sink._asdict()) for sink in sinks),
        cameras=tuple(_camera(camera) for camera in cameras),
        lease=None
        if lease is None
        else LeaseHealth(shard=lease.name, state=lease.state, epoch=lease.epoch, by=lease.by),
    )


def _camera(camera: CameraSnapshot) -> CameraHealth:
    tried = camera.shadow
    return CameraHealth(
        name=camera.name,
        source=camera.source,
        state=camera.state,
        cause=camera.cause,
        fault=camera.fault,
        watched=camera.watched or camera.state == CameraState.ENDED,
        blind=camera.blind_s > 0,
        fps=None if camera.fps is None else round(camera.fps, 2),
        frames=camera.frames,
        passed_over=camera.passed_over,
        windows=camera.windows,
        dropped=dict(camera.dropped),
        reconnects=camera.reconnects,
        alerts=camera.alerts,
        stretch=round(camera.stretch, 2),
        latency_ms=_rounded(camera.latency_ms),
        shadow=None
        if tried is None
        else ShadowHealth(
            windows=tried.windows,
            dropped=dict(tried.dropped),
            alerts=tried.alerts,
            latency_ms=_rounded(tried.latency_ms),
        ),
    )


def _rounded(latency_ms: float | None) -> float | None:
    return None if latency_ms is None else round(latency_ms, 1)


def write_health(path: Path, health: Health) -> None:
    """Put it into the file at once, for its owner only; MonitorError if that fails."""
    write_private(path, health.model_dump_json(by_alias=True, indent=1) + "\n")


def read_health(path: Path) -> Health:
    """What a running monitor wrote last; MonitorError if there is none, or it is stuck."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError
        with path.open("rb") as file:
            health = Health.model_validate(json.loads(file.read(_MOST_BYTES)))
    except OSError as error:
        raise MonitorError(describe_os_error(f"health {path}", error)) from None
    except (ValidationError, ValueError, RecursionError):
        raise MonitorError(f"health {path}: not a health file of har-monitor") from None
    age_s = time.monotonic() - health.monotonic_s
    if not 0 <= age_s < STALE_S:
        since = f"for {age_s:.0f} s" if age_s > 0 else "since this machine started"
        raise MonitorError(f"health {path}: nothing was written {since}; it is not at work")
    return health
