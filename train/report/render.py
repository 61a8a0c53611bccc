"""The templates of pages and charts, filled in."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


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
