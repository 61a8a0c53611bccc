"""The Grafana dashboard of deploy/, as far as it can be read without Grafana."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

from testkit import ROOT

PATH = ROOT / "deploy" / "grafana" / "har-monitor.json"
# What Grafana puts in place of its variables, if all cameras are looked at.
_VARIABLES = {"$__rate_interval": "1m", "$instance": ".*", "$camera": ".*"}


def dashboard() -> dict[str, Any]:
    """All of it."""
    read: dict[str, Any] = json.loads(PATH.read_text())
    return read


def expressions() -> Iterator[tuple[str, str]]:
    """The title of each panel, and what it asks Prometheus for."""
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in _VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression


def overlapping() -> Iterator[tuple[str, str]]:
    """Pairs of panels that lie over one another."""
    for one, other in itertools.combinations(dashboard()["panels"], 2):
        if _cells(one) & _cells(other):
            yield one["title"], other["title"]


def _cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    """The cells of the grid that a panel takes."""
    at = panel["gridPos"]
    return set(
        itertools.product(range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"]))
    )
