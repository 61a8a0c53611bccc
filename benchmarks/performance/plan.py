"""What is measured, as benchmarks/performance/plan.yaml declares it, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchmarks.streams import FILMS, Codec, Rate, Stream
from monitor.config.yaml_file import load
from monitor.errors import ConfigError

ProgramName = Literal[
    "tutorial", "keras", "opencv", "opencv-grab", "ffmpeg-pipes", "decode", "har-monitor"
]
Network = Literal["shipped", "paper"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]  # part of a job's name
Count = Annotated[int, Field(ge=1, le=256)]
Seconds = Annotated[float, Field(gt=0, le=600)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StreamOptions(_Options):
    """One camera's stream."""

    name: Name
    film: str
    width: int = Field(ge=64, le=7680)
    height: int = Field(ge=64, le=4320)
    fps: int = Field(ge=10, le=60)
    codec: Codec
    rate: Rate
    kbps: int = Field(ge=50, le=50_000)

    @model_validator(mode="after")
    def _has_a_film(self) -> Self:
        if self.film not in FILMS:
            raise ValueError(f"no film {self.film}; films here: {', '.join(FILMS)}")
        return self


class Comparison(_Options):
    """Programs that watch the same stream at the same time."""

    name: Name
    stream: Name
    network: Network = "shipped"
    programs: tuple[ProgramName, ...] = Field(min_length=1)
    cameras: Count = 1  # of each program
    seconds: Seconds
    warm: Seconds = 4  # seconds before; the first window is full after two seconds


class Scaling(_Options):
    """One program at a time, with more and more cameras."""

    name: Name
    stream: Name
    programs: tuple[ProgramName, ...] = Field(min_length=1)
    cameras: tuple[Count, ...] = Field(min_length=1)
    seconds: Seconds
    warm: Seconds = 4  # seconds before; the first window is full after two seconds


class LatencyOptions(_Options):
    """The latency of one program, with more and more cameras."""

    name: Name
    stream: Name
    program: Literal["har-monitor", "opencv"]
    cameras: tuple[Count, ...] = Field(min_length=1)
    seconds: Seconds
    warm: Seconds = 4  # seconds before; the first window is full after two seconds


class StartOptions(_Options):
    """How fast programs start on a file of the project or of a stream."""

    name: Name
    file: Path | None = None
    stream: Name | None = None
    programs: tuple[ProgramName, ...] = Field(min_length=1)
    runs: Count

    @model_validator(mode="after")
    def _has_one_file(self) -> Self:
        if (self.file is None) == (self.stream is None):
            raise ValueError("either file or stream is needed")
        return self


class InferenceOptions(_Options):
    """What one window of every network costs by itself."""

    name: Name
    rounds: Count


class Declared(_Options):
    """The whole file."""

    streams: tuple[StreamOptions, ...] = Field(min_length=1)
    comparisons: tuple[Comparison, ...] = ()
    scaling: tuple[Scaling, ...] = ()
    latency: tuple[LatencyOptions, ...] = ()
    start: tuple[StartOptions, ...] = ()
    inference: InferenceOptions | None = None

    def stream(self, name: str) -> Stream:
        """The stream of that name."""
        found = next(stream for stream in self.streams if stream.name == name)
        return Stream(**found.model_dump())

    @model_validator(mode="after")
    def _names_hold(self) -> Self:
        names = [stream.name for stream in self.streams]
        for job in jobs_of(self):
            name = job.stream
            if name is not None and name not in names:
                raise ValueError(f"no stream {name}; streams here: {', '.join(names)}")
        jobs = [job.name for job in jobs_of(self)]
        for name in jobs:
            if jobs.count(name) > 1:
                raise ValueError(f"{name} is measured twice")
        return self


@dataclass(frozen=True)
class Together:
    """Programs that run at the same time, each with its cameras."""

    name: str  # of the job
    stream: str
    network: Network
    programs: tuple[ProgramName, ...]
    cameras: int
    seconds: float
    warm_s: float
    series: str = ""  # of a scaling: a program that cannot keep up gets no more cameras


@dataclass(frozen=True)
class Latency:
    """A program whose latency is measured."""

    name: str
    stream: str
    program: Literal["har-monitor", "opencv"]
    cameras: int
    seconds: float
    warm_s: float


@dataclass(frozen=True)
class Start:
    """Programs that are started in turn."""

    name: str
    clip: Path | None  # a file of the project
    stream: str | None
    programs: tuple[ProgramName, ...]
    runs: int


@dataclass(frozen=True)
class Inference:
    """Windows by themselves, with each engine."""

    name: str
    rounds: int
    stream: None = None


Job = Together | Latency | Start | Inference


def jobs_of(declared: Declared) -> Iterator[Job]:
    """Everything that is measured, short and important jobs first."""
    for one in declared.comparisons:
        yield Together(
            f"together-{one.name}", one.stream, one.network, one.programs, one.cameras,
            one.seconds, one.warm,
        )  # fmt: skip
    if declared.inference is not None:
        yield Inference(f"inference-{declared.inference.name}", declared.inference.rounds)
    for start in declared.start:
        name = f"start-{start.name}"
        yield Start(name, start.file, start.stream, start.programs, start.runs)
    for latency in declared.latency:
        for count in latency.cameras:
            name = f"latency-{latency.name}-{latency.program}-{count}"
            yield Latency(
                name, latency.stream, latency.program, count, latency.seconds, latency.warm
            )
    for scaling in declared.scaling:
        for program in scaling.programs:
            for count in scaling.cameras:
                series = f"scaling-{scaling.name}-{program}"
                yield Together(
                    f"{series}-{count}", scaling.stream, "shipped", (program,), count,
                    scaling.seconds, scaling.warm, series,
                )  # fmt: skip


def read_plan(path: Path) -> Declared:
    """What the file `path` declares; ConfigError if it has a fault."""
    declared = load(path, Declared)
    for start in declared.start:
        if start.file is not None and not (path.parents[2] / start.file).is_file():
            raise ConfigError(f"{path}: start {start.name}: no file {start.file}")
    return declared
