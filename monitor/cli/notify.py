"""har-monitor notify: try a target, see what waits, and tell a camera to be silent."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from monitor.cli.command import EXIT_FAILED, Command, exit_codes, start_logging
from monitor.cli.notifications import check_notify, notify_settings
from monitor.cli.notifier import silence_libraries
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from monitor.notify.arming import Arming, all_arming, obey
from monitor.notify.message import trial
from monitor.notify.notification import Order, OrderKind, TargetError
from monitor.notify.outbox import Outbox, RowState
from monitor.notify.settings import NotifySettings
from monitor.notify.targets import make_target
from monitor.store.event import moment_of
from monitor.store.rebuild import KeptStore
from monitor.store.store import EventStore

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

Config = Annotated[
    Path, typer.Option("--config", help="YAML file with notify.", show_default=False)
]
CameraName = Annotated[str, typer.Argument(help="Name of a camera.", show_default=False)]


@app.callback()
def main() -> None:
    """Try targets, see what waits for them, and say of which cameras nobody is told."""


@app.command(cls=Command)
def test(
    target: Annotated[str, typer.Argument(help="Name of a target.", show_default=False)],
    config: Config,
) -> None:
    """Send a target a test message now, past the outbox, and say what became of it."""
    with _settings(config) as (options, settings):
        check_notify(options)
        known = {one.name: one for one in settings.notify.targets}
        if target not in known:
            raise ConfigError(f"no target is named {target}; targets: {', '.join(known)}")
        notify = settings.notify
        made = make_target(known[target], notify.site, notify.clock, None)
        try:
            with closing(made):
                made.send(trial())
        except TargetError as error:
            raise TargetError(f"{target}: {error}") from None
        typer.echo(f"{target}: sent")


@app.command(cls=Command)
def status(config: Config) -> None:
    """Say how many messages wait, were sent in the last days and were given up, by target."""
    with _settings(config) as (_, settings), _store(settings) as store:
        outbox = Outbox(store)
        counts = outbox.counts()
        table = Table("target", "waiting", "sent", "given up", "last error", box=None)
        for name in dict.fromkeys([*(one.name for one in settings.notify.targets), *counts]):
            found = counts.get(name, {})
            numbers = (RowState.WAITING, RowState.SENT, RowState.GIVEN_UP)
            error = outbox.last_error(name)
            table.add_row(name, *(str(found.get(state, 0)) for state in numbers), error)
        Console(soft_wrap=True, highlight=False, markup=False).print(table)
        now_ms = round(time.time() * 1000)
        for camera, arming in all_arming(store).items():
            if arming.silent(now_ms):
                typer.echo(f"camera {camera} is {_in_words(arming, now_ms)}")
        if any(RowState.GIVEN_UP in found for found in counts.values()):
            raise typer.Exit(EXIT_FAILED)


@app.command(cls=Command)
def snooze(
    camera: CameraName,
    minutes: Annotated[
        float, typer.Argument(help="From now; 0 ends it.", min=0, max=525600, show_default=False)
    ],
    config: Config,
) -> None:
    """Tell nobody of a camera's events for some time."""
    _order(config, Order(OrderKind.SNOOZE, camera, minutes))


@app.command(cls=Command)
def disarm(camera: CameraName, config: Config) -> None:
    """Tell nobody of a camera's events, until it is armed."""
    _order(config, Order(OrderKind.DISARM, camera))


@app.command(cls=Command)
def arm(camera: CameraName, config: Config) -> None:
    """Tell of a camera's events again."""
    _order(config, Order(OrderKind.ARM, camera))


def _order(config: Path, order: Order) -> None:
    with _settings(config) as (options, settings), _store(settings) as store:
        names = [camera.name for camera in options.cameras]
        if order.camera not in names:
            allowed = ", ".join(names) or "none"
            raise ConfigError(f"no camera is named {order.camera}; cameras: {allowed}")
        now_ms = round(time.time() * 1000)
        obey(store, order, now_ms)
        how = _in_words(all_arming(store)[order.camera], now_ms)
        typer.echo(f"camera {order.camera} is {how}")


def _in_words(arming: Arming, now_ms: int) -> str:
    if not arming.silent(now_ms):
        return "armed"
    until = moment_of(arming.snoozed_ms)
    return f"snoozed until {until:%Y-%m-%d %H:%M} UTC" if arming.armed else "disarmed"


@contextmanager
def _settings(config: Path) -> Iterator[tuple[MonitorOptions, NotifySettings]]:
    """The configuration, with errors as every command tells them."""
    console = Console(stderr=True)
    with exit_codes(console):
        start_logging(console, verbose=False)
        silence_libraries()
        options = load(config, MonitorOptions).with_needed_sinks()
        yield options, notify_settings(options)


@contextmanager
def _store(settings: NotifySettings) -> Iterator[EventStore]:
    where = settings.store
    if "://" not in where and not Path(where).exists():  # who makes it may not be who watches
        raise ConfigError(f"event store {where}: no such file; har-monitor makes it at its start")
    with closing(KeptStore(where, settings.log)) as store:
        yield store
