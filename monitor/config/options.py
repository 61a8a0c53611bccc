"""Every option of the monitor, with its default and its limits: the one place for them."""

import math
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from monitor.config.base import Options
from monitor.config.cluster import ClusterOptions
from monitor.config.notifications import NotifyOptions
from monitor.config.outputs import (
    DEFAULT_STORE,
    AlertLogOptions,
    ConsoleOptions,
    EvidenceOptions,
    MetricsOptions,
    SinkOptions,
    StoreOptions,
    WebOptions,
)
from monitor.config.shard import ShardShare
from monitor.errors import ConfigError
from monitor.names import Label, Name
from monitor.paths import STDOUT, Place
from monitor.recognition.metadata import ModelMetadata, RuleDefaults, Seconds, Share
from monitor.recognition.shipped import model_path
from monitor.recognition.tracker import Rules
from monitor.sources.address import Address, parse_address
from monitor.sources.source import Transport
from monitor.sources.timeline import TimestampMode
from monitor.states import Pace
from monitor.windows.clip import ClipSpec
from monitor.windows.region import Point, Region, area, crosses_itself

Limit = Annotated[float, Field(ge=0.1, le=120)]
Device = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,32}$")]

MIN_SIDE = 0.03  # of the picture: 58 pixels of 1920, no more than the model's 64
MAX_CORNERS = 32


def _box(sides: tuple[float, ...]) -> tuple[float, ...]:
    if len(sides) != 4:
        raise ValueError(f"4 fractions needed: left, top, right, bottom; found {len(sides)}")
    _check_sides(*sides)
    return sides


