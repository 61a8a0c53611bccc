"""Films watched by har-monitor and scanned in segments, to compare what both find."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertEvent, AlertMaker
from monitor.pipeline.lane import make_trackers
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier, read_model
from monitor.records import Prediction, Skipped
from monitor.scan.job import Film, ModelFile, Plan, PlanJob, SegmentJob, SegmentResult
from monitor.scan.join import Part, activities, joined
from monitor.scan.plan import plan_file
from monitor.scan.segment import scan_segment
from monitor.states import Pace

# Whatever else an alert says of its time is not of the film.
Facts = tuple[object, ...]


class Found(NamedTuple):
    """What was found in a film."""

    windows: list[Facts]  # region, start (of those that are classified), end, why skipped, scores
    alerts: list[Facts]


def film(path: Path, **options: Any) -> Film:
    """A file as a film of a camera `a` with these options."""
    camera = {"name": "a", "source": str(path), **options}
    there = path.stat()
    watched = MonitorOptions.model_validate({"cameras": [camera]}).cameras[0]
    return Film(watched, there.st_size, there.st_mtime_ns)


def model_file(classifier: OnnxClassifier) -> ModelFile:
    """The file of a model."""
    return ModelFile(classifier.path, classifier.sha256, read_model(classifier.path))


def watched(one: Film, classifier: OnnxClassifier) -> Found:
    """What har-monitor finds in a film, in one piece."""
    windows: list[Facts] = []
    alerts: list[Facts] = []

    class Sink:
        name = "kept"

        def write(self, alert: AlertEvent) -> None:
            alerts.append(_facts(alert))

        def close(self) -> None:
            pass

    def note(item: Prediction | Skipped) -> None:
        if isinstance(item, Prediction):
            scores = tuple(item.scores.values())
            windows.append((item.region, item.start_s, item.end_s, None, scores))
        else:
            windows.append((item.region, None, item.end_s, item.reason, ()))

    options = MonitorOptions(cameras=(one.camera,), sinks=())
    Monitor(options, classifier, [Sink()], on_window=note).run()
    return Found(windows, alerts)


def planned(one: Film, classifier: OnnxClassifier, segment_s: float) -> Plan:
    """How a film is parted."""
    return plan_file(PlanJob(one, segment_s), model_file(classifier))


def segments(one: Film, classifier: OnnxClassifier, plan: Plan) -> list[Part]:
    """The segments of a film, each scanned for itself."""
    model = model_file(classifier)
    return [(each, scan_segment(SegmentJob(one, each), model)) for each in plan.segments]


def scanned(parts: list[Part], one: Film, classifier: OnnxClassifier) -> Found:
    """What was found in the segments of a film."""
    together = joined(parts)
    metadata = classifier.metadata
    windows = [
        (
            each.region,
            None if each.skipped else each.start_s,
            each.end_s,
            each.skipped,
            () if each.skipped else each.scores,
        )
        for each in together
    ]
    trackers = make_trackers(one.camera, Pace.FILE, metadata, classifier.sha256)
    maker = AlertMaker(classifier.sha256, metadata.name, metadata.clip.span_s)
    found = activities(together, trackers, metadata.labels)
    return Found(list(windows), [_facts(maker.make(activity)) for activity in found])


def _facts(alert: AlertEvent) -> Facts:
    said = alert.model_dump(exclude={"time", "latency_ms"})
    return tuple(said.items())


def encoded(target: Path, source: Path, *options: str) -> Path:
    """Write a film by FFmpeg, with its options for what is written."""
    command = ["ffmpeg", "-v", "error", "-y", "-i", str(source), "-an", *options, str(target)]
    subprocess.run(command, check=True)
    return target


def dies_at_once(job: SegmentJob, model: ModelFile) -> SegmentResult:
    """Scan a segment, but for the second one of a film: that kills its process."""
    if job.segment.from_s > 0 and job.segment.until_s is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return scan_segment(job, model)


def dies_once(job: SegmentJob, model: ModelFile) -> SegmentResult:
    """Scan a segment, whose process is killed the first time; the film's folder remembers it."""
    mark = job.film.path.with_suffix(".died")
    if job.segment.from_s > 0 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return scan_segment(job, model)
