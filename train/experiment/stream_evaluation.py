"""Testing a model on streams: clips inserted into footage, or footage alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
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
from train.evaluate.overlap import HOW, WARNINGS, Overlap, check_groups, overlap_by_name
from train.evaluate.playback import WatchedStream, watch_streams
from train.evaluate.scores import Scored
from train.evaluate.scoring import Scorer, load_scorer
from train.evaluate.stream_results import StreamResult, match_stream
from train.evaluate.streams import StreamPlan, plan_footage, plan_streams, plan_videos
from train.evaluate.tuning import threshold_sweep
from train.progress import Bar
from train.report.stream_report import StreamReport, clip_accuracy, describe
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


@dataclass(frozen=True)
class _Streams:
    """The streams of an evaluation, and what the report says about them."""

    plans: tuple[StreamPlan, ...]
    of: str  # what is shown in them
    how: str
    warning: str | None = None
    scored: Scored | None = None  # their clips, each alone
    notes: Sequence[str] = ()


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
    if data is None:
        streams = _Streams(plan_footage(footage), films.name if films else "", ALONE)
    elif filmed:
        streams = _filmed(metadata, data, footage, fold, cache, console)
    else:
        streams = _composed(scorer, data, footage, fold, cache, console)
    results = _stream_results(scorer, streams.plans, console)
    warning = add_footage_warning(streams.warning, metadata.data.footage, footage)
    rules = ActivityOptions().rules(metadata)
    report = StreamReport(
        title=f"{metadata.name} on streams of {streams.of}",
        how=streams.how,
        warning=warning,
        metadata=metadata,
        results=results,
        accuracy=clip_accuracy([streams.scored], results) if streams.scored else None,
        sweep=threshold_sweep([one.watched for one in results], rules, metadata.clip.span_s),
        settings={
            "model": model.name,
            "fold": fold,
            "footage": describe_footage(films, footage) if films else None,
            "rules": asdict(rules),
        },
        notes=streams.notes,
    )
    write_stream_report(out, report)
    if warning is not None:
        log.warning("%s: %s", streams.of, warning)
    log.info("%s: %s; report in %s", streams.of, describe(report.total), out / HTML_NAME)


def _filmed(
    metadata: ModelMetadata,
    data: Path,
    footage: Sequence[Footage],
    fold: int | None,
    cache: Path,
    console: Console,
) -> _Streams:
    """Videos with events, and footage beside them."""
    plans = plan_filmed(data, fold)
    if not plans:
        raise ConfigError(f"fold {fold}: no video of {data / VIDEOS} is in it")
    overlap = _videos_overlap(metadata, data, fold, cache, console)
    return _Streams(
        plans + plan_footage(footage),
        data.name if fold is None else f"fold {fold} of {data.name}",
        f"{FILMED} {HOW[overlap]}",
        WARNINGS.get(overlap),
    )


def _composed(
    scorer: Scorer,
    data: Path,
    footage: Sequence[Footage],
    fold: int | None,
    cache: Path,
    console: Console,
) -> _Streams:
    """Clips inserted into footage."""
    tested = load_evaluation_set(scorer.metadata, data, fold, cache, console)
    scored = tested.score(scorer.predict, scorer.metadata)
    overlap = check_groups(tested.overlap(scorer.metadata), scored)
    return _Streams(
        plan_streams(tested.clip_inserts, footage),
        tested.name,
        f"{COMPOSED} {HOW[overlap]}",
        WARNINGS.get(overlap),
        scored,
        tested.notes,
    )


def _videos_overlap(
    metadata: ModelMetadata, data: Path, fold: int | None, cache: Path, console: Console
) -> Overlap:
    """How the videos overlap with the training clips; not known if the labels were mapped."""
    labels = {clip.label for clip in listed_events(data, metadata.clip.span_s)}
    if labels <= set(metadata.labels):
        return load_evaluation_set(metadata, data, fold, cache, console).overlap(metadata)
    return overlap_by_name(metadata, data.resolve().name)


def plan_filmed(
    data: Path, fold: int | None, labels: Mapping[str, str] | None = None
) -> tuple[StreamPlan, ...]:
    """A stream for each video of `videos.csv` in the folder `data`, or for those of a fold.

    `labels` names what the events are called, and leaves others out; by default nothing changes.
    DataError for an event after the end of its video.
    """
    videos = [video for video in listed_videos(data) if fold in (None, video.whole.fold)]
    return plan_videos([_with_events(data, video, labels) for video in videos])


def _with_events(
    data: Path, video: ListedVideo, labels: Mapping[str, str] | None
) -> tuple[Footage, list[Event]]:
    """A listed video as footage called by its path, with its events; DataError for one after it."""
    (film,) = find_footage(data / video.whole.path)
    for event in video.events:
        if event.start_s >= film.duration_s:
            raise DataError(
                f"{data / VIDEOS}: {event.path}: the video ends at {film.duration_s:.2f} s"
            )
    events = [
        Event(labels[event.label] if labels else event.label, event.start_s,
              min(event.end_s, film.duration_s))
        for event in video.events
        if not labels or event.label in labels
    ]  # fmt: skip
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
