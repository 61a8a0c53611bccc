"""har-monitor page: the page, the API and the metrics of all shards of a site."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from monitor.cli.command import Command, exit_codes, start_logging
from monitor.cli.serving import Server, quieten, serving
from monitor.cli.web import camera_settings, served_settings
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from monitor.evidence.stored_evidence import StoredEvidence
from monitor.health.systemd import Systemd
from monitor.listening import authority, listen
from monitor.metrics.endpoint import Endpoint
from monitor.metrics.facts import FactReader, Reviews
from monitor.metrics.site import site_exposition
from monitor.store.journal import Journal, journal_path
from monitor.store.rebuild import KeptStore
from monitor.web.app import make_app
from monitor.web.copies import Copies
from monitor.web.node_evidence import NodeEvidence
from monitor.web.sessions import Sessions
from monitor.web.settings import WebSettings
from monitor.web.site import SiteLive, SiteReader, SiteView, show
from monitor.web.state import WebState
from monitor.web.users import Users

log = logging.getLogger(__name__)

END_S = 4.0  # that requests have, once it is to end
TELL_S = 1.0  # from one word to systemd to the next
JOURNAL = "page.jsonl"  # what is said of events is a line of a file beside the alert log

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=Command)
def main(
    config: Annotated[
        Path, typer.Option("--config", help="YAML file of the site.", show_default=False)
    ],
    log_path: Annotated[
        Path | None,
        typer.Option(
            "--log",
            help="Where an alert log would be: what people say of events is written beside it, to "
            "page.reviews.jsonl.",
            show_default="the configuration's",
        ),
    ] = None,
) -> None:
    """Serve the page, the API and the metrics of all shards of a site; watch nothing."""
    console = Console(stderr=True)
    with exit_codes(console):
        options = load(config, MonitorOptions).with_needed_sinks()
        settings = site_settings(options, config, log_path)
        start_logging(console, verbose=False, patient=False)
        quieten()
        _serve(settings, options)


def site_settings(
    options: MonitorOptions, config: Path, log_path: Path | None = None
) -> WebSettings:
    """What the page is told of a site; ConfigError if it can have none.

    With `log_path`, its reviews are beside that, and not beside the configuration's alert log.
    """
    if options.web is None:
        raise ConfigError(f"{config}: web is needed, such as web: {{}}")
    assert options.store is not None  # see MonitorOptions.with_needed_sinks
    if options.store.site is None:
        raise ConfigError(
            f"{config}: a sink of the type store is needed, which all shards share, with site"
        )
    journal = (log_path or options.log_path or Path(JOURNAL)).parent / JOURNAL
    cameras = tuple(camera_settings(camera) for camera in options.cameras)
    return served_settings(options, journal, cameras).model_copy(update={"site": True})


def _serve(settings: WebSettings, options: MonitorOptions) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    systemd = Systemd()
    with ExitStack() as at_end:
        listening = listen("web", settings.host, settings.port, "web.port names another")
        at_end.callback(listening.close)
        metrics = (
            None
            if options.metrics is None
            else Endpoint(options.metrics.host, options.metrics.port)
        )
        if metrics is not None:
            at_end.callback(metrics.close)
        store = KeptStore(settings.store, None)
        at_end.callback(store.close)
        journal = Journal(journal_path(settings.log))
        at_end.callback(journal.close)
        copies = Copies(settings.min_free_gib)
        at_end.callback(copies.close)
        live = SiteLive()
        nodes = NodeEvidence(lambda: live.view.places)
        stored = () if settings.copies is None else (StoredEvidence(settings.copies),)
        users = None if settings.users is None else Users(settings.users)
        web = WebState(
            settings,
            store,
            journal,
            live,
            users,
            None if users is None else Sessions(users),
            copies,
            (nodes, *stored),
            nodes,
        )
        if metrics is not None:
            facts = FactReader(Reviews(settings.store, None))
            facts.start()
            at_end.callback(facts.close)
            metrics.serve(site_exposition(lambda: live.view.shards, facts.newest))
        scheme = "http" if settings.certificate is None else "https"
        log.info("the page is at %s://%s/", scheme, authority(*listening.getsockname()[:2]))
        asyncio.run(_run(web, live, listening, systemd))


async def _run(web: WebState, live: SiteLive, listening: socket.socket, systemd: Systemd) -> None:
    configured = web.settings.cameras

    def on_view(view: SiteView) -> None:
        show(web, configured, view)

    live.on_view = on_view
    watching = asyncio.create_task(live.watch(SiteReader(web.store)))
    config = serving(make_app(web), web.settings.certificate, web.settings.key)
    server = Server(config, live, signal.SIGTERM, signal.SIGINT)

    def end(_: object) -> None:
        server.should_exit = True

    watching.add_done_callback(end)
    telling = asyncio.create_task(_tell(systemd, server, live))
    await server.serve(sockets=[listening])
    telling.cancel()
    # A store that hangs is not waited for.
    late = threading.Timer(END_S, os._exit, (1,))
    late.daemon = True
    late.start()
    if watching.done():
        watching.result()  # it failed: what is shown would be old
    watching.cancel()


async def _tell(systemd: Systemd, server: Server, live: SiteLive) -> None:
    """Tell systemd how the site does, each second once the page shows it."""
    while not (server.started and live.health):
        await asyncio.sleep(TELL_S)
    systemd.ready()
    while True:
        systemd.status(summary(live.health))
        systemd.alive()
        await asyncio.sleep(TELL_S)


def summary(health: dict[str, Any]) -> str:
    """How a site does, in a line."""
    cameras, shards = health["cameras"], health["shards"]
    watched, heard = sum(one["watched"] for one in cameras), sum(one["heard"] for one in shards)
    return f"{watched} of {len(cameras)} cameras watched; {heard} of {len(shards)} shards heard of"
