"""What was measured, as it is kept: a line for each run."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from benchmarks.machine import Machine
from benchmarks.performance.plan import ProgramName
from benchmarks.results import Facts, Result

IN_TIME = 0.9  # share of streams and windows from which on a program keeps up
TOO_MUCH = ("busy", "overload")  # why har-monitor drops windows that it has no time for


class Origin(Facts):
    """What a result depends on; another machine or other code makes it stale."""

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
    read: float | None  # share of the stream that it read in time; None: it does not say
    windows_per_s: float | None  # of a camera, classified
    windows: int  # of all cameras, classified
    dropped: dict[str, int]  # windows by cause, of all cameras, as far as it says

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
    others_share: float  # of all cores, used by processes that have nothing to do with it
    stolen_share: float  # of all cores, taken by the host

    def of(self, program: str) -> Usage | None:
        """One program's."""
        return next((usage for usage in self.usages if usage.program == program), None)


class LatencyResult(JobResult):
    """From pictures in the socket to the lines that they decided."""

    what: Literal["latency"] = "latency"
    stream: str
    program: ProgramName
    cameras: int
    seconds: float
    latencies_ms: tuple[float, ...]
    estimated: int  # of these, lines whose deciding picture is known but for one or two
    usage: Usage
    server_ms: float
    others_share: float
    stolen_share: float


class StartResult(JobResult):
    """From the start of a program to its first classified window."""

    what: Literal["start"] = "start"
    clip: str
    starts_s: dict[ProgramName, tuple[float, ...]]


class WindowCost(Facts):
    """CPU time of one window of a network on one thread."""

    network: str
    tf2onnx_ms: float
    fused_ms: float  # by the engine of har-export


class InferenceResult(JobResult):
    """Every network's."""

    what: Literal["inference"] = "inference"
    costs: tuple[WindowCost, ...]


Measured = TogetherResult | LatencyResult | StartResult | InferenceResult
MEASURED: TypeAdapter[Measured] = TypeAdapter(Annotated[Measured, Field(discriminator="what")])
