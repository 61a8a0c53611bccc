"""What har-monitor --check says of a model and of the cameras that it would watch."""

import math
from collections.abc import Iterator

from monitor.cli.notifications import check_labels, check_notify, describe_notify
from monitor.cli.preflight import check_decoding, check_inputs, check_outputs
from monitor.config.options import ActivityOptions, CameraOptions, MonitorOptions
from monitor.listening import LOCAL_ADDRESSES
from monitor.recognition.metadata import ModelMetadata
from monitor.recognition.models import Classifier, Models
from monitor.records import camera_key


def check(options: MonitorOptions) -> list[tuple[str, str]]:
    """Check all that can be without contacting a camera; the facts, as `describe` gives them."""
    models = Models(provider=options.inference.provider)
    found = describe(options, models) + list(_kept(options)) + served(options)
    found += describe_notify(options.notify)
    check_decoding(options)
    check_inputs(options)
    check_outputs(options)
    check_notify(options)
    check_labels(options, models)
    return found + list(_shared(options))


def describe(options: MonitorOptions, models: Models) -> list[tuple[str, str]]:
    """Name and text of each fact; no name if it belongs to the one before.

    ModelError for a model that cannot be used, ConfigError if the options do not suit a model.
    """
    facts: list[tuple[str, str]] = []
    if (share := options.share) is not None:
        facts.append(("shard", f"{share.shard}: {len(options.cameras)} of {share.cameras} cameras"))
    watched = options.cameras or (options.defaults,)
    used = [(one.model, one.activity) for one in watched]
    used += [(one.shadow, one.activity) for one in watched if one.shadow is not None]
    for path in dict.fromkeys(path for path, _ in used):
        classifier = models.get(path)
        facts += _model(classifier)
        rules = [_rules(activity, classifier.metadata) for one, activity in used if one == path]
        facts += dict.fromkeys(fact for each in rules for fact in each)
    several = len(dict.fromkeys(path for path, _ in used)) > 1
    for camera in options.cameras:
        tried = models.shadow(camera.model, camera.shadow)
        facts += _camera(camera, models.get(camera.model) if several else None, tried)
    return facts


def served(options: MonitorOptions) -> list[tuple[str, str]]:
    """What is served at addresses of this machine beside the page; as `describe`."""
    if options.metrics is None:
        return []
    from monitor.metrics.endpoint import metrics_url  # an HTTP server: only if it is needed

    host, port = options.metrics.host, options.metrics.port
    at = metrics_url(host, port) if port else f"any free port of {host}"
    password = "" if host in LOCAL_ADDRESSES else "; no password: whoever reaches it can read them"
    return [("metrics", f"at {at}{password}")]


def _kept(options: MonitorOptions) -> Iterator[tuple[str, str]]:
    if (evidence := options.evidence) is None:
        return
    yield "evidence", f"in {evidence.folder}, up to {evidence.max_gib:g} GiB"
    if evidence.copy_to is not None:
        yield "", f"copied to {evidence.copy_to}, which is not asked if it answers"


def _shared(options: MonitorOptions) -> Iterator[tuple[str, str]]:
    from monitor.cli.watching import processes  # which loads what watches

    if (count := processes(options)) > 1:
        yield "workers", f"{count} processes share {len(options.cameras)} cameras"


def _model(classifier: Classifier) -> Iterator[tuple[str, str]]:
    metadata = classifier.metadata
    data, metrics = metadata.data, metadata.metrics
    yield "model", f"{metadata.name} {metadata.version} ({metadata.network}), {classifier.path}"
    yield "sha256", classifier.sha256
    yield (
        "clip",
        f"{metadata.frames} frames of {metadata.clip.size}x{metadata.clip.size} "
        f"at {metadata.fps:g} a second: {metadata.clip.span_s:g} s",
    )
    if metadata.zoom > 1:
        seen = f"{metadata.size}x{metadata.size}"
        yield "", f"seen whole at {seen}, and again the part in which most moves"
    at = "" if metadata.temperature is None else f"; scores at temperature {metadata.temperature:g}"
    films = f" and {len(data.footage)} films of footage" if data.footage else ""
    clips = f": {data.clips} clips of {data.groups} groups" if data.clips else ""
    yield "trained", f"on {data.name}{clips}{films}{at}"
    if data.terms:
        yield "", "; ".join(f"{name}: {terms}" for name, terms in data.terms.items())
    if "accuracy" in metrics:
        interval = f"{metrics['accuracy_low']:.3f} to {metrics['accuracy_high']:.3f}"
        auc = f", AUC {metrics['auc']:.3f}" if "auc" in metrics else ""
        yield "measured", f"accuracy {metrics['accuracy']:.3f} ({interval}){auc}"
    yield "" if "accuracy" in metrics else "measured", metadata.evaluation


def _rules(activity: ActivityOptions, metadata: ModelMetadata) -> Iterator[tuple[str, str]]:
    rules = activity.rules(metadata)
    alerts = ", ".join(f"{label} from {score:g}" for label, score in rules.thresholds.items())
    yield "alerts", f"{alerts}; background: {', '.join(metadata.background) or 'none'}"
    yield (
        "",
        f"after {rules.min_s:g} s, smoothed over {rules.smoothing_s:g} s, "
        f"left {rules.hysteresis:g} below",
    )
    if metadata.tuning is not None:
        yield "tuned", metadata.tuning.evaluation
    if metadata.motion is not None:
        yield (
            "motion",
            f"of {metadata.motion.least:g} grey levels at least, {metadata.motion.evaluation}",
        )
    if metadata.unknown is not None:
        limit = activity.novelty_limit(metadata)
        off = "nothing: activity.unknown is false"
        yield "unknown", f"above a novelty of {limit:g}" if math.isfinite(limit) else off


def _camera(
    camera: CameraOptions, model: Classifier | None, shadow: Classifier | None
) -> Iterator[tuple[str, str]]:
    by = "" if model is None else f", by the model {_named(model)}"
    tried = "" if shadow is None else f"; its shadow: {_named(shadow)}"
    yield "camera", f"{camera.name}: {camera.address}{by}{tried}"
    for region in camera.region_shapes:
        yield "region", f"{camera_key(camera.name, region.name)}: {region}"


def _named(model: Classifier) -> str:
    return f"{model.metadata.name} {model.sha256[:8]}"
