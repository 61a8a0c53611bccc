"""har-monitor at work: what is set up, what signals do, and what happens when it ends."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from monitor.cli.command import told
from monitor.cli.preflight import check_decoding, check_outputs
from monitor.config.options import MonitorOptions
from monitor.display.screen import Screen, has_display
from monitor.errors import ConfigError, MonitorError
from monitor.health.systemd import Systemd
from monitor.paths import STDOUT

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.cli.adding import CameraAdding
    from monitor.cli.metrics import Metrics
    from monitor.cli.notifications import Notifications
    from monitor.cli.promotion import Promotions
    from monitor.cli.reports import ShardReports
    from monitor.cli.shard import ShardLease
    from monitor.cli.web import Page
    from monitor.display.view import View
    from monitor.evidence.copier import EvidenceCopier
    from monitor.health.status import CameraSnapshot
    from monitor.pipeline.monitor import Monitor
    from monitor.processes.processes import Processes
    from monitor.recognition.models import Models
    from monitor.records import SinkStatus
    from monitor.web.process import WebProcess

log = logging.getLogger(__name__)

# What a reload changes: whatever belongs to a camera, and who is told of its events.
_RELOADED = {"defaults", "cameras", "realtime", "notify"}


def watch(
    options: MonitorOptions,
    console: Console,
    again: Callable[[], MonitorOptions] | None,
    config: Path | None,
) -> None:
    """Watch until the files end or a signal comes.

    `again` reads the configuration once more; `config` is its file, if its cameras are watched.
    """
    share = options.share
    if not (options.cameras if share is None else share.cameras):
        raise ConfigError(
            "nothing to watch: give --source 0, --source rtsp://..., --source clip.mp4, "
            "or a --config with cameras"
        )
    if share is not None and not options.cameras:
        log.warning("none of the %d cameras is of shard %s: it waits for one", share.cameras, share)
    if options.notify is not None:
        from monitor.cli.notifications import Notifications, check_notify

        check_notify(options)
    serves = share is None or share.serves
    with ExitStack() as open_at_end:
        process = metrics = notifications = None
        if options.web is not None:
            from monitor.web.process import WebProcess

            web = options.web
            process = WebProcess(web.host if serves else None, web.port)
            open_at_end.callback(process.close)
        if options.metrics is not None and serves:
            from monitor.cli.metrics import Metrics

            metrics = Metrics(options.metrics)
            open_at_end.callback(metrics.close)
        if options.notify is not None:
            notifications = Notifications()
            open_at_end.callback(notifications.close)
        _watch(options, console, again, config, process, metrics, notifications)


def _watch(
    options: MonitorOptions,
    console: Console,
    again: Callable[[], MonitorOptions] | None,
    config: Path | None,
    process: WebProcess | None,
    metrics: Metrics | None,
    notifications: Notifications | None,
) -> None:
    systemd = Systemd()
    display = has_display() if options.display is None else options.display
    screen = Screen() if display else None  # before PyAV is loaded: see monitor.display.screen
    from monitor.cli.promotion import Promotions
    from monitor.cli.sinks import shadow_log, unfinished
    from monitor.cli.watching import make_watching
    from monitor.health.heartbeat import Heartbeat
    from monitor.pipeline.monitor import BEAT_S

    check_decoding(options)
    check_outputs(options)
    promotions = Promotions()
    configured = options
    options, promoted = promotions.applied(configured)
    view = _view(options, screen)
    lease = _lease(options)
    running = threading.Event()  # or it still waits for its lease
    heartbeat = Heartbeat(options.health, systemd, lambda: None if lease is None else lease.status)
    page: Page | None = None
    reports: ShardReports | None = None

    def beat(cameras: Sequence[CameraSnapshot], sinks: Sequence[SinkStatus], busy_s: float) -> None:
        heartbeat.beat(cameras, sinks, busy_s)
        if lease is not None and lease.fence is None:
            return  # it was stopped while another process watched them
        running.set()
        if page is not None:
            page.tell(cameras, sinks)
        if notifications is not None:
            notifications.tell(cameras)

    watching = make_watching(
        options, view, beat, None if notifications is None else notifications.wake, lease
    )
    monitor, logs_shadows = watching.monitor, watching.logs_shadows
    if notifications is not None:
        from monitor.cli.notifications import check_labels

        check_labels(options, monitor.models)
        notifications.serve(options)
    if lease is None:
        for alert in unfinished(watching.sinks):
            monitor.announce(alert)
    if process is not None:
        from monitor.cli.web import Page

        page = Page(
            options,
            process,
            monitor,
            watching.pictures,
            promoted,
            on_promotion=lambda: _start(promote, "promotion"),
            adding=_adding(options, config, monitor.models, lambda: reread("a camera on the page")),
            fence=lambda: None if lease is None else lease.fence,
        )
    stays = page is not None and page.url != ""
    copier = _copier(options)
    copies = None if copier is None else lambda: copier.status
    if metrics is not None:
        metrics.serve(monitor, options, watching.evidence_bytes, copies)
    for log_options in options.logs:
        to = "standard output" if log_options.path == STDOUT else log_options.path
        log.info("alerts go to %s", to)
    if options.save_video is not None:
        log.info("captioned video goes to %s", options.save_video)

    stopping = threading.Event()

    def stop() -> None:
        systemd.stopping()
        stopping.set()
        monitor.stop()

    in_terminal, changing = console.is_terminal, threading.Lock()

    def change(what: str, again: Callable[[], MonitorOptions]) -> None:
        """Watch what the configuration says now, and which models were promoted."""
        nonlocal configured, logs_shadows
        if lease is not None:
            running.wait()
        try:
            with changing:
                found = _reload(what, monitor, configured, again, promotions)
                if found is None:
                    return
                configured, in_force, promoted = found
                if not logs_shadows and (shadows := shadow_log(configured)) is not None:
                    monitor.add_sink(shadows if lease is None else lease.over([shadows])[0])
                    logs_shadows = True
                if lease is not None:
                    lease.follow(configured)
                if page is not None:
                    page.renew(in_force, promoted)
                if notifications is not None:
                    notifications.renew(in_force)
        except BaseException as error:  # of a thread that nobody waits for
            monitor.fail(error)

    def reload() -> None:
        if again is None or (in_terminal and not console.is_terminal):  # it was closed
            stop()
            return
        if lease is not None and not running.is_set():
            log.info("SIGHUP: the configuration is read again when this process takes over")
            running.wait()
        systemd.reloading()
        reread("SIGHUP")
        systemd.ready()

    def reread(what: str) -> None:
        assert again is not None  # or there would be no file to add cameras to
        change(what, again)

    def promote() -> None:
        change("promotion", lambda: configured)

    _on_signals({signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGHUP: reload})
    systemd.ready()
    if copier is not None:  # without a lease, too: what it kept under one waits there
        copier.start()
    try:
        failure = None
        if lease is not None and lease.wait(
            stopping, lambda: heartbeat.beat(monitor.cameras, monitor.sinks, 0.0), monitor.fail
        ):
            own = {alert.id: alert for alert in unfinished(watching.sinks)}
            left = lease.left_open(camera.name for camera in options.cameras)
            for alert in (*own.values(), *(one for one in left if one.id not in own)):
                monitor.announce(alert)
            if page is not None:
                page.renew(options, promoted)  # which now has an epoch
            from monitor.cli.reports import ShardReports

            reports = ShardReports(options, lease, watching, page, copies)
        try:
            _run(monitor, console if in_terminal else None)
        except MonitorError as error:
            watched = any(camera.frames for camera in monitor.cameras)
            if not stays or monitor.stopped or not watched:
                raise
            # It ended by itself: what was recorded until then can still be seen.
            failure = told(console, error)
        if page is not None and stays and not monitor.stopped:
            log.info("all files have ended; the page stays at %s until Ctrl-C", page.url)
            while not stopping.is_set():
                page.tell(monitor.cameras, monitor.sinks)
                if notifications is not None:
                    notifications.tell(monitor.cameras)
                stopping.wait(BEAT_S)
        if failure is not None:
            raise failure
    finally:  # one more signal must not tear down what is ending already
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if page is not None:
            page.close()
        if reports is not None:
            reports.close()
        if lease is not None:
            lease.close()
        if copier is not None:
            copier.close()


def _run(monitor: Monitor | Processes, terminal: Console | None) -> None:
    """Watch, with a table in a terminal."""
    if terminal is None:
        monitor.run()
        return
    from monitor.display.table import StatusTable

    table = StatusTable(lambda: monitor.cameras)
    with Live(table, console=terminal, refresh_per_second=4):
        monitor.run()


def _on_signals(actions: dict[signal.Signals, Callable[[], None]]) -> None:
    def act(signum: int, frame: FrameType | None) -> None:
        # Not here: the handler may have interrupted the very lock that the action takes. And no
        # reload that waits for a camera keeps the process from its end.
        _start(actions[signal.Signals(signum)], signal.Signals(signum).name.lower())

    for number in actions:
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
            continue  # nohup: it is to outlive its terminal
        signal.signal(number, act)


def _start(action: Callable[[], None], name: str) -> None:
    threading.Thread(target=action, name=name, daemon=True).start()


def _adding(
    options: MonitorOptions, config: Path | None, models: Models, reload: Callable[[], None]
) -> CameraAdding | None:
    """What adds cameras by orders of the page; None if it must not."""
    if options.web is None or not options.web.add_cameras:
        return None
    if options.share is not None:
        log.warning("web.add_cameras: with --shard the page adds none: every node has its own file")
        return None
    if config is None:
        log.warning("web.add_cameras: --source names the cameras, so the page can add none")
        return None
    from monitor.cli.adding import CameraAdding
    from monitor.cli.config_files import ConfigFiles

    return CameraAdding(ConfigFiles(config), models, reload)


def _reload(
    what: str,
    monitor: Monitor | Processes,
    configured: MonitorOptions,
    again: Callable[[], MonitorOptions],
    promotions: Promotions,
) -> tuple[MonitorOptions, MonitorOptions, frozenset[str]] | None:
    """Watch what the configuration says now; None if it is refused, and the old one stays.

    It, it with the promotions, and the cameras that these are of.
    """
    try:
        options = again()
        check_decoding(options)
        check_outputs(options)
        kept = {
            name: getattr(configured, name) for name in set(MonitorOptions.model_fields) - _RELOADED
        }
        if (options.notify is None) != (configured.notify is None):
            kept["notify"] = configured.notify  # the process is there from the start, or not at all
        changed = [name for name in sorted(kept) if getattr(options, name) != kept[name]]
        options = options.model_copy(update=kept)
        in_force, promoted = promotions.applied(options)
        if in_force.notify is not None:
            from monitor.cli.notifications import check_labels, check_notify

            check_notify(in_force)
            check_labels(in_force, monitor.models)
        if monitor.ended:
            from monitor.cli.check import describe

            describe(in_force, monitor.models)  # the page shows it, though nothing is watched
        else:
            monitor.reload(in_force)
    except MonitorError as error:
        log.warning("%s: refused, the old configuration stays: %s", what, error)
        return None
    for name in changed:
        log.warning("%s: %s changes when har-monitor is started again", what, name)
    return options, in_force, promoted


def _copier(options: MonitorOptions) -> EvidenceCopier | None:
    """What copies evidence to object storage; None if nothing is to."""
    if options.evidence is None or options.evidence.copy_to is None:
        return None
    from monitor.evidence.copier import EvidenceCopier

    log.info("evidence is copied to %s", options.evidence.copy_to)
    return EvidenceCopier(options.evidence.folder, options.evidence.copy_to)


def _lease(options: MonitorOptions) -> ShardLease | None:
    """The lease under which a shard is watched; None without --shard."""
    if options.share is None:
        return None
    from monitor.cli.shard import ShardLease

    return ShardLease(options)


def _view(options: MonitorOptions, screen: Screen | None) -> View | None:
    """The view that was asked for; None if there is nothing to draw."""
    if screen is None and options.save_video is None:
        return None
    from monitor.display.view import View

    names = [camera.name for camera in options.cameras]
    return View(names, screen=screen, save_video=options.save_video)
