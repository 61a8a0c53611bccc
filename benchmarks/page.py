"""The pages of the benchmarks: templates, filled with figures."""

import re
from pathlib import Path

import jinja2

from monitor.atomic import replacing

NOTHING = "–"  # a cell without a figure


def render(template: Path, **values: object) -> str:
    """A template filled with these values; every template can import from table.jinja."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Markdown and SVG, of names that are letters and digits
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(template.name).render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def write(path: Path, text: str) -> None:
    """Write a page, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
