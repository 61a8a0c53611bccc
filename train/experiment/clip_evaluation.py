"""Testing a model on clips: its scores averaged over each clip's windows, and the report."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.errors import ConfigError
from monitor.recognition.metadata import Data
from train.evaluate.evaluation_set import load_evaluation_set
from train.evaluate.open_set import novelty_threshold, open_set_results
from train.evaluate.overlap import WARNINGS
from train.evaluate.scoring import load_scorer
from train.recipe.options import Recipe
from train.report.write import HTML_NAME, write_clip_report

log = logging.getLogger(__name__)


def evaluate_clips(
    model: Path,
    data: Path,
    out: Path,
    fold: int | None,
    cache: Path,
    console: Console,
    unknown: Sequence[Path] = (),
) -> None:
    """Test `model` on the clips of `data`, or those of one fold, and write the report to `out`.

    Windows are cut as in the monitor, whatever the model was fitted on. `unknown` are folders of
    clips of other activities; the report says how well the model distinguishes them.
    """
    if (out / MODEL_NAME).exists():
        raise ConfigError(f"--out {out}: holds a run of har-train, with its own report")
    scorer = load_scorer(model)
    metadata = scorer.metadata
    limit = novelty_threshold(model, metadata) if unknown else 0.0
    evaluation_set = load_evaluation_set(metadata, data, fold, cache, console)
    decoded_clips, clips = evaluation_set.decoded_clips, evaluation_set.clips
    overlap = evaluation_set.overlap(metadata)
    scored = evaluation_set.score(scorer.predict, metadata)
    notes = [f"The model's own evaluation: {metadata.evaluation}."]
    if short := [clip.path for clip in clips if clip.path in decoded_clips.padded]:
        notes.append(
            f"{len(short)} clips are shorter than a window of {metadata.clip.span_s:g} s and were "
            f"padded with their last frame: {', '.join(short)}."
        )
    others = []
    if unknown:
        others = open_set_results(scorer, limit, decoded_clips, clips, unknown, cache, console)
    metrics = write_clip_report(
        out,
        scored,
        title=f"{metadata.name} on {evaluation_set.name}",
        overlap=overlap,
        metadata=metadata,
        data=Data(
            name=evaluation_set.dataset.name,
            sha256=decoded_clips.sha256(clips),
            clips=len(clips),
            groups=len({clip.group for clip in clips}),
        ),
        settings={"model": model.name, "fold": fold, "stride": Recipe().stride},
        skipped=[(skip.path, skip.reason) for skip in decoded_clips.skipped],
        notes=[*notes, *evaluation_set.notes, *(f"{one.summary}." for one in others)],
        unknown=[asdict(one) for one in others],
    )
    if overlap in WARNINGS:
        log.warning("%s: %s", evaluation_set.name, WARNINGS[overlap])
    log.info(
        "%s: accuracy %.3f on %d clips; report in %s",
        evaluation_set.name, metrics.accuracy, len(scored), out / HTML_NAME,
    )  # fmt: skip
    for one in others:
        log.info("%s", one.summary)
