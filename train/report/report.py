"""The report of a measurement: `metrics.json` for programs, `report.html` for people."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from export.atomic import replacing
from monitor import __version__
from monitor.errors import MonitorError
from monitor.recognition.metadata import Contract, Data
from train.evaluate.measurement import Measured, Split, measured_folds, seen_split
from train.evaluate.metrics import Metrics, measure
from train.evaluate.scores import Scored
from train.report.document import document
from train.report.page import page

JSON_NAME, HTML_NAME = "metrics.json", "report.html"
_VERSIONS_OF = ("numpy", "keras", "tensorflow", "onnxruntime", "scikit-learn", "av")


def write_report(
    out: Path,
    scored: Scored,
    *,
    title: str,
    split: Split,
    contract: Contract | None = None,
    data: Data | None = None,
    settings: Mapping[str, object] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    folds: Mapping[str, Scored] | None = None,
    skipped: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
    unknown: Sequence[Mapping[str, object]] = (),
) -> Metrics:
    """Measure `scored` and write both files into the folder `out`, each whole or not at all.

    `split` says how the clips were held back; `folds` are the parts `scored` was pooled from, by
    name; `settings`, and `unknown` with what was found on other activities, are JSON values.
    MonitorError if `out` cannot be written.
    """
    measured = Measured(
        title=title,
        split=seen_split(split, scored),
        scored=scored,
        metrics=measure(scored),
        folds=measured_folds(folds or {}),
        contract=contract,
        data=data,
        settings=settings or {},
        history=history or {},
        skipped=skipped,
        notes=notes,
        unknown=unknown,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
    )
    write_files(out, document(measured), page(measured))
    return measured.metrics


def write_files(out: Path, content: Mapping[str, object], html: str) -> None:
    """Write both forms of a report into the folder `out`; MonitorError if it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MonitorError(f"cannot write a report to {out}: {error.strerror}") from None
    with replacing(out / JSON_NAME) as temporary:
        temporary.write_text(json_text(content), encoding="utf-8")
    with replacing(out / HTML_NAME) as temporary:
        temporary.write_text(html, encoding="utf-8")


def json_text(content: Mapping[str, object]) -> str:
    """JSON with a line for every entry and every item of a list: short, and easy to compare."""

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
