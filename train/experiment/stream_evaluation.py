"""Testing a model on whole streams: clips laid into footage, or footage by itself."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.config.options import ActivityOptions
from monitor.errors import ConfigError
from train.data.background import warned
from train.data.footage import Footage, find_footage
from train.evaluate.evaluation_set import held_out
from train.evaluate.outcome import Judged, judge
from train.evaluate.overlap import HOW, WARNINGS, seen_split
from train.evaluate.playback import WatchedStream, watch_streams
from train.evaluate.scoring import Scorer, load_scorer
from train.evaluate.streams import StreamPlan, plan_footage, plan_streams
from train.evaluate.tuning import sweep
from train.progress import Bar
from train.report.files import HTML_NAME
from train.report.stream_page import write_stream_report
from train.report.stream_report import Accuracy, StreamReport, accuracy, in_words

log = logging.getLogger(__name__)

ALONE = "Footage in which nothing happens was watched as it is: every alert is false."
COMPOSED = (
    "Each group of clips was laid into footage in which nothing happens, one stream each, and "
    "har-monitor's own pipeline watched it. Clips of background labels are among them: an alert "
    "for one of these is false."
)


def evaluate_streams(
    model: Path,
    data: Path | None,
    films: Path,
    out: Path,
    fold: int | None,
    cache: Path,
    console: Console,
) -> None:
    """Let the monitor watch streams of `data`'s clips in the footage `films`, and report.

    Tested are the clips of one fold, or all; without `data`, the footage alone.
    """
    if (out / MODEL_NAME).exists():
        raise ConfigError(f"--out {out}: holds a run of har-train, with its own report")
    footage = find_footage(films)
    scorer = load_scorer(model)
    contract = scorer.contract
    clips_alone: Accuracy | None = None
    notes: Sequence[str] = ()
    if data is None:
        how, warning, of = ALONE, None, films.name
        judged = _watch(scorer, plan_footage(footage), console)
    else:
        held = held_out(contract, data, fold, cache, console)
        scored = held.score(scorer.predict, contract)
        split = seen_split(held.relation(contract), scored)
        how, warning = f"{COMPOSED} {HOW[split]}", WARNINGS.get(split)
        of, notes = held.name, held.notes
        judged = _watch(scorer, plan_streams(held.inlays, footage), console)
        clips_alone = accuracy([scored], judged)
    warning = warned(warning, contract.data.footage, footage)
    rules = ActivityOptions().rules(contract)
    report = StreamReport(
        title=f"{contract.name} on streams of {of}",
        how=how,
        warning=warning,
        contract=contract,
        judged=judged,
        accuracy=clips_alone,
        sweep=sweep([one.watched for one in judged], rules, contract.clip.span_s),
        settings={
            "model": model.name,
            "fold": fold,
            "footage": footage_words(films, footage),
            "rules": asdict(rules),
        },
        notes=notes,
    )
    write_stream_report(out, report)
    if warning is not None:
        log.warning("%s: %s", of, warning)
    log.info("%s: %s; report in %s", of, in_words(report.total), out / HTML_NAME)


def watch(
    scorer: Scorer, plans: Sequence[StreamPlan], title: str, console: Console
) -> list[WatchedStream]:
    """The streams as the monitor sees them, with a bar of how far it is."""
    with Bar(console, title, len(plans)) as bar:
        return watch_streams(scorer, plans, bar.advance)


def footage_words(films: Path, footage: Sequence[Footage]) -> str:
    """What footage there is."""
    minutes = sum(film.duration_s for film in footage) / 60
    return f"{films.name}: {len(footage)} files, {minutes:.1f} minutes"


def _watch(scorer: Scorer, plans: Sequence[StreamPlan], console: Console) -> list[Judged]:
    """Streams with the alerts that the monitor raised under the model's own rules."""
    contract = scorer.contract
    rules = ActivityOptions().rules(contract)
    return [
        judge(watched, rules, contract.clip.span_s, watched.activities)
        for watched in watch(scorer, plans, "streams", console)
    ]
