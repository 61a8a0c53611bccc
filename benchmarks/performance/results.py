"""What is kept of each job."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from benchmarks.machine import Machine
from benchmarks.performance.plan import ProgramName
from benchmarks.results import Facts, Result

IN_TIME = 0.9  # a program keeps up with at least this share of its streams and windows
TOO_MUCH = ("busy", "overload")  # reasons for dropped windows if there is no time


class Origin(Facts):
    """What a result depends on; it is stale on another machine or with other code."""

    key: str  # of the settings, the stream, har-monitor's code and the peers'
    machine: Machine
    date: str  # UTC
    version: str  # of har-monitor


class Usage(Facts):
    """What one program needed."""

    program: ProgramName
    cameras: int
    cpu_ms: float  # per camera and second
    memory_mib: float
    read: float | None  # share of the stream that was read in time; None: it does not say
    windows_per_s: float | None  # classified windows of one camera
    windows: int  # classified windows of all cameras
    dropped: dict[str, int]  # windows of all cameras by reason, as far as it says

    @property
    def in_time(self) -> bool:
        """Whether it kept up with its streams, as far as it says."""
        lost = sum(self.dropped.get(cause, 0) for cause in TOO_MUCH)
        late = lost / (lost + self.windows) if lost else 0.0
        return (self.read is None or self.read >= IN_TIME) and late <= 1 - IN_TIME


class JobResult(Result):
    """What a job measured."""

    what: str
    name: str  # of the job
    origin: Origin

    @property
    def key(self) -> str:
        """The name of the job."""
        return self.name


class TogetherResult(JobResult):
    """Programs that ran at the same time."""

    what: Literal["together"] = "together"
    stream: str
    network: str
    seconds: float
    usages: tuple[Usage, ...]
    server_ms: float  # CPU of the RTSP server, per stream and second
    others_share: float  # of all cores, used by other processes
    stolen_share: float  # of all cores, taken by the host

    def of(self, program: str) -> Usage | None:
        """What one program needed."""
        return next((usage for usage in self.usages if usage.program == program), None)


class LatencyResult(JobResult):
    """Latencies from frames in the socket to the lines that they decided."""

    what: Literal["latency"] = "latency"
    stream: str
    program: ProgramName
    cameras: int
    seconds: float
    latencies_ms: tuple[float, ...]
    usage: Usage
    server_ms: float
    others_share: float
    stolen_share: float


class StartResult(JobResult):
    """Times from the start of a program to its first classified window."""

    what: Literal["start"] = "start"
    clip: str
    starts_s: dict[ProgramName, tuple[float, ...]]


class WindowCost(Facts):
    """CPU time of one window of a network on one thread."""

    network: str
    tf2onnx_ms: float
    fused_ms: float  # by the engine of har-export


class InferenceResult(JobResult):
    """What a window of every network costs."""

    what: Literal["inference"] = "inference"
    costs: tuple[WindowCost, ...]


Measured = TogetherResult | LatencyResult | StartResult | InferenceResult
MEASURED: TypeAdapter[Measured] = TypeAdapter(Annotated[Measured, Field(discriminator="what")])
