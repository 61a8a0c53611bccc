"""har-train: fit a network on a folder of clips."""

import logging
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from export.backend import training_tools
from export.keras_file import MODEL_NAME
from monitor.atomic import make_folder
from monitor.cli.cluster import ray_needed
from monitor.cli.command import (
    ClusterCommand,
    exit_codes,
    hide_arguments,
    local_time,
    start_logging,
)
from monitor.cli.interrupt import EXIT_INTERRUPTED, interruptible
from monitor.errors import ConfigError
from train.cli.options import CacheFolder, DataFolders, EvidenceFolder
from train.recipe.options import ARCHITECTURES, BASELINES, DataOptions, Recipe, read_recipe

if TYPE_CHECKING:
    from train.data.clips import Dataset
    from train.experiment.training import FitFolds

log = logging.getLogger(__name__)

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(cls=ClusterCommand)
def main(
    out: Annotated[Path, typer.Option(help="Folder for the model, its metrics and the report.")],
    data: DataFolders = None,
    arch: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(ARCHITECTURES)}; {' and '.join(BASELINES)} are for a comparison.",
            show_default="r2plus1d",
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML file; configs/train.yaml shows every option.")
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Test on this fold only.")] = None,
    folds: Annotated[
        bool, typer.Option("--folds", help="Test on every fold in turn, then fit on all clips.")
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Let the nodes of a Ray cluster fit the folds, which read --cache under the same "
            "name; HOST:PORT of its head may be left out.",
            metavar="[HOST:PORT]",
            show_default="none",
        ),
    ] = None,
    background: Annotated[
        list[str] | None,
        typer.Option(help="Label that never alerts. Once per label.", show_default=False),
    ] = None,
    footage: Annotated[
        list[Path] | None,
        typer.Option(
            help="Video file, or folder of them, of your own cameras in which nothing happens: "
            "trained on as the background label. Once per file or folder.",
            show_default=False,
        ),
    ] = None,
    from_events: Annotated[
        str | None,
        typer.Option(
            help="Event store whose reviewed events are trained on, too: a SQLite file, or "
            "postgresql://USER:PASSWORD@HOST/DATABASE.",
            show_default="none",
        ),
    ] = None,
    evidence: EvidenceFolder = None,
    events_until: Annotated[
        datetime | None,
        typer.Option(
            help="Day, or time, before which these events began; the later ones are for a test.",
            show_default="all",
        ),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL.onnx",
            help="Write the model for har-monitor, too, as har-export does.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Number of epochs at most.", show_default="30")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all random choices.", show_default="1")
    ] = (None),
    cache: CacheFolder = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
) -> None:
    """Fit a network on labelled clips, test it on clips it never saw, report how good it is.

    The same command resumes a run that was stopped.
    """
    console = Console(stderr=True)
    with exit_codes(console):
        options = {
            "data": tuple(DataOptions(path=path) for path in data) if data else None,
            "arch": arch,
            "epochs": epochs,
            "seed": seed,
            "background": tuple(background) if background else None,
            "footage": tuple(footage) if footage else None,
        }
        given = {name: value for name, value in options.items() if value is not None}
        recipe = read_recipe(config, given)
        if not recipe.data and from_events is None:
            raise ConfigError("--data is missing, and the recipe names no data")
        if folds and fold is not None:
            raise ConfigError("--fold and --folds exclude each other")
        if recipe.split == "random" and (folds or fold is not None):
            raise ConfigError("--fold and --folds need split: grouped; the recipe says random")
        if cluster is not None and not folds:
            raise ConfigError("--cluster needs --folds: each fold is fitted by itself")
        if from_events is None and (evidence is not None or events_until is not None):
            raise ConfigError("--evidence and --events-until need --from-events")
        if export is not None and export.suffix != ".onnx":
            raise ConfigError(f"--export {export}: the name must end with .onnx")
        if export is not None and recipe.arch in BASELINES:
            raise ConfigError(f"--export needs a network; found {recipe.arch}")
        hide_arguments()
        start_logging(console, verbose=verbose)
        try:
            with interruptible(console.show_cursor), training_tools():
                from train.data.mixed import load_data

                fit_folds = _fit_folds(cluster)
                if from_events is None:
                    dataset = load_data(recipe.data, recipe.labels, recipe.spec.span_s)
                else:
                    recipe, dataset = _with_events(recipe, from_events, evidence, events_until, out)
                _train(out, recipe, dataset, fold, folds, fit_folds, cache, console)
                if export is not None:
                    _export(out / MODEL_NAME, export)
                elif recipe.arch not in BASELINES:
                    log.info("next: har-export %s NAME.onnx", out / MODEL_NAME)
        except KeyboardInterrupt:
            console.print("stopped; the same command resumes after the last complete epoch")
            raise typer.Exit(EXIT_INTERRUPTED) from None


