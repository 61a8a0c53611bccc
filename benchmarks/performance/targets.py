"""The targets of har-monitor, and what it reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.performance.latency import summary
from benchmarks.performance.results import (
    InferenceResult,
    LatencyResult,
    Measured,
    StartResult,
    TogetherResult,
)

OURS: Final = "har-monitor"
PAPER = "convlstm"  # the source paper's network
Results = Mapping[str, Measured]  # by the name of their job


@dataclass(frozen=True)
class Target:
    """A figure that is wanted, and the measured one."""

    what: str
    wanted: str
    found: str
    reached: bool | None  # None: not measured


def targets(results: Results) -> list[Target]:
    """All targets, in the order of the page."""
    idle, constant = "together-idle-1080p25-variable", "together-idle-1080p25-constant"
    first, further = memory(results, "scaling-idle-1080p25-variable-har-monitor")
    return [
        _at_most(
            "CPU of a busy 1080p25 H.264 camera, against OpenCV and tf2onnx",
            0.60, "x", cpu_ratio(results, "together-busy-1080p25", "opencv"),
        ),
        _at_most(
            "the same, inference included, against decoding alone",
            1.0, "x", cpu_ratio(results, "together-busy-1080p25", "decode"),
        ),
        _at_least(
            "cameras per core, mostly idle 1080p25, variable rate, against OpenCV and tf2onnx",
            6, "x", _inverse(cpu_ratio(results, idle, "opencv")),
        ),
        _at_least(
            "the same at a constant rate", 6, "x", _inverse(cpu_ratio(results, constant, "opencv"))
        ),
        _at_least(
            "the same at a variable rate, against an FFmpeg process for each camera",
            4, "x", _inverse(cpu_ratio(results, idle, "ffmpeg-pipes")),
        ),
        _at_least(
            "speed of a window of the paper's ConvLSTM, against tf2onnx",
            3, "x", window_ratio(results, PAPER),
        ),
        _at_most(
            "p95 from the frame in the socket to the alert line, 16 cameras 1080p25",
            150, " ms", latency_p95(results, "latency-fights-1080p25-har-monitor-16"),
        ),
        _at_most(
            "time from the start to the first classified window of a file",
            0.6, " s", start_s(results, "start-sample"),
        ),
        _at_most("memory of the first 1080p camera", 150, " MiB", first),
        _at_most("memory of each further 1080p camera", 15, " MiB", further),
    ]  # fmt: skip


def cpu_ratio(results: Results, name: str, against: str) -> float | None:
    """CPU of har-monitor divided by that of another program that watched beside it.

    None if har-monitor did not keep up, because it did less work then.
    """
    result = results.get(name)
    if not isinstance(result, TogetherResult):
        return None
    ours, theirs = result.of(OURS), result.of(against)
    if ours is None or theirs is None or not ours.in_time:
        return None
    return ours.cpu_ms / theirs.cpu_ms


def latency_p95(results: Results, name: str) -> float | None:
    """p95 of a latency, ms."""
    result = results.get(name)
    found = summary(result.latencies_ms) if isinstance(result, LatencyResult) else None
    return None if found is None else found[1]


def window_ratio(results: Results, network: str) -> float | None:
    """How many times as fast a window of a network is as with tf2onnx."""
    for result in results.values():
        for cost in result.costs if isinstance(result, InferenceResult) else ():
            if cost.network == network:
                return cost.tf2onnx_ms / cost.fused_ms
    return None


def start_s(results: Results, name: str) -> float | None:
    """The median start of har-monitor."""
    result = results.get(name)
    if not isinstance(result, StartResult):
        return None
    starts = sorted(result.starts_s.get(OURS, ()))
    return starts[len(starts) // 2] if starts else None


def memory(results: Results, series: str) -> tuple[float | None, float | None]:
    """MiB of the first camera and of each further one, in a scaling, as far as it kept up."""
    by_cameras = {
        usage.cameras: usage.memory_mib
        for name, result in results.items()
        if name.startswith(f"{series}-") and isinstance(result, TogetherResult)
        for usage in result.usages
        if usage.in_time
    }
    first, most = by_cameras.get(1), max(by_cameras, default=1)
    if first is None or most == 1:
        return first, None
    return first, (by_cameras[most] - first) / (most - 1)


def _inverse(ratio: float | None) -> float | None:
    return None if ratio is None else 1 / ratio


def _at_most(what: str, limit: float, unit: str, found: float | None) -> Target:
    reached = None if found is None else found <= limit
    return Target(what, f"at most {limit:g}{unit}", _text(found, unit), reached)


def _at_least(what: str, limit: float, unit: str, found: float | None) -> Target:
    reached = None if found is None else found >= limit
    return Target(what, f"at least {limit:g}{unit}", _text(found, unit), reached)


def _text(found: float | None, unit: str) -> str:
    if found is None:
        return "not measured"
    return f"{found:.0f}{unit}" if found >= 20 else f"{found:.2f}{unit}"
