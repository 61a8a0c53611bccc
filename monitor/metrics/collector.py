"""The metrics: made of what the watching counts, whenever somebody asks for them.

All figures are in base units: seconds, bytes. Labels have few values: cameras, labels and sinks of
the configuration, states and reasons. What is not known is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Protocol

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector, CollectorRegistry

from monitor import __version__
from monitor.health.histogram import Histogram
from monitor.health.status import CameraSnapshot
from monitor.metrics.facts import Facts
from monitor.names import printable
from monitor.records import SinkStatus, WorkerStatus
from monitor.states import CameraState, SkipReason

# Windows are not counted for these: of an idle camera none are cut, and the other says the same.
_REASONS = [one for one in SkipReason if one not in (SkipReason.IDLE, SkipReason.NO_WINDOWS)]


class Watched(Protocol):
    """A monitor, as far as it is asked here."""

    @property
    def cameras(self) -> Sequence[CameraSnapshot]:
        """How each camera does."""

    @property
    def sinks(self) -> Sequence[SinkStatus]:
        """How each sink does."""

    @property
    def workers(self) -> Sequence[WorkerStatus]:
        """How each worker does."""


def exposition(watched: Watched, facts: Callable[[], Facts]) -> Callable[[], bytes]:
    """What makes the text of all metrics, in the format of Prometheus; any thread may call it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MonitorCollector(watched, facts))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


class MonitorCollector(Collector):
    """Reads a monitor, and what is found out more slowly: see `facts`."""

    def __init__(self, watched: Watched, facts: Callable[[], Facts]) -> None:
        self._watched = watched
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """All metrics at this moment."""
        watched = self._watched
        cameras = tuple(watched.cameras)
        yield from families(__version__, cameras, watched.sinks, watched.workers, self._facts())


def families(
    version: str,
    cameras: Sequence[CameraSnapshot],
    sinks: Sequence[SinkStatus],
    workers: Sequence[WorkerStatus],
    facts: Facts,
) -> Iterator[Metric]:
    """All metrics of what one har-monitor watches."""
    yield InfoMetricFamily(
        "har_build", "Always 1; says which version it is.", value={"version": version}
    )
    yield from _cameras(cameras)
    yield from _windows(cameras)
    yield from _alerts(cameras)
    yield from _workers(workers)
    yield from _sinks(sinks)
    yield from _slow(facts, {camera.name for camera in cameras})


def _cameras(cameras: Sequence[CameraSnapshot]) -> Iterator[Metric]:
    by_camera = ("camera",)
    state = GaugeMetricFamily(
        "har_camera_state",
        "1 for the state that a camera is in, 0 for all others.",
        labels=("camera", "state"),
    )
    watched = GaugeMetricFamily(
        "har_camera_watched",
        "1 while a camera is watched, and of a file that was watched to its end; else 0.",
        labels=by_camera,
    )
    blind = GaugeMetricFamily(
        "har_camera_blind_seconds",
        "For how long pictures came of which nothing could be classified; 0 if that is not long.",
        labels=by_camera,
    )
    rate = GaugeMetricFamily(
        "har_camera_frames_per_second", "Frame rate of the source.", labels=by_camera
    )
    decoded = CounterMetricFamily("har_frames_decoded", "Frames decoded.", labels=by_camera)
    passed_over = CounterMetricFamily(
        "har_frames_passed_over",
        "Frames not decoded, because nothing moved or the cores are too few.",
        labels=by_camera,
    )
    reconnects = CounterMetricFamily(
        "har_camera_reconnects", "Times that a lost camera was reached again.", labels=by_camera
    )
    cpu = CounterMetricFamily(
        "har_capture_cpu_seconds",
        "CPU time of the thread that reads and decodes a camera and cuts its windows.",
        labels=by_camera,
    )
    for camera in cameras:
        named = [camera.name]
        for one in CameraState:
            state.add_metric([camera.name, one], camera.state == one)
        watched.add_metric(named, camera.watched or camera.state == CameraState.ENDED)
        blind.add_metric(named, camera.blind_s)
        if camera.fps is not None:
            rate.add_metric(named, camera.fps)
        decoded.add_metric(named, camera.frames - camera.passed_over)
        passed_over.add_metric(named, camera.passed_over)
        reconnects.add_metric(named, camera.reconnects)
        cpu.add_metric(named, camera.cpu_s)
    yield from (state, watched, blind, rate, decoded, passed_over, reconnects, cpu)


