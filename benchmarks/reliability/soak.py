"""Real streams with random faults, watched by the real command for as long as you like."""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.reliability.expected import (
    Due,
    FaultInterval,
    Judged,
    Session,
    judge,
    slope_an_hour,
)
from benchmarks.reliability.schedule import SHIFTS_S, Planned, planned
from benchmarks.streams import Stream, encoded, served
from monitor.config.options import MonitorOptions
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.shipped import SHIPPED
from testkit.drops import Held
from testkit.process import Process, har_monitor
from testkit.servers.proxy import Proxy, proxy
from train.evaluate.playback import KeptAlerts

CAMERAS = 8
HEALTHY = 2  # cameras that are left alone; latencies are theirs
STREAM = Stream("fights-360p25", "fights", 640, 360, 25, "h264", "variable", 1000)
# Every fight raises an alert as soon as a window shows it, each time it is shown.
RULES = {"threshold": 0.5, "smoothing_s": 0, "min_s": 0, "hold_s": 1, "cooldown_s": 0}
SURE = 0.2  # an owed alert's score exceeds the threshold by so much
SAMPLE_S = 5.0
LOOK_S = 1.2  # longer than a second: the health file is written every second
# A camera must be watched again so soon after its fault's end: silence is noticed after 5 s, and
# the longest pause between attempts is 10 s.
AGAIN_S = 15.0
WARM_SHARE = 0.2  # of the run, left out of the slope, because caches fill


@dataclass(frozen=True)
class Sample:
    """What the process held at a time."""

    at_s: float  # since the start
    held: Held
    cpu_s: float


@dataclass(frozen=True)
class Soak:
    """What was found in a run."""

    minutes: float
    cameras: int
    faults: dict[str, int]
    reconnects: int
    judged: dict[str, Judged]
    latencies_ms: tuple[tuple[float, float], ...]  # healthy cameras: seconds since the start, ms
    samples: tuple[Sample, ...]
    states_s: dict[str, float]  # camera-seconds in each state
    again_s: tuple[float, ...]  # from each fault's end until its camera was watched again
    blind: int  # faults after which the camera was not watched in time
    exit_code: int
    tracebacks: int

    @property
    def memory_slope(self) -> float:
        """Memory growth in MiB an hour, after warming up."""
        return slope_an_hour([(s.at_s, s.held.memory_mib) for s in self._settled])

    @property
    def _settled(self) -> list[Sample]:
        warm_s = WARM_SHARE * self.minutes * 60
        return [sample for sample in self.samples if sample.at_s >= warm_s]

    def latency_ms(self, percent: float, part: int, parts: int = 3) -> float | None:
        """A percentile of the latencies in one of `parts` equal parts of the run."""
        edge_s = self.minutes * 60 / parts
        found = [ms for at_s, ms in self.latencies_ms if part <= at_s / edge_s < part + 1]
        return float(np.percentile(found, percent)) if found else None


@dataclass
class FaultyCamera:
    """One camera, its proxy and its faults."""

    name: str
    proxy: Proxy
    healthy: bool
    faults: Any  # iterator of Planned
    intervals: list[FaultInterval] = field(default_factory=list)
    next: Planned | None = None
    due_s: float = 0.0
    until_s: float | None = None
    over_s: float | None = None  # when the last fault ended, until it is watched again
    frames: int | None = None  # at the last look
    again_s: list[float] = field(default_factory=list)
    blind: int = 0

    def look(self, health: dict[str, Any], now_s: float) -> None:
        """Note whether the camera is watched again: its frames increase."""
        if self.over_s is None:
            return
        if self.frames is not None and health["frames"] > self.frames:
            self.again_s.append(now_s - self.over_s)
            self.over_s = None
        elif now_s - self.over_s > AGAIN_S:
            self.blind += 1
            self.over_s = None
        self.frames = health["frames"]

    def turn(self, now_s: float) -> str | None:
        """Begin or end a fault that is due; return its kind if it begins."""
        if self.healthy:
            return None
        if self.next is None:
            self.next = next(self.faults)
            self.due_s = now_s + self.next.rest_s
        if self.until_s is None and now_s >= self.due_s:
            self.until_s = now_s + self.next.lasts_s
            self.intervals.append(FaultInterval(self.next.kind, now_s, self.until_s))
            self.proxy.fault = self.next.fault
            self.proxy.shift_s = SHIFTS_S.get(self.next.kind, 0.0)
            if self.next.cuts:
                self.proxy.cut()
            return self.next.kind
        if self.until_s is not None and now_s >= self.until_s:
            self.proxy.fault, self.proxy.shift_s = "none", 0.0
            last = self.intervals[-1]
            self.intervals[-1] = FaultInterval(last.kind, last.from_s, now_s)
            self.next, self.until_s = None, None
            self.over_s, self.frames = now_s, None
        return None