def _polygon(corners: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    if not 3 <= len(corners) <= MAX_CORNERS:
        raise ValueError(f"3 to {MAX_CORNERS} corners needed, found {len(corners)}")
    for corner in corners:
        if len(corner) != 2:
            raise ValueError(f"a corner is [x, y], found {list(corner)}")
    outline = Region("", _points(corners))
    _check_sides(*outline.bounds)
    if crosses_itself(outline.corners):
        raise ValueError("its outline crosses itself")
    if area(outline.corners) < MIN_SIDE**2:
        raise ValueError(f"covers less than {MIN_SIDE**2:g} of the picture")
    return corners


def _points(polygon: tuple[tuple[float, ...], ...]) -> tuple[Point, ...]:
    return tuple((x, y) for x, y in polygon)


def _check_sides(left: float, top: float, right: float, bottom: float) -> None:
    for low, high, sides in ((left, right, "left and right"), (top, bottom, "top and bottom")):
        if round(high - low, 9) < MIN_SIDE:
            raise ValueError(f"{sides} must be {MIN_SIDE:g} apart, found {low:g} and {high:g}")


def _repeated(names: Iterable[str]) -> str | None:
    """The first name that comes twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


class RegionOptions(Options):
    """A part of a camera's picture that is watched for itself."""

    name: Name
    # Fractions of the picture's width and height, from its left and top; one of the two.
    box: Annotated[tuple[Share, ...], AfterValidator(_box)] | None = None
    polygon: Annotated[tuple[tuple[Share, ...], ...], AfterValidator(_polygon)] | None = None

    @model_validator(mode="after")
    def _has_one_outline(self) -> "RegionOptions":
        if (self.box is None) == (self.polygon is None):
            raise ValueError("either box or polygon is needed")
        return self

    @property
    def region(self) -> Region:
        """Where it lies."""
        if self.box is not None:
            return Region.box(self.name, *self.box)
        assert self.polygon is not None
        return Region(self.name, _points(self.polygon))


class StreamOptions(Options):
    """How network streams and webcams are reached, and reached again."""

    transport: Transport = "auto"  # of RTSP
    # What places frames in time: the stream's timestamps unless they fail, always, or the arrival.
    clock: TimestampMode = "auto"
    ca_file: Place | None = None  # certificate authorities for rtsps, https and rtmps
    open_timeout_s: Limit = 5.0  # for a connection to be made
    read_timeout_s: Limit = 5.0  # a stream that gives nothing for this long is lost
    retry_min_s: Limit = 0.5  # first pause before connecting again; it doubles up to the last
    retry_max_s: Limit = 4.0  # longest pause

    @property
    def call_timeout_s(self) -> float:
        """Seconds that a single call may take."""
        return max(self.open_timeout_s, self.read_timeout_s)

    @model_validator(mode="after")
    def _pauses_grow(self) -> "StreamOptions":
        if self.retry_max_s < self.retry_min_s:
            raise ValueError(f"retry_max_s {self.retry_max_s:g} is below retry_min_s")
        return self


class WindowOptions(Options):
    """How windows are cut from a camera's frames."""

    stride: int = Field(5, ge=1, le=1000)  # sampled frames from one window to the next
    max_gap_s: Limit = 1.0  # a longer pause between frames starts the window afresh
    min_fps_share: Share = 0.8  # of the model's rate: slower windows are not classified
    quality: bool = True  # nor are those of pictures that are black, blank, still or blurred
    motion: bool = True  # nor those in which less moves than in any activity of the model

    def min_fps(self, spec: ClipSpec) -> float:
        """Frames a second below which a window is not classified."""
        return self.min_fps_share * spec.fps

    def min_motion(self, metadata: ModelMetadata) -> float:
        """Grey levels of motion below which a window is not classified; 0 if all are."""
        own = metadata.motion
        return own.least if self.motion and own is not None else 0.0


class ActivityOptions(Options):
    """How scores become activities."""

    threshold: Share | None = None  # for every label; null: the model's own
    thresholds: dict[Label, Share] = Field(default_factory=dict)  # for single labels
    hysteresis: Share | None = None  # an activity is left so far below; null: the model's own
    smoothing_s: Seconds | None = None  # time constant of the scores; null: the model's own
    min_s: Seconds | None = None  # at its threshold before it starts; null: the model's own
    hold_s: Seconds = 2.0  # below its threshold before an activity ends
    cooldown_s: Seconds = 5.0  # after its end, in which a label does not start again
    # Windows too unlike the training clips to be named are not classified. Off: the model card says
    # what this costs and what it saves.
    unknown: bool = False

    def novelty_limit(self, metadata: ModelMetadata) -> float:
        """The novelty above which a window is unknown; infinite if none is."""
        own = metadata.unknown
        return own.threshold if self.unknown and own is not None else math.inf

    def rules(self, metadata: ModelMetadata) -> Rules:
        """The rules for a model's labels; ConfigError for a label that it does not have."""
        for label in self.thresholds:
            if label not in metadata.alert_labels:
                kind = "a background label" if label in metadata.background else "unknown"
                raise ConfigError(
                    f"activity.thresholds: label {label} is {kind}; "
                    f"labels of {metadata.name} that alert: {', '.join(metadata.alert_labels)}"
                )
        thresholds = {
            label: metadata.thresholds[label] if self.threshold is None else self.threshold
            for label in metadata.alert_labels
        } | self.thresholds
        own = metadata.tuning or RuleDefaults()
        return Rules(
            thresholds,
            own.hysteresis if self.hysteresis is None else self.hysteresis,
            own.smoothing_s if self.smoothing_s is None else self.smoothing_s,
            own.min_s if self.min_s is None else self.min_s,
            self.hold_s,
            self.cooldown_s,
        )


class DecodeOptions(Options):
    """What is decoded of streams and files."""

    # Pictures that nobody looks at do without the codec's smoothing of block borders.
    loop_filter: bool = False
    idle: bool = True  # of a scene that is still only key frames are decoded, until it moves
    idle_max_delay_s: Limit = 2.5  # longest pause between key frames that this is done with
    hardware: Device | None = None  # FFmpeg's name of what decodes, such as vaapi; null: the cores


ModelFile = Annotated[Place, BeforeValidator(model_path)]


class CameraDefaults(Options):
    """What a camera is watched with; under `defaults`, what all have that say nothing else."""

    model: ModelFile | None = None  # of the package by its name, or a file; null: fight
    # A model that is tried out beside it: what it finds is recorded, never raised; null: none.
    shadow: ModelFile | None = None
    windows: WindowOptions = WindowOptions()
    activity: ActivityOptions = ActivityOptions()
    stream: StreamOptions = StreamOptions()
    decode: DecodeOptions = DecodeOptions()
    zone: Name | None = None  # with --cluster: only nodes that say zone:NAME reach it


class CameraOptions(CameraDefaults):
    """One camera."""

    name: Name
    source: str = Field(repr=False)  # may hold a password
    regions: tuple[RegionOptions, ...] = ()  # none: the whole picture is one

    @field_validator("regions")
    @classmethod
    def _regions_differ(cls, value: tuple[RegionOptions, ...]) -> tuple[RegionOptions, ...]:
        if (name := _repeated(region.name for region in value)) is not None:
            raise ValueError(f"two regions are named {name}")
        return value

    @field_validator("source", mode="before")
    @classmethod
    def _number_is_a_webcam(cls, value: object) -> object:
        return str(value) if type(value) is int else value

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, value: str, info: ValidationInfo) -> str:
        try:
            address = parse_address(value, info.context or "")
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return address.target if address.kind == "file" else value

    @cached_property
    def address(self) -> Address:
        """Where its frames come from; settled once, for what is a file now may be deleted later."""
        return parse_address(self.source)

    @property
    def region_shapes(self) -> tuple[Region, ...]:
        """Where its regions lie; empty if the whole picture is watched."""
        return tuple(region.region for region in self.regions)


class InferenceOptions(Options):
    """What runs the model."""

    provider: Device = "cpu"  # ONNX Runtime's execution provider, such as cuda or openvino


def _values(options: object) -> object:
    """What was given, and not what is by default."""
    return options.model_dump(exclude_unset=True) if isinstance(options, Options) else options


