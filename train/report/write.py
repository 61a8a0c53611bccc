"""Writes a report: metrics.json for programs, report.html for people."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from monitor import __version__
from monitor.atomic import replacing
from monitor.errors import MonitorError
from monitor.recognition.metadata import Data, ModelMetadata
from train.evaluate.metrics import Metrics, measure
from train.evaluate.overlap import Overlap, check_groups
from train.evaluate.scores import Scored
from train.report.clip_page import clip_page
from train.report.clip_report import ClipReport, clip_json
from train.report.comparison_page import ComparisonReport, comparison_json, comparison_page
from train.report.stream_page import stream_page
from train.report.stream_report import StreamReport, stream_json

JSON_NAME, HTML_NAME = "metrics.json", "report.html"
_VERSIONS_OF = ("numpy", "keras", "tensorflow", "onnxruntime", "scikit-learn", "av")


def write_clip_report(
    out: Path,
    scored: Scored,
    *,
    title: str,
    overlap: Overlap,
    metadata: ModelMetadata | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    folds: Mapping[str, Scored] | None = None,
    datasets: Mapping[str, Scored] | None = None,
    skipped: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    unknown: Sequence[Mapping[str, object]] = (),
) -> Metrics:
    """Measure `scored` and write both files into the folder `out`, each whole or not at all.

    `overlap` says how the test clips overlap with the training clips. `folds` and `datasets` are
    the parts of `scored` by name. `settings`, and `unknown` with the open-set results, are JSON
    values. MonitorError if `out` cannot be written.
    """
    by_set = {name: (part, measure(part)) for name, part in (datasets or {}).items()}
    report = ClipReport(
        title=title,
        overlap=check_groups(overlap, scored, *(part for part, _ in by_set.values())),
        scored=scored,
        metrics=measure(scored),
        folds={name: (part, measure(part)) for name, part in (folds or {}).items()},
        datasets=by_set,
        metadata=metadata,
        data=data,
        settings=settings or {},
        history=history or {},
        skipped=skipped,
        notes=notes,
        unknown=unknown,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
    )
    _write_files(out, clip_json(report), clip_page(report))
    return report.metrics


def write_stream_report(out: Path, report: StreamReport) -> None:
    """Write metrics.json and report.html into `out`; MonitorError if it cannot be written."""
    _write_files(out, stream_json(report), stream_page(report))


def write_comparison_report(out: Path, report: ComparisonReport) -> None:
    """Write metrics.json and report.html into `out`; MonitorError if it cannot be written."""
    _write_files(out, comparison_json(report), comparison_page(report))


def _write_files(out: Path, content: Mapping[str, object], html: str) -> None:
    """Write both forms of a report into the folder `out`; MonitorError if it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MonitorError(f"cannot write a report to {out}: {error.strerror}") from None
    with replacing(out / JSON_NAME) as temporary:
        temporary.write_text(_json_text(content), encoding="utf-8")
    with replacing(out / HTML_NAME) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _json_text(content: Mapping[str, object]) -> str:
    """JSON with a line for each entry and each list item: short, and easy to compare."""

    def text(value: object) -> str:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)

    def entry(value: object) -> str:
        if isinstance(value, dict) and value:
            return (
                "{\n  " + ",\n  ".join(f"{text(k)}: {text(v)}" for k, v in value.items()) + "\n }"
            )
        if isinstance(value, list) and value and isinstance(value[0], dict | list):
            return "[\n  " + ",\n  ".join(map(text, value)) + "\n ]"
        return text(value)

    lines = ",\n ".join(f"{text(key)}: {entry(value)}" for key, value in content.items())
    return "{\n " + lines + "\n}\n"


def _versions() -> dict[str, str]:
    found = {"har-monitor": __version__, "python": platform.python_version()}
    for name in _VERSIONS_OF:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
