"""har-monitor: watch cameras and files."""

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from monitor.cli.command import (
    EXIT_FAILED,
    ClusterCommand,
    exit_codes,
    hide_arguments,
    start_logging,
)
from monitor.config.options import MonitorOptions
from monitor.config.shard import Shard, of_shard
from monitor.config.yaml_file import explain, load
from monitor.errors import ConfigError
from monitor.names import printable
from monitor.recognition.shipped import DEFAULT, SHIPPED
from monitor.sources.address import parse_address, split_name

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_WEB = "127.0.0.1:8470"
_NAMES = 9  # width of the column of names that --check prints


class _WatchCommand(ClusterCommand):
    """Lets --web and --cluster stand alone."""

    usual = ClusterCommand.usual | {"--web": _WEB}


@app.command(
    cls=_WatchCommand,
    epilog="har-monitor init sets it up, har-monitor probe looks at one camera, har-monitor passwd "
    "makes users of the page, har-monitor notify sends a test, har-monitor page shows all shards "
    "of a site, har-monitor cluster says how it does; each has its own --help.",
)
def main(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Webcam number or device, file, rtsp(s)://, http(s)://, rtmp(s)://, srt:// or "
            "udp://. Once per camera; NAME=SOURCE names it.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(SHIPPED)}, or an ONNX file from har-export.", show_default=DEFAULT
        ),
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option(
            help="A model that is tried out beside it: its events are recorded, never raised.",
            show_default="none",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; configs/monitor.yaml shows every option.")
    ] = None,
    display: Annotated[
        bool | None,
        typer.Option(
            "--display/--headless",
            help="Show the cameras in windows (q quits), or no window.",
            show_default="a window if there is a display",
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
    health: Annotated[
        Path | None,
        typer.Option(help="File that says every second how each camera does.", show_default="none"),
    ] = None,
    web: Annotated[
        str | None,
        typer.Option(
            help="Serve the page, with an event store and evidence; HOST:PORT may be left out.",
            metavar="[HOST:PORT]",
            show_default="none",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Watch share I of N of the cameras, under a lease in the event store.",
            metavar="I/N",
            show_default="all of them",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Have the machines of a Ray cluster watch, a shard in each process; HOST:PORT of "
            "its head may be left out.",
            metavar="[HOST:PORT]",
            show_default="none",
        ),
    ] = None,
    no_page: Annotated[
        bool,
        typer.Option(
            "--no-page",
            help="With --shard: serve neither page nor metrics; har-monitor page has them of all "
            "shards.",
        ),
    ] = False,
    # Given by the cluster: the folder of this machine, in which its shards have theirs.
    node: Annotated[Path | None, typer.Option(hidden=True)] = None,
    status: Annotated[
        bool,
        typer.Option(
            "--status", help="Say how a running har-monitor does, by its --health file, then exit."
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check the configuration and the model, then exit.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Watch cameras and video files, name what people do, raise alerts."""
    hide_arguments()
    console = Console(stderr=True)
    with exit_codes(console):
        flags = _Flags(
            cameras=_cameras(source or ()),
            every_camera=_given(
                model=model,
                shadow=shadow,
                windows=_given(stride=stride),
                # The flag is for every label, and for every camera.
                activity={} if threshold is None else {"threshold": threshold, "thresholds": {}},
            ),
            others=_given(
                display=display,
                realtime=realtime,
                save_video=save_video,
                health=health,
                web=None if web is None else _web(web),
            ),
            log=log_path,
            shard=None if shard is None else Shard.parse(shard),
            serves=not no_page,
            node=node,
        )
        options = _options(config, flags)
        start_logging(console, verbose=verbose, patient=status or check)
        if status:
            _status(options)
        elif check:
            _check(options)
        elif cluster is not None:
            if config is None or flags != _Flags():
                raise ConfigError(
                    f"--cluster {cluster}: it takes --config, and everything else from that file"
                )
            from monitor.cli.cluster import begin

            begin(config, cluster)
        else:
            from monitor.cli.watch import watch

            again = None if config is None else lambda: _options(config, flags)
            watch(options, console, again, None if flags.cameras else config)


@dataclass(frozen=True)
class _Flags:
    """What was given on the command line; it wins over the file."""

    cameras: list[dict[str, str]] = field(default_factory=list)
    every_camera: dict[str, Any] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    log: Path | None = None
    shard: Shard | None = None
    serves: bool = True
    node: Path | None = None  # see ShardShare


def _given(**values: object) -> dict[str, Any]:
    """Those that are there."""
    return {name: value for name, value in values.items() if value not in (None, {})}


def _cameras(sources: Sequence[str]) -> list[dict[str, str]]:
    """Named cameras; one without a name is called after its device, host or file."""
    cameras: list[dict[str, str]] = []
    for text in sources:
        given, target = split_name(text)
        name = default = given or parse_address(target).name
        numbers = itertools.count(2)
        while given is None and any(camera["name"] == name for camera in cameras):
            name = f"{default}-{next(numbers)}"
        cameras.append({"name": name, "source": target})
    return cameras


def _options(config: Path | None, flags: _Flags) -> MonitorOptions:
    """Defaults, overridden by the file, overridden by the flags."""
    options = MonitorOptions() if config is None else load(config, MonitorOptions)
    values = options.model_dump() | flags.others
    values["defaults"] = _overridden(values["defaults"], flags.every_camera)
    cameras = flags.cameras or values["cameras"]
    values["cameras"] = [_overridden(camera, flags.every_camera) for camera in cameras]
    if flags.log is not None:
        values["sinks"] = _with_log(values["sinks"], flags.log)
    try:
        whole = MonitorOptions.model_validate(values).with_needed_sinks()
    except ValidationError as error:
        raise ConfigError(explain(error, MonitorOptions)) from None
    if flags.shard is not None:
        return of_shard(whole, flags.shard, serves=flags.serves, node=flags.node)
    if not flags.serves:
        raise ConfigError("--no-page: only with --shard, whose page `har-monitor page` can serve")
    return whole


def _web(text: str) -> dict[str, Any]:
    """The address of --web; ConfigError if it is none."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal()):
        raise ConfigError(f"--web {text}: an address such as {_WEB} is needed")
    return {"host": host.strip("[]") or "127.0.0.1", "port": int(port)}


def _overridden(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Values, with those of their blocks that are given again."""
    return values | {
        name: values.get(name, {}) | value if isinstance(value, dict) else value
        for name, value in over.items()
    }


def _with_log(sinks: Sequence[dict[str, Any]], path: Path) -> list[dict[str, Any]]:
    """The sinks, of which the first alert log has this path; if there is none, it comes first."""
    place = next((n for n, sink in enumerate(sinks) if sink["type"] == "log"), None)
    if place is None:
        return [{"type": "log", "path": path}, *sinks]
    return [*sinks[:place], sinks[place] | {"path": path}, *sinks[place + 1 :]]


def _status(options: MonitorOptions) -> None:
    """Print how the monitor does that writes the health file; exit 1 if not all is well."""
    from monitor.display.table import show_health
    from monitor.health.health_file import read_health

    if options.health is None:
        raise ConfigError("--status needs --health FILE, or a --config with health")
    health = read_health(options.health)
    show_health(health, Console())
    if not health.ok:
        raise typer.Exit(EXIT_FAILED)


def _check(options: MonitorOptions) -> None:
    """Print what would be watched, with which model."""
    from monitor.cli.check import check

    found = check(options)
    out = Console(soft_wrap=True, highlight=False, markup=False)
    for name, text in found:
        line = f"{name:{_NAMES}}{printable(text)}"
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