def merged(under: object, over: object) -> object:
    """`under`, completed and overridden by `over`; dictionaries within them likewise."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: merged(under.get(key), value) for key, value in over.items()}


class MonitorOptions(Options):
    """The whole configuration of har-monitor."""

    defaults: CameraDefaults = CameraDefaults()  # before the cameras: its faults are told first
    cameras: tuple[CameraOptions, ...] = ()
    display: bool | None = None  # a window; null: where there is a display
    save_video: Place | None = None  # MP4 file with captions; several cameras: FILE-camera.mp4
    health: Place | None = None  # file that says every second how each camera does
    realtime: bool = False  # play files at their own speed, as if they were cameras
    web: WebOptions | None = None  # the page; null: none, and nothing listens
    metrics: MetricsOptions | None = None  # for Prometheus; null: none, and nothing listens
    notify: NotifyOptions | None = None  # who is told of events; null: nobody
    inference: InferenceOptions = InferenceOptions()
    # Processes that share the cameras; auto: one for a core and 25, or two cores if they are few.
    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = "auto"
    cluster: ClusterOptions | None = None  # how --cluster shares the cameras out; null: it must not
    sinks: tuple[SinkOptions, ...] = (AlertLogOptions(), ConsoleOptions())

    _share: ShardShare | None = PrivateAttr(None)  # that `cameras` are of all that the file names

    @model_validator(mode="before")
    @classmethod
    def _complete_cameras(cls, values: object) -> object:
        if isinstance(values, dict):
            defaults, cameras = _values(values.get("defaults", {})), values.get("cameras", ())
            if isinstance(defaults, dict) and isinstance(cameras, list | tuple):
                completed = [merged(defaults, _values(camera)) for camera in cameras]
                return values | {"cameras": completed}
        return values

    @model_validator(mode="after")
    def _names_differ(self) -> "MonitorOptions":
        if (name := _repeated(camera.name for camera in self.cameras)) is not None:
            raise ValueError(f"two cameras are named {name}")
        return self

    @model_validator(mode="after")
    def _one_of_a_kind(self) -> "MonitorOptions":
        types = [sink.type for sink in self.sinks]
        for kind in ("evidence", "store"):
            if (count := types.count(kind)) > 1:
                raise ValueError(f"sinks: {count} of type {kind}; allowed: 1")
        return self

    @model_validator(mode="after")
    def _rules_name_what_is_watched(self) -> "MonitorOptions":
        rules = () if self.notify is None else self.notify.rules
        cameras = {camera.name: camera for camera in self.cameras}
        for rule in rules:
            for name in rule.cameras:
                if name not in cameras:
                    allowed = ", ".join(cameras) or "none"
                    raise ValueError(f"notify: no camera is named {name}; cameras: {allowed}")
            watched = [cameras[name] for name in rule.cameras] or self.cameras
            known = dict.fromkeys(region.name for camera in watched for region in camera.regions)
            for name in rule.regions:
                if name not in known:
                    allowed = ", ".join(known) or "none"
                    raise ValueError(f"notify: no region is named {name}; regions: {allowed}")
        return self

    @model_validator(mode="after")
    def _shadows_are_recorded(self) -> "MonitorOptions":
        if self.shadows and not (self.log_file or self.store):
            raise ValueError(
                f"camera {self.shadows[0].name}: what its shadow finds would be lost; "
                "an alert log in a file or an event store is needed"
            )
        return self

    @property
    def shadows(self) -> tuple[CameraOptions, ...]:
        """The cameras with a model that is tried out."""
        return tuple(camera for camera in self.cameras if camera.shadow is not None)

    def pace(self, camera: CameraOptions) -> Pace:
        """What sets the speed at which a camera is read."""
        if camera.address.live:
            return Pace.CAMERA
        return Pace.REALTIME if self.realtime else Pace.FILE

    @property
    def logs(self) -> tuple[AlertLogOptions, ...]:
        """The alert logs among the sinks."""
        return tuple(sink for sink in self.sinks if isinstance(sink, AlertLogOptions))

    @property
    def log_file(self) -> AlertLogOptions | None:
        """The first of them that is a file: reviews and shadows are written beside it."""
        return next((log for log in self.logs if log.path != STDOUT), None)

    @property
    def log_path(self) -> Path | None:
        """Where that is."""
        return None if self.log_file is None else self.log_file.path

    @property
    def store(self) -> StoreOptions | None:
        """The event store among the sinks."""
        return next((sink for sink in self.sinks if isinstance(sink, StoreOptions)), None)

    @property
    def evidence(self) -> EvidenceOptions | None:
        """The evidence sink among the sinks."""
        return next((sink for sink in self.sinks if isinstance(sink, EvidenceOptions)), None)

    @property
    def share(self) -> ShardShare | None:
        """The share that `of_shard` left of the cameras; None: all of them are left."""
        return self._share

    def with_needed_sinks(self) -> "MonitorOptions":
        """With `web` or `notify`, an event store is kept, beside the alert log if not named.

        With `web`, evidence is, too.
        """
        folder = Path() if self.log_path is None else self.log_path.parent
        added: list[SinkOptions] = []
        if self.store is None and not (self.web is None and self.notify is None):
            added.append(StoreOptions(url=str(folder / DEFAULT_STORE)))
        if self.evidence is None and self.web is not None:
            added.append(EvidenceOptions(folder=folder / "evidence"))
        return self.model_copy(update={"sinks": (*self.sinks, *added)})