def film_alerts(film: Path) -> list[Due]:
    """The alerts of the film if nothing goes wrong, by har-monitor itself."""
    options = MonitorOptions.model_validate(
        {"cameras": [{"name": "film", "source": str(film)}], "defaults": {"activity": RULES}}
    )
    kept = KeptAlerts()
    Monitor(options, OnnxClassifier(), [kept]).run()
    highest = {one.id: one.peak_score for one in kept.alerts}  # the end comes last
    return [
        Due(one.start_s, one.decided_s, highest[one.id] >= RULES["threshold"] + SURE)
        for one in kept.alerts
        if one.end_s is None
    ]


def soak(minutes: float, data: Path, streams: Path, seed: int = 1) -> Soak:
    """Watch eight cameras for `minutes`. Two are left alone, six go wrong at random."""
    film = encoded(STREAM, data, streams)
    due = film_alerts(film)
    with ExitStack() as stack:
        server = stack.enter_context(served(film, "h264"))
        cameras = [
            FaultyCamera(
                f"camera-{n}",
                stack.enter_context(proxy(server.port)),
                n < HEALTHY,
                planned(n, seed),
            )
            for n in range(CAMERAS)
        ]
        urls = {one.name: f"{one.proxy.base}/cam" for one in cameras}
        process = stack.enter_context(
            har_monitor(urls, SHIPPED["fight"], activity=RULES, stream={})
        )
        process.wait_for(
            "every camera watched",
            lambda: [c["state"] for c in process.health.values()].count("live") == CAMERAS,
        )
        began_s, wall_s = time.monotonic(), time.time() - time.monotonic()
        faults: Counter[str] = Counter()
        samples: list[Sample] = []
        states_s: defaultdict[str, float] = defaultdict(float)
        looks = 0
        while (passed_s := time.monotonic() - began_s) < minutes * 60:
            for camera in cameras:
                if kind := camera.turn(time.monotonic()):
                    faults[kind] += 1
            if passed_s >= looks * LOOK_S:
                looks += 1
                watched = process.health
                for camera in cameras:
                    camera.look(watched[camera.name], time.monotonic())
            if passed_s >= len(samples) * SAMPLE_S:
                samples.append(_sample(process, passed_s))
                for health in process.health.values():
                    states_s[health["state"]] += SAMPLE_S
            time.sleep(0.1)
        reconnects = sum(camera["reconnects"] for camera in process.health.values())
        exit_code = process.end()
        alerts, said = process.alerts, process.said
        ended_s = time.monotonic()
    starts = [alert for alert in alerts if alert["event"] == "start"]
    return Soak(
        minutes,
        CAMERAS,
        dict(faults),
        reconnects,
        {
            one.name: judge(
                due,
                [Session(first, min(last, ended_s)) for first, last in one.proxy.sessions],
                one.intervals,
                [_clock_s(a["start_time"], wall_s) for a in starts if a["camera"] == one.name],
            )
            for one in cameras
        },
        tuple(
            (_clock_s(alert["time"], wall_s) - began_s, alert["latency_ms"])
            for alert in starts
            if alert["camera"] in {one.name for one in cameras if one.healthy}
        ),
        tuple(samples),
        dict(states_s),
        tuple(round(again_s, 1) for one in cameras for again_s in one.again_s),
        sum(one.blind for one in cameras),
        exit_code,
        said.count("Traceback"),
    )


def _clock_s(text: str, wall_s: float) -> float:
    return datetime.fromisoformat(text).timestamp() - wall_s


def _sample(process: Process, at_s: float) -> Sample:
    fields = Path(f"/proc/{process.popen.pid}/stat").read_text().rpartition(") ")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Sample(at_s, Held.by(process.popen.pid), ticks / 100)


def total(judged: Sequence[Judged]) -> Judged:
    """All cameras together."""
    return Judged(
        sum(one.expected for one in judged),
        sum(one.seen for one in judged),
        tuple(at_s for one in judged for at_s in one.lost),
        sum(one.unexpected for one in judged),
    )
