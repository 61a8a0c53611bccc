"""The pages of the benchmarks: templates, filled with figures."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import jinja2
import typer
from pydantic import TypeAdapter

from benchmarks.results import R, keep, read
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


def publish(
    results: Path,
    form: TypeAdapter[R],
    measured: Iterable[R],
    page: Callable[[list[R]], str],
) -> None:
    """Keep each result as it comes, then write the page of all beside them, and print it."""
    for one in measured:
        keep(results, form, one)
    text = page(list(read(results, form).values()))
    write(results.with_name("README.md"), text)
    typer.echo(text, nl=False)
