"""The files of a report: metrics.json for programs, report.html for people."""

import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monitor.atomic import replacing
from monitor.errors import MonitorError

JSON_NAME, HTML_NAME = "metrics.json", "report.html"


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


def render(name: str, **values: object) -> str:
    """The template `name` filled in; every value is data and is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "rate": _rate,
        "percent": _percent,
        "seconds": _seconds,
        "short": _short,
    }
    return environment.get_template(name).render(values)


def _rate(value: float | None) -> str:
    """A share with three decimals; a dash for None."""
    return "–" if value is None else f"{value:.3f}"


def _percent(value: float) -> str:
    """A share in percent with one decimal."""
    return f"{100 * value:.1f} %"


def _seconds(value: float | None) -> str:
    """Seconds with one decimal; a dash for None."""
    return "–" if value is None else f"{value:.1f} s"


def _short(value: float) -> str:
    """A number with three significant digits."""
    return f"{value:.3g}"