def _windows(cameras: Sequence[CameraSnapshot]) -> Iterator[Metric]:
    classified = CounterMetricFamily(
        "har_windows_classified", "Windows classified.", labels=("camera",)
    )
    skipped = CounterMetricFamily(
        "har_windows_skipped", "Windows not classified, by reason.", labels=("camera", "reason")
    )
    scores = HistogramMetricFamily(
        "har_window_score",
        "Smoothed scores of classified windows, by label that alerts.",
        labels=("camera", "label"),
    )
    latency = HistogramMetricFamily(
        "har_window_latency_seconds",
        "From the arrival of a window's newest frame to its scores.",
        labels=("camera",),
    )
    inference = HistogramMetricFamily(
        "har_inference_duration_seconds", "What the model takes for a window.", labels=("camera",)
    )
    for camera in cameras:
        classified.add_metric([camera.name], camera.windows)
        for reason in _REASONS:
            skipped.add_metric([camera.name, reason], camera.dropped[reason])
        for label, histogram in camera.histograms.scores.items():
            _add(scores, [camera.name, label], histogram)
        _add(latency, [camera.name], camera.histograms.latency_s)
        _add(inference, [camera.name], camera.histograms.inference_s)
    yield from (classified, skipped, scores, latency, inference)


def _alerts(cameras: Sequence[CameraSnapshot]) -> Iterator[Metric]:
    alerts = CounterMetricFamily(
        "har_alerts", "Activities that started.", labels=("camera", "label")
    )
    latency = HistogramMetricFamily(
        "har_alert_latency_seconds",
        "From the arrival of the frame that decided an activity's start to its alert.",
        labels=("camera",),
    )
    for camera in cameras:
        for label, count in camera.alerts_by_label.items():
            alerts.add_metric([camera.name, label], count)
        _add(latency, [camera.name], camera.histograms.alert_latency_s)
    yield from (alerts, latency)


def _workers(workers: Sequence[WorkerStatus]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "har_worker_waiting_windows", "Windows that wait for a worker.", labels=("worker",)
    )
    busy = GaugeMetricFamily(
        "har_worker_busy_seconds",
        "For how long a worker has been at one window; 0 while it waits.",
        labels=("worker",),
    )
    for number, worker in enumerate(workers):
        waiting.add_metric([str(number)], worker.waiting)
        busy.add_metric([str(number)], worker.busy_s)
    yield from (waiting, busy)


def _sinks(sinks: Sequence[SinkStatus]) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "har_sink_waiting_alerts", "Alerts that a sink has not taken yet.", labels=("sink",)
    )
    retries = CounterMetricFamily(
        "har_sink_retries", "Times that a sink was given an alert again.", labels=("sink",)
    )
    lost = CounterMetricFamily(
        "har_sink_lost_alerts", "Alerts that a sink never will take.", labels=("sink",)
    )
    for sink in _merged(sinks):
        waiting.add_metric([sink.name], sink.waiting)
        retries.add_metric([sink.name], sink.retried)
        lost.add_metric([sink.name], sink.lost)
    yield from (waiting, retries, lost)


def _merged(sinks: Sequence[SinkStatus]) -> Iterable[SinkStatus]:
    """Those of one name as one: a series is to be there once."""
    found: dict[str, SinkStatus] = {}
    for told, *counts in sinks:
        name = printable(told)  # it may hold a path that is no text
        known = found.get(name, SinkStatus(name, 0, 0, 0))
        found[name] = SinkStatus(name, *map(sum, zip(known[1:], counts, strict=True)))
    return found.values()


def _slow(facts: Facts, cameras: set[str]) -> Iterator[Metric]:
    used = GaugeMetricFamily("har_evidence_bytes", "What all evidence takes.")
    limit = GaugeMetricFamily("har_evidence_limit_bytes", "What it may take: `max_gib`.")
    uncopied = GaugeMetricFamily(
        "har_evidence_uncopied_files", "Files of evidence that are not in object storage yet."
    )
    copied = CounterMetricFamily(
        "har_evidence_copied_files", "Files of evidence copied to object storage."
    )
    failed = CounterMetricFamily(
        "har_evidence_copy_failures", "Times that a file of evidence could not be copied."
    )
    if facts.evidence is not None:
        if (copies := facts.evidence.copies) is not None:
            uncopied.add_metric([], copies.waiting)
            copied.add_metric([], copies.copied)
            failed.add_metric([], copies.failed)
        limit.add_metric([], facts.evidence.limit_bytes)
        if facts.evidence.used_bytes is not None:
            used.add_metric([], facts.evidence.used_bytes)
    free = GaugeMetricFamily(
        "har_disk_free_bytes",
        "Free space of the disk of the alert log, the event store or the evidence.",
        labels=("place",),
    )
    size = GaugeMetricFamily("har_disk_size_bytes", "Size of this disk.", labels=("place",))
    for place, disk in facts.disks.items():
        free.add_metric([place], disk.free_bytes)
        size.add_metric([place], disk.size_bytes)
    reviewed = GaugeMetricFamily(
        "har_reviewed_events",
        "Alerts of the last 30 days that people reviewed, by what they said.",
        labels=("camera", "label", "review"),
    )
    for (camera, label, review), count in facts.reviews.items():
        if camera in cameras:
            reviewed.add_metric([camera, label, review], count)
    yield from (used, limit, uncopied, copied, failed, free, size, reviewed)


def _add(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    """Add a histogram; in each bucket of Prometheus are those of the buckets before, too."""
    bounds = (*map(str, histogram.bounds), "+Inf")
    totals = map(float, accumulate(histogram.counts))
    family.add_metric(labels, list(zip(bounds, totals, strict=True)), histogram.sum)