def _with_events(
    recipe: Recipe, store: str, evidence: Path | None, until: datetime | None, out: Path
) -> "tuple[Recipe, Dataset]":
    """The recipe with the reviewed events of a store, and the clips of all of its data.

    The table of the events is written into `out`.
    """
    from train.data.mixed import join_data, read_data
    from train.data.reviewed import (
        EVENT_WEIGHT,
        evidence_folder,
        reviewed_clips,
        write_reviewed,
    )

    if not recipe.background:
        raise ConfigError("--from-events needs --background: the label of dismissed events")
    folder = evidence_folder(store, evidence)
    others = read_data(recipe.data, recipe.spec.span_s, alone=False)
    known = {clip.label for dataset in others for clip in dataset.clips}
    if recipe.labels:
        known.intersection_update(recipe.labels)
    make_folder(out)
    table = out / "events.csv"
    clips = reviewed_clips(store, folder, until=local_time("--events-until", until))
    span_s = recipe.spec.span_s
    write_reviewed(clips, folder, table, recipe.background[0], span_s, sorted(known))
    log.info("%s: %d reviewed events are trained on", folder, len(clips))
    own = DataOptions(path=folder, clips=table, weight=EVENT_WEIGHT, own=True)
    data = (*recipe.data, own)
    events = read_data([own], recipe.spec.span_s, alone=not others)
    dataset = join_data(data, (*others, *events), recipe.labels)
    return recipe.model_copy(update={"data": data}), dataset


def _fit_folds(cluster: str | None) -> "FitFolds":
    """How folds are fitted: in turn here, or by the nodes of a cluster."""
    from train.experiment.training import fit_in_turn

    if cluster is None:
        return fit_in_turn
    with ray_needed():
        from monitor.cluster.ray_session import joined_for_tasks
        from train.experiment.fold_tasks import fit_by_tasks
    with joined_for_tasks(cluster):
        pass  # what is wrong is said now, and not after all clips were decoded
    return partial(fit_by_tasks, cluster)


def _export(model: Path, target: Path) -> None:
    from export.export import export_model

    done = export_model(model, target)
    log.info("%s: %.1f ms a window on one thread", done.path, done.window_ms)


def _train(
    out: Path,
    recipe: Recipe,
    dataset: "Dataset",
    fold: int | None,
    folds: bool,
    fit_folds: "FitFolds",
    cache: Path | None,
    console: Console,
) -> None:
    from export.backend import start_tensorflow
    from train.data.background import (
        BackgroundClips,
        check_not_in_clips,
        decode_footage,
        film_parts,
    )
    from train.data.cache_folder import default_cache
    from train.data.decoding import decode_clips
    from train.experiment.experiment import Experiment
    from train.experiment.training import check_names, train_folds, train_split

    check_names(recipe, dataset)
    if not recipe.background:
        log.warning(
            "every label will alert: %s; --background names those that must not",
            ", ".join(dataset.labels),
        )
    if any(out.resolve().is_relative_to(source.path.resolve()) for source in recipe.data):
        raise ConfigError(f"--out {out}: lies in the folder of clips; choose another")
    if recipe.arch in BASELINES and (out / MODEL_NAME).exists():
        raise ConfigError(
            f"--out {out}: holds the {MODEL_NAME} of another run, which the report on "
            f"{recipe.arch} would not be about; choose another"
        )
    make_folder(out)
    cache = (cache or default_cache()).absolute()
    parts = film_parts(recipe.footage)
    decoded_clips = decode_clips(dataset, recipe.spec, recipe.sampling, cache, console)
    excluded = tuple(
        decoded_clips.merged_groups.get(group, group) for group in recipe.exclude_groups
    )
    recipe = recipe.model_copy(update={"exclude_groups": excluded})
    background_clips = BackgroundClips()
    if parts:
        background_clips = decode_footage(parts, recipe.spec, cache, console)
        check_not_in_clips(background_clips, decoded_clips)
        log.info("footage: %s", background_clips.summary)
    experiment = Experiment(
        dataset, decoded_clips, recipe, console, background_clips=background_clips
    )
    if not experiment.is_baseline:
        start_tensorflow()
    if folds:
        train_folds(experiment, out, fit_folds)
    else:
        train_split(experiment, out, fold)
