"""Testing a model on streams: clips inserted into footage, or footage alone."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.config.options import ActivityOptions
from monitor.errors import ConfigError, DataError
from monitor.recognition.metadata import ModelMetadata
from train.data.background import add_footage_warning
from train.data.footage import Footage, find_footage
from train.data.listed import VIDEOS, ListedVideo, listed_events, listed_videos
from train.evaluate.evaluation_set import load_evaluation_set
from train.evaluate.event_match import Event
from train.evaluate.overlap import HOW, WARNINGS, Overlap, check_groups
from train.evaluate.playback import WatchedStream, watch_streams
from train.evaluate.scoring import Scorer, load_scorer
from train.evaluate.stream_results import StreamResult, match_stream
from train.evaluate.streams import StreamPlan, plan_footage, plan_streams, plan_videos
from train.evaluate.tuning import threshold_sweep
from train.progress import Bar
from train.report.stream_report import Accuracy, StreamReport, clip_accuracy, describe
from train.report.write import HTML_NAME, write_stream_report

log = logging.getLogger(__name__)

ALONE = "Footage in which nothing happens was watched as it is: every alert is false."
FILMED = (
    "Videos were watched as they were filmed, with the daily life before and after each event. "
    "Footage in which nothing happens was watched as it is."
)
COMPOSED = (
    "Each group of clips was inserted into footage in which nothing happens, one stream each, and "
    "har-monitor's own pipeline watched it. Clips of background labels are among them: an alert "
    "for one of these is false."
)


def evaluate_streams(
    model: Path,
    data: Path | None,
    films: Path | None,
    out: Path,
    fold: int | None,
    cache: Path,
    console: Console,
) -> None:
    """Let the monitor watch streams of clips inserted into the footage `films`, and report.

    The clips are those of one fold of `data`, or all; without `data`, the footage alone is watched.
    If `data` lists videos with events, they are watched as they were filmed, beside the footage.
    """
    if (out / MODEL_NAME).exists():
        raise ConfigError(f"--out {out}: holds a run of har-train, with its own report")
    filmed = data is not None and (data / VIDEOS).is_file()
    if films is None and not filmed:
        raise ConfigError("--footage is missing; only videos with events need none")
    footage = find_footage(films) if films else ()
    scorer = load_scorer(model)
    metadata = scorer.metadata
    clips_alone: Accuracy | None = None
    notes: Sequence[str] = ()
    if data is None:
        how, warning, of = ALONE, None, films.name if films else ""
        judged = _stream_results(scorer, plan_footage(footage), console)
    elif filmed:
        videos = [video for video in listed_videos(data) if fold in (None, video.whole.fold)]
        if not videos:
            raise ConfigError(f"fold {fold}: no video of {data / VIDEOS} is in it")
        split = _videos_overlap(metadata, data, fold, cache, console)
        how, warning = f"{FILMED} {HOW[split]}", WARNINGS.get(split)
        of = data.name if fold is None else f"fold {fold} of {data.name}"
        plans = plan_videos([_with_events(data, video) for video in videos])
        judged = _stream_results(scorer, plans + plan_footage(footage), console)
    else:
        evaluation_set = load_evaluation_set(metadata, data, fold, cache, console)
        scored = evaluation_set.score(scorer.predict, metadata)
        split = check_groups(evaluation_set.overlap(metadata), scored)
        how, warning = f"{COMPOSED} {HOW[split]}", WARNINGS.get(split)
        of, notes = evaluation_set.name, evaluation_set.notes
        judged = _stream_results(
            scorer, plan_streams(evaluation_set.clip_inserts, footage), console
        )
        clips_alone = clip_accuracy([scored], judged)
    warning = add_footage_warning(warning, metadata.data.footage, footage)
    rules = ActivityOptions().rules(metadata)
    report = StreamReport(
        title=f"{metadata.name} on streams of {of}",
        how=how,
        warning=warning,
        metadata=metadata,
        judged=judged,
        accuracy=clips_alone,
        sweep=threshold_sweep([one.watched for one in judged], rules, metadata.clip.span_s),
        settings={
            "model": model.name,
            "fold": fold,
            "footage": describe_footage(films, footage) if films else None,
            "rules": asdict(rules),
        },
        notes=notes,
    )
    write_stream_report(out, report)
    if warning is not None:
        log.warning("%s: %s", of, warning)
    log.info("%s: %s; report in %s", of, describe(report.total), out / HTML_NAME)


def _videos_overlap(
    metadata: ModelMetadata, data: Path, fold: int | None, cache: Path, console: Console
) -> Overlap:
    """How the videos overlap with the training clips; not known if the labels were mapped."""
    labels = {clip.label for clip in listed_events(data, metadata.clip.span_s)}
    if labels <= set(metadata.labels):
        return load_evaluation_set(metadata, data, fold, cache, console).overlap(metadata)
    return "related" if data.resolve().name in metadata.data.name.split("+") else "unknown"


def _with_events(data: Path, video: ListedVideo) -> tuple[Footage, list[Event]]:
    """A listed video as footage called by its path, with its events; DataError for one after it."""
    (film,) = find_footage(data / video.whole.path)
    for event in video.events:
        if event.start_s >= film.duration_s:
            raise DataError(
                f"{data / VIDEOS}: {event.path}: the video ends at {film.duration_s:.2f} s"
            )
    events = [
        Event(event.label, event.start_s, min(event.end_s, film.duration_s))
        for event in video.events
    ]
    return replace(film, name=video.whole.path), events


def watch(
    scorer: Scorer, plans: Sequence[StreamPlan], title: str, console: Console
) -> list[WatchedStream]:
    """Let the monitor watch the streams, with a progress bar."""
    with Bar(console, title, len(plans)) as bar:
        return watch_streams(scorer, plans, bar.advance)


def describe_footage(films: Path, footage: Sequence[Footage]) -> str:
    """The number of files and minutes of footage."""
    minutes = sum(film.duration_s for film in footage) / 60
    return f"{films.name}: {len(footage)} files, {minutes:.1f} minutes"


def _stream_results(
    scorer: Scorer, plans: Sequence[StreamPlan], console: Console
) -> list[StreamResult]:
    """The results of streams under the model's own rules."""
    metadata = scorer.metadata
    rules = ActivityOptions().rules(metadata)
    return [
        match_stream(watched, rules, metadata.clip.span_s, watched.alerts)
        for watched in watch(scorer, plans, "streams", console)
    ]
