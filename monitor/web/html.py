"""HTML of the templates, filled in for one viewer."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monitor import __version__
from monitor.states import EndReason
from monitor.store.event import Origin, Review
from monitor.web.access import Visit
from monitor.web.charts import HEIGHT, WIDTH
from monitor.web.users import Role


def error_page(request: Request, code: int, text: str) -> HTMLResponse:
    """What went wrong, for a person."""
    return render(request, "error", code, text=text, alive=True)


def page(request: Request, visit: Visit, name: str, **values: Any) -> HTMLResponse:
    """A page for somebody who may look."""
    who = None if visit.web.users is None else visit.user.name
    return render(
        request,
        name,
        200,
        alive=visit.web.live.connected,
        role=visit.user.role,
        who=who,
        tries=bool(visit.shadows),
        adds=visit.may_add,
        site=visit.web.settings.site,
        **values,
    )


def render(request: Request, name: str, code: int, **values: Any) -> HTMLResponse:
    """A page of a template, with what all templates use."""
    values = {
        "role": Role.VIEWER,
        "who": None,
        "tries": False,
        "adds": False,
        "site": False,
    } | values
    template = _templates.get_template(f"{name}.html.jinja")
    text = template.render(
        page=name,
        code=code,
        version=__version__,
        zone_of_viewer=zone_of(request),
        Role=Role,
        Review=Review,
        Origin=Origin,
        end_reasons={one.value: one.meaning for one in EndReason},
        trace_size=(WIDTH, HEIGHT),
        **values,
    )
    return HTMLResponse(text, code)


def zone_of(request: Request) -> tzinfo:
    """The viewer's time zone, which the script tells by a cookie; UTC before it has."""
    name = request.cookies.get("zone", "UTC").replace("%2F", "/")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _when(moment: datetime, zone: tzinfo, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return moment.astimezone(zone).strftime(form)


def _seconds(value: float | None) -> str:
    """A length of time for people."""
    if value is None:
        return "?"
    if value < 60:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes} min {seconds} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters |= {"when": _when, "seconds": _seconds}
