"""har-monitor: watch cameras and files."""

import itertools
import logging
import signal
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.live import Live

from monitor.command import exit_codes, start_logging
from monitor.config import MonitorOptions
from monitor.contract import Contract
from monitor.errors import ConfigError
from monitor.paths import STDOUT, check_inputs, check_outputs
from monitor.source.address import parse_address, split_name
from monitor.yamlfile import explain, load

if TYPE_CHECKING:
    from monitor.screen import Screen
    from monitor.view import View

log = logging.getLogger(__name__)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_NAMES = 9  # width of the column of names that --check prints


@app.command()
def main(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Webcam number, /dev/videoN, file, rtsp(s):// or http(s)://. Once per camera; "
            "NAME=SOURCE names it.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="ONNX file from har-export.", show_default="the one shipped")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; configs/monitor.yaml shows every option.")
    ] = None,
    display: Annotated[
        bool | None,
        typer.Option(
            "--display/--headless",
            help="Show the cameras in windows (q quits), or no window.",
            show_default="a window where there is a display",
        ),
    ] = None,
    log_path: Annotated[
        Path | None,
        typer.Option(
            "--log",
            help="Alert log, JSON lines; - is standard output.",
            show_default="alerts.jsonl",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Score from 0 to 1 that starts an activity.", show_default="the model's"),
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="Sampled frames between two windows.", show_default="5")
    ] = None,
    realtime: Annotated[
        bool | None,
        typer.Option(
            "--realtime/--no-realtime",
            help="Play files at their own speed, as if they were cameras.",
            show_default="as fast as they go",
        ),
    ] = None,
    save_video: Annotated[
        Path | None, typer.Option(help="Write the video with its captions to an MP4 file.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the configuration and the model, then exit.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Watch cameras and video files, name what people do, raise alerts."""
    console = Console(stderr=True)
    with exit_codes(console):
        flags = {
            "cameras": _cameras(source or ()),
            "model": model,
            "display": display,
            "log": {"path": log_path},
            "activity": {"threshold": threshold},
            "windows": {"stride": stride},
            "realtime": realtime,
            "save_video": save_video,
        }
        options = _options(config, flags)
        start_logging(console, verbose=verbose)
        if check:
            _check(options)
        else:
            _watch(options, console)


def _cameras(sources: Sequence[str]) -> list[dict[str, str]] | None:
    """Named cameras; one without a name is called after its device, host or file."""
    if not sources:
        return None
    cameras: list[dict[str, str]] = []
    for text in sources:
        given, target = split_name(text)
        name = default = given or parse_address(target).name
        numbers = itertools.count(2)
        while given is None and any(camera["name"] == name for camera in cameras):
            name = f"{default}-{next(numbers)}"
        cameras.append({"name": name, "source": target})
    return cameras


def _options(config: Path | None, flags: dict[str, Any]) -> MonitorOptions:
    """Defaults, overridden by the file, overridden by the flags."""
    options = MonitorOptions() if config is None else load(config, MonitorOptions)
    values = _merged(options.model_dump(), flags)
    if flags["activity"]["threshold"] is not None:
        values["activity"]["thresholds"] = {}  # the flag is for every label
    try:
        return MonitorOptions.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, MonitorOptions)) from None


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`under` with every value of `over` that is not None."""
    merged = dict(under)
    for key, value in over.items():
        if isinstance(value, dict):
            merged[key] = _merged(under[key], value)
        elif value is not None:
            merged[key] = value
    return merged


def _check(options: MonitorOptions) -> None:
    """Print what would be watched, with which model."""
    from monitor.check import facts
    from monitor.classifier import SHIPPED, OnnxClassifier
    from monitor.hardware import check_hardware

    classifier = OnnxClassifier(options.model or SHIPPED, options.inference.provider)
    check_hardware(options.decode.hardware)
    found = facts(options, classifier)
    check_inputs(options)
    check_outputs(options)
    out = Console(soft_wrap=True, highlight=False, markup=False)
    for name, text in found:
        line = f"{name:{_NAMES}}{text}"
        # People read it in a terminal; elsewhere, a fact is a line.
        out.print(_hanging(line, out.width) if out.is_terminal else line)
    said = (
        "no camera was contacted" if options.cameras else "no camera is configured: give --source"
    )
    out.print(f"ok; {said}")


def _hanging(line: str, width: int) -> str:
    """A line of --check in several, below one another beside its name; no word is broken."""
    return textwrap.fill(
        line,
        width,
        subsequent_indent=" " * _NAMES,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _watch(options: MonitorOptions, console: Console) -> None:
    if not options.cameras:
        raise ConfigError(
            "nothing to watch: give --source 0, --source rtsp://..., --source clip.mp4, "
            "or a --config with cameras"
        )
    from monitor.screen import Screen, has_display

    display = has_display() if options.display is None else options.display
    screen = Screen() if display else None  # before PyAV is loaded: see monitor.screen
    from monitor.classifier import SHIPPED, OnnxClassifier
    from monitor.hardware import check_hardware
    from monitor.pipeline import Monitor
    from monitor.sinks.console import ConsoleSink
    from monitor.sinks.jsonl import JsonLinesSink
    from monitor.status import StatusTable

    classifier = OnnxClassifier(options.model or SHIPPED, options.inference.provider)
    check_hardware(options.decode.hardware)
    check_outputs(options)
    view = _view(options, classifier.contract, screen)
    alert_log = JsonLinesSink(
        options.log.path,
        model=classifier.sha256,
        window_s=classifier.contract.clip.span_s,
        max_bytes=int(options.log.max_mib * 2**20),
        keep=options.log.keep,
    )
    log.info(
        "alerts go to %s", "standard output" if options.log.path == STDOUT else options.log.path
    )
    if options.save_video is not None:
        log.info("captioned video goes to %s", options.save_video)
    monitor = Monitor(options, classifier, [alert_log, ConsoleSink()], view)

    def stop(signum: int, frame: FrameType | None) -> None:
        # Not here: the handler may have interrupted the very lock that stop() takes.
        threading.Thread(target=monitor.stop, name="stop").start()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    if console.is_terminal:
        with Live(StatusTable(monitor.cameras), console=console, refresh_per_second=4):
            monitor.run()
    else:
        monitor.run()


def _view(options: MonitorOptions, contract: Contract, screen: "Screen | None") -> "View | None":
    """The view that was asked for; None where there is nothing to draw."""
    if screen is None and options.save_video is None:
        return None
    from monitor.view import View

    return View(
        {camera.name: options.is_live(camera) for camera in options.cameras},
        options.activity.rules(contract).thresholds,
        screen=screen,
        save_video=options.save_video,
        regions={camera.name: camera.areas for camera in options.cameras},
    )
