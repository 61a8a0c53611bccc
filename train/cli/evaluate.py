"""har-evaluate: test a trained or exported model, on clips one by one or in whole streams."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from export.backend import training_tools
from monitor.cli.command import (
    Command,
    exit_codes,
    hide_arguments,
    local_time,
    quieter,
    start_logging,
)
from monitor.cli.interrupt import interruptible
from monitor.errors import ConfigError
from train.cli.options import CacheFolder, EvidenceFolder, OptionalDataFolder

Given = TypeVar("Given")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=Command)
def main(
    model: Annotated[
        Path,
        typer.Argument(
            help="A .keras or .onnx file; for --tune the folder of har-train --folds.",
            metavar="MODEL",
            show_default=False,
        ),
    ],
    data: OptionalDataFolder = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the metrics and the report.")] = None,
    fold: Annotated[
        int | None, typer.Option(help="Test on this fold only.", show_default="all clips")
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Test alerts: the monitor watches clips inserted into footage; without --data, "
            "the footage alone; videos with events are watched as they are.",
        ),
    ] = False,
    tune: Annotated[
        bool,
        typer.Option(
            "--tune",
            help="Find the best thresholds and timing for a model in streams of held-out clips, "
            "and write them into it.",
        ),
    ] = False,
    footage: Annotated[
        Path | None,
        typer.Option(
            help="Footage in which nothing happens, for --stream and --tune: a file or a folder."
        ),
    ] = None,
    background: Annotated[str | None, typer.Option(hidden=True)] = None,
    false_alarms_per_day: Annotated[
        float | None,
        typer.Option(min=0, help="The limit for --tune.", show_default="whatever the best F1 has"),
    ] = None,
    unknown: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of clips of other activities: how well the model distinguishes them from "
            "--data. Once per folder.",
            show_default=False,
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            help="Another model: both watch the clips of the reviewed --events, and the report "
            "says which alarms are kept, which false ones are gone, and which are new.",
            show_default=False,
        ),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            help="Event store for --against: a SQLite file, or "
            "postgresql://USER:PASSWORD@HOST/DATABASE.",
            show_default=False,
        ),
    ] = None,
    evidence: EvidenceFolder = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Day, or time, from which on events are watched: those after the last that "
            "MODEL was trained on.",
            show_default="all",
        ),
    ] = None,
    cache: CacheFolder = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Test a model on labelled clips and report how good it is, as har-train does."""
    console = Console(stderr=True)
    with exit_codes(console):
        if background is not None:
            raise ConfigError("--background names a label, in har-train; footage is --footage")
        if against is not None or events is not None:
            if any((data, stream, tune, footage, false_alarms_per_day, unknown, fold is not None)):
                raise ConfigError("--against goes with --events, --evidence, --since and --out")
            hide_arguments()  # the store's may hold a password
            work = _comparison(
                model, _require("--against", against), _require("--events", events), evidence,
                since, _require("--out", out),
            )  # fmt: skip
        elif evidence is not None or since is not None:
            raise ConfigError("--evidence and --since need --against and --events")
        else:
            work = _select_task(
                model, data, out, fold, stream, tune, footage, false_alarms_per_day, unknown or ()
            )
        start_logging(console, verbose=verbose)
        with interruptible(console.show_cursor), training_tools(), fewer_lines(verbose):
            if tune or ".keras" in (model.suffix, against and against.suffix):
                from export.backend import start_tensorflow

                start_tensorflow()
            from train.data.cache_folder import default_cache

            work(cache or default_cache(), console)


@contextmanager
def fewer_lines(verbose: bool) -> Iterator[None]:
    """Drop the monitor's log lines about each stream that starts and ends, unless `verbose`."""
    with nullcontext() if verbose else quieter(logging.WARNING, "monitor"):
        yield


def _select_task(
    model: Path,
    data: Path | None,
    out: Path | None,
    fold: int | None,
    stream: bool,
    tune: bool,
    footage: Path | None,
    per_day: float | None,
    unknown: Sequence[Path],
) -> Callable[[Path, Console], None]:
    """The task that the options ask for; ConfigError for options that exclude each other."""
    if stream and tune:
        raise ConfigError("--stream and --tune exclude each other")
    if footage is not None and not (stream or tune):
        raise ConfigError("--footage needs --stream or --tune")
    if unknown and (stream or tune):
        raise ConfigError("--unknown goes with neither --stream nor --tune")
    if per_day is not None and not tune:
        raise ConfigError("--false-alarms-per-day needs --tune")
    if tune:
        if fold is not None or out is not None:
            raise ConfigError("--tune takes no --fold and no --out: MODEL is a run with its folds")
        films = _require("--footage", footage)

        def tuning(cache: Path, console: Console) -> None:
            from train.experiment.rule_tuning import tune_model

            tune_model(model, data, films, per_day, cache, console)

        return tuning
    report = _require("--out", out)
    if stream:
        if fold is not None:
            _require("--data", data)
        if data is None:
            _require("--footage", footage)

        def streaming(cache: Path, console: Console) -> None:
            from train.experiment.stream_evaluation import evaluate_streams

            evaluate_streams(model, data, footage, report, fold, cache, console)

        return streaming
    clips = _require("--data", data)

    def testing(cache: Path, console: Console) -> None:
        from train.experiment.clip_evaluation import evaluate_clips

        evaluate_clips(model, clips, report, fold, cache, console, unknown)

    return testing


def _comparison(
    new: Path, old: Path, events: str, evidence: Path | None, since: datetime | None, out: Path
) -> Callable[[Path, Console], None]:
    """The task of --against."""

    def comparing(cache: Path, console: Console) -> None:
        from train.data.reviewed import evidence_folder, reviewed_clips
        from train.experiment.model_comparison import compare_models

        folder = evidence_folder(events, evidence)
        clips = reviewed_clips(events, folder, since=local_time("--since", since))
        compare_models(new, old, clips, folder.resolve().name, since is not None, out, console)

    return comparing


def _require(option: str, value: Given | None) -> Given:
    if value is None:
        raise ConfigError(f"{option} is missing")
    return value
