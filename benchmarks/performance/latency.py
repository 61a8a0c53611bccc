"""Latency: from the frame that is handed to the socket to the line that it decides."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.performance.measure import Places, measure, usage, wait_until_watching
from benchmarks.performance.paced import PacedServer, paced_server
from benchmarks.performance.plan import Latency
from benchmarks.performance.programs import Line, told
from benchmarks.performance.results import LatencyResult, Origin
from benchmarks.performance.running import running
from benchmarks.streams import Stream

# The first window that shows a fight raises an alert, each time the fight is shown. Whatever a user
# waits beyond that is due to the rules that he chose.
QUICK_RULES = {
    "defaults": {
        "activity": {"threshold": 0.5, "min_s": 0, "smoothing_s": 0, "hold_s": 0, "cooldown_s": 0},
    },
    "sinks": [{"type": "log", "path": "-"}],
}
_ALERT = '{"schema"'


def run_latency(job: Latency, stream: Stream, places: Places, origin: Origin) -> LatencyResult:
    """Watch the streams of a paced server, and note the time of every line that is decided."""
    path = places.clip(stream)
    with paced_server(path, job.cameras) as server:
        sources = [server.url(client) for client in range(job.cameras)]
        task = places.task(job.program, sources, "shipped")
        task = replace(task, settings=QUICK_RULES, tell_windows=True)
        with running(job.program, task) as program:
            wait_until_watching(program, job.cameras)
            time.sleep(job.warm_s)
            began_s = time.monotonic()
            (cpu_ms,), share = measure([program], time.process_time, job.cameras, job.seconds)
            ended_s = time.monotonic()
            memory_mib = program.memory_mib
            program.check()
        lines = [line for line in program.lines if began_s <= line[0] <= ended_s]
        latencies = matched(job.program, lines, server)
        used = usage(program, stream.fps, job.cameras, cpu_ms, memory_mib)
    return LatencyResult(
        name=job.name,
        origin=origin,
        stream=stream.title,
        program=job.program,
        cameras=job.cameras,
        seconds=job.seconds,
        latencies_ms=tuple(round(latency, 1) for latency in latencies),
        usage=used,
        server_ms=share.server_ms,
        others_share=share.others_share,
        stolen_share=share.stolen_share,
    )


def matched(program: str, lines: Sequence[Line], server: PacedServer) -> list[float]:
    """The latency in ms of each line about a window, from the newest frame in it.

    Clients that came again are left out: what their windows count from is not known.
    """
    return [
        1000 * (at_s - server.sent[camera].at_s[frame])
        for at_s, camera, frame in _decided(program, lines, server.fps)
        if camera not in server.again
    ]


def _decided(program: str, lines: Sequence[Line], fps: float) -> Iterator[tuple[float, int, int]]:
    """When a line came, its camera, and the number of the frame that decided it."""
    for at_s, event in told(lines) if program != "har-monitor" else ():
        if event["event"] == "window":
            yield at_s, event["camera"], int(event["frame"])
    for at_s, text in lines if program == "har-monitor" else ():
        alert: dict[str, Any] = json.loads(text) if text.startswith(_ALERT) else {}
        if alert.get("event") == "start":
            yield at_s, int(alert["camera"][1:]), round(float(alert["decided_s"]) * fps)


def summary(latencies_ms: Sequence[float]) -> tuple[float, float] | None:
    """p50 and p95; None if there are too few values."""
    if len(latencies_ms) < 2:
        return None
    return float(np.percentile(latencies_ms, 50)), float(np.percentile(latencies_ms, 95))
