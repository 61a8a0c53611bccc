"""har-monitor --cluster, and har-monitor cluster: a site on the machines of a Ray cluster."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from monitor.cli.command import EXIT_FAILED, Command, exit_codes, start_logging
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.cluster.agent import SiteConfig
    from monitor.cluster.controller import ClusterStatus
    from monitor.cluster.ray_site import Site

log = logging.getLogger(__name__)

POLL_S = 1.0
STUCK_S = 90.0  # without any change: it is not waited for any longer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

Config = Annotated[
    Path, typer.Option("--config", help="YAML file of the site.", show_default=False)
]
Address = Annotated[
    str,
    typer.Option(
        "--address", help="HOST:PORT of Ray's head.", show_default="the Ray that runs here"
    ),
]


@app.callback()
def main() -> None:
    """Say how the shards of a site do that a Ray cluster watches, and end them."""


@app.command(cls=Command)
def status(config: Config, address: Address = "auto") -> None:
    """Say where each shard is watched; exit 1 if one is not."""
    with _site(config, address) as (site, _):
        found = site.status()
        show(found)
        if not found.well:
            raise typer.Exit(EXIT_FAILED)


@app.command(cls=Command)
def drain(
    node: Annotated[str, typer.Argument(help="Name of a node.", show_default=False)],
    config: Config,
    address: Address = "auto",
) -> None:
    """Have all shards leave a node, one after the other, until the site is begun again."""
    with _site(config, address) as (site, wanted):
        site.drain(node, wanted)
        found = _wait(site, lambda found: found.well and _shards_on(found, node) == 0)
        typer.echo(f"{node} has no shards", err=True)
        show(found)


@app.command(cls=Command)
def stop(config: Config, address: Address = "auto") -> None:
    """End the watching, on all nodes."""
    with _site(config, address) as (site, wanted):
        site.stop(wanted)
        typer.echo("all shards have ended", err=True)


@contextmanager
def ray_needed() -> Iterator[None]:
    """Within the block Ray is imported; MonitorError that says what to install if it is missing."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it calls nobody
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise MonitorError("--cluster needs Ray: pip install har-monitor[cluster]") from None


def begin(config: Path, address: str) -> None:
    """Have a site watched by a Ray that runs, and wait until each shard is."""
    with _connected(config, address) as (site, wanted):
        site.submit(wanted)
        show(_wait(site, lambda found: found.well))


def show(found: ClusterStatus) -> None:
    """Print how a site does."""
    nodes = Table("node", "zones", "state", "shards", "busy", box=None)
    for node in found.nodes:
        busy = f"{node.busy:.2f} of {node.cores:g} cores"
        nodes.add_row(node.name, ", ".join(node.zones), node.state, str(node.shards), busy)
    shards = Table("shard", "node", "state", "epoch", "cameras watched", box=None)
    for one in found.processes:
        old = "" if one.config == found.config else ", old configuration"
        by = f": {one.holder} has the lease" if one.holder else ""
        shards.add_row(
            f"{one.place.shard}/{found.shards}",
            one.place.node,
            f"{one.state}{by}{old}",
            "" if one.epoch is None else str(one.epoch),
            f"{one.watched} of {one.cameras}",
        )
    out = Console(soft_wrap=True, highlight=False, markup=False)
    out.print(nodes)
    out.print(shards)
    for line in (found.standby, *found.errors):
        if line:
            out.print(line)


def _wait(site: Site, done: Callable[[ClusterStatus], bool]) -> ClusterStatus:
    """Until it is done; MonitorError, with how the site does, if it gets no further."""
    before, watched, changed_s = None, -1, time.monotonic()
    told: set[str] = set()
    while True:
        found = site.status()
        if done(found):
            return found
        seen = [(one.place, one.state, one.config) for one in found.processes]
        if seen != before:
            before, changed_s = seen, time.monotonic()
        held = len({one.place.shard for one in found.processes if one.state == "held"})
        if held != watched:
            watched = held
            log.info("%d of %d shards watched", held, found.shards)
        for line in (found.standby, *found.errors):
            if line and line not in told:
                told.add(line)
                log.warning("%s", line)
        if time.monotonic() - changed_s > STUCK_S:
            show(found)
            raise MonitorError(f"it gets no further: nothing has changed for {STUCK_S:g} s")
        time.sleep(POLL_S)


def _shards_on(found: ClusterStatus, node: str) -> int:
    return sum(one.place.node == node for one in found.processes)


@contextmanager
def _site(config: Path, address: str) -> Iterator[tuple[Site, SiteConfig]]:
    """The site that a file describes, with errors as every command tells them."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        with _connected(config, address) as found:
            yield found


@contextmanager
def _connected(config: Path, address: str) -> Iterator[tuple[Site, SiteConfig]]:
    from monitor.cluster.site import cluster_config

    wanted = cluster_config(config)
    with ray_needed():
        from monitor.cluster.ray_site import connected
    with connected(address, wanted.site) as site:
        yield site, wanted
