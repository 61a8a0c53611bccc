"""Every option of the monitor, with its default and its limits: the one place for them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from monitor.activity import Rules
from monitor.contract import Contract, Label, Share
from monitor.errors import ConfigError
from monitor.source.address import Address, parse_address

Seconds = Annotated[float, Field(ge=0, le=3600)]
Limit = Annotated[float, Field(ge=0.1, le=120)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Options(BaseModel):
    """Options that are all known by name and never change once they are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraOptions(Options):
    """One camera."""

    name: Name
    source: str = Field(repr=False)  # may hold a password

    @field_validator("source", mode="before")
    @classmethod
    def _number_is_a_webcam(cls, value: object) -> object:
        return str(value) if type(value) is int else value

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, value: str) -> str:
        try:
            parse_address(value)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return value

    @property
    def address(self) -> Address:
        """Where its frames come from."""
        return parse_address(self.source)


class WindowOptions(Options):
    """How windows are cut from a camera's frames."""

    stride: int = Field(5, ge=1, le=1000)  # sampled frames from one window to the next
    max_gap_s: Limit = 1.0  # a longer pause between frames starts the window afresh
    min_fps_share: Share = 0.8  # of the model's rate: slower windows are not classified


class ActivityOptions(Options):
    """How scores become activities."""

    threshold: Share | None = None  # for every label; null: the model's own
    thresholds: dict[Label, Share] = {}  # for single labels
    hysteresis: Share = 0.15
    smoothing_s: Seconds = 0.5
    min_s: Seconds = 0.5
    hold_s: Seconds = 2.0
    cooldown_s: Seconds = 5.0

    def rules(self, contract: Contract) -> Rules:
        """The rules for a model's labels; ConfigError for a label that it does not have."""
        for label in self.thresholds:
            if label not in contract.activities:
                kind = "a background label" if label in contract.background else "unknown"
                raise ConfigError(
                    f"activity.thresholds: label {label} is {kind}; "
                    f"labels that alert: {', '.join(contract.activities)}"
                )
        thresholds = {
            label: contract.thresholds[label] if self.threshold is None else self.threshold
            for label in contract.activities
        } | self.thresholds
        return Rules(
            thresholds,
            self.hysteresis,
            self.smoothing_s,
            self.min_s,
            self.hold_s,
            self.cooldown_s,
        )


class StreamOptions(Options):
    """How network streams and webcams are reached, and reached again."""

    transport: Literal["tcp", "udp"] = "tcp"  # of RTSP
    ca_file: Path | None = None  # certificate authorities for rtsps and https
    open_timeout_s: Limit = 5.0
    read_timeout_s: Limit = 5.0
    retry_min_s: Limit = 0.5  # first pause before connecting again; it doubles up to the last
    retry_max_s: Limit = 4.0

    @model_validator(mode="after")
    def _pauses_grow(self) -> "StreamOptions":
        if self.retry_max_s < self.retry_min_s:
            raise ValueError(f"retry_max_s {self.retry_max_s:g} is below retry_min_s")
        return self


class LogOptions(Options):
    """The alert log: JSON lines."""

    path: Path = Path("alerts.jsonl")  # "-" is standard output
    max_mib: float = Field(64, gt=0, le=65536)  # a larger file becomes PATH.1, that PATH.2, ...
    keep: int = Field(5, ge=1, le=1000)  # rotated files


class MonitorOptions(Options):
    """The whole configuration of har-monitor."""

    cameras: tuple[CameraOptions, ...] = ()
    model: Path | None = None  # null: the model in the package
    display: bool | None = None  # a window; null: where there is a display
    save_video: Path | None = None
    realtime: bool = False  # play files at their own speed, as if they were cameras
    windows: WindowOptions = WindowOptions()
    activity: ActivityOptions = ActivityOptions()
    stream: StreamOptions = StreamOptions()
    log: LogOptions = LogOptions()

    def is_live(self, camera: CameraOptions) -> bool:
        """Whether the newest frame of a camera counts, and not every one."""
        return self.realtime or camera.address.live

    @model_validator(mode="after")
    def _names_differ(self) -> "MonitorOptions":
        names = [camera.name for camera in self.cameras]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two cameras are named {name}")
        return self
