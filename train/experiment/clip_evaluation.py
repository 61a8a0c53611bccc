"""Testing a model on clips: its scores averaged over each clip's windows, and the report."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from export.keras_file import MODEL_NAME
from monitor.errors import ConfigError
from monitor.recognition.metadata import Data
from train.evaluate.evaluation_set import held_out
from train.evaluate.open_set import check_told, known_against
from train.evaluate.overlap import WARNINGS
from train.evaluate.scoring import load_scorer
from train.recipe.options import TrainConfig
from train.report.clip_page import write_report
from train.report.files import HTML_NAME

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

    Windows are cut as the monitor cuts them, whatever the model was fitted on. `unknown` are
    folders of clips of other activities: told is how well their windows are known from these.
    """
    if (out / MODEL_NAME).exists():
        raise ConfigError(f"--out {out}: holds a run of har-train, with its own report")
    scorer = load_scorer(model)
    contract = scorer.contract
    limit = check_told(model, contract) if unknown else 0.0
    held = held_out(contract, data, fold, cache, console)
    prepared, clips = held.prepared, held.clips
    split = held.relation(contract)
    scored = held.score(scorer.predict, contract)
    notes = [f"The model's own evaluation: {contract.evaluation}."]
    if short := [clip.path for clip in clips if clip.path in prepared.held]:
        notes.append(
            f"{len(short)} clips are shorter than a window of {contract.clip.span_s:g} s and were "
            f"completed by holding their last frame: {', '.join(short)}."
        )
    others = []
    if unknown:
        others = known_against(scorer, limit, prepared, clips, unknown, cache, console)
    metrics = write_report(
        out,
        scored,
        title=f"{contract.name} on {held.name}",
        split=split,
        contract=contract,
        data=Data(
            name=held.dataset.name,
            sha256=prepared.sha256(clips),
            clips=len(clips),
            groups=len({clip.group for clip in clips}),
        ),
        settings={"model": model.name, "fold": fold, "stride": TrainConfig().stride},
        skipped=[(skip.path, skip.reason) for skip in prepared.skipped],
        notes=[*notes, *held.notes, *(f"{one.words}." for one in others)],
        unknown=[asdict(one) for one in others],
    )
    if split in WARNINGS:
        log.warning("%s: %s", held.name, WARNINGS[split])
    log.info(
        "%s: accuracy %.3f on %d clips; report in %s",
        held.name, metrics.accuracy, len(scored), out / HTML_NAME,
    )  # fmt: skip
    for one in others:
        log.info("%s", one.words)
