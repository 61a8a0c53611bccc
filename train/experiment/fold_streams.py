"""Streams of held-out clips, watched fold by fold by the network that was not fitted on them."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from monitor.errors import DataError
from monitor.recognition.metadata import ModelMetadata
from train.data.clips import Dataset
from train.data.decoding import decode_clips
from train.data.footage import Footage, find_footage
from train.data.listed import lists_videos
from train.data.mixed import load_data
from train.data.split import Split, fold_split, folds_of
from train.evaluate.evaluation_set import EvaluationSet
from train.evaluate.playback import WatchedStream
from train.evaluate.scores import Scored, by_dataset
from train.evaluate.scoring import Scorer
from train.evaluate.streams import GAP_S, StreamPlan, deal_footage, plan_footage, plan_streams
from train.experiment.stream_evaluation import plan_filmed, watch
from train.recipe.options import DataOptions, Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WatchedFold:
    """The streams of a fold, and its clips, as the network saw them that was not fitted on them."""

    number: int
    metadata: ModelMetadata  # of its network
    streams: list[WatchedStream]
    scored: Scored | None  # the clips that were laid into footage, clip by clip
    datasets: Mapping[str, Scored]  # the same by data set, if there are several


@dataclass(frozen=True)
class WatchedFolds:
    """All folds of a run, and the footage in their streams."""

    dataset: Dataset
    footage: tuple[Footage, ...]
    own_footage: bool  # whether no film of a fold is in the streams of another
    folds: tuple[WatchedFold, ...]

    @property
    def streams(self) -> list[WatchedStream]:
        """The streams of all folds."""
        return [watched for fold in self.folds for watched in fold.streams]


def watch_folds(
    recipe: Recipe,
    sources: tuple[DataOptions, ...],
    chosen: str,
    films: Path,
    scorer_of: Callable[[int], Scorer],
    cache: Path,
    console: Console,
) -> WatchedFolds:
    """Watch the streams of every fold.

    `sources` is the data that `recipe` was fitted on. The clips of the data set `chosen`, or of
    all if it is "", are laid into the footage `films`. `scorer_of` gives the network of a fold.
    DataError if that was fitted on other clips.
    """
    footage = find_footage(films)
    dataset = load_data(sources, recipe.labels, recipe.spec.span_s)
    decoded_clips = decode_clips(dataset, recipe.spec, recipe.sampling, cache, console)
    tested = folds_of(decoded_clips.clips, recipe)
    trained = {
        dataset.file(clip).resolve(): place
        for place, clips in enumerate(tested.values())
        for clip in clips
    }
    always = {dataset.file(clip).resolve() for clip in decoded_clips.clips} - set(trained)
    footage = _without(always, footage)
    dealt = deal_footage(footage, len(tested), trained)
    if dealt is None and (seen := [film for film in footage if film.path.resolve() in trained]):
        raise DataError(
            f"{seen[0].path}: was trained on as a clip, and there are too few films of "
            f"{GAP_S[1]:g} s to give each of {len(tested)} folds its own"
        )
    filmed = _filmed(sources, chosen)
    folds = []
    for place, (number, clips) in enumerate(tested.items()):
        laid = [
            clip for clip in clips if chosen in ("", clip.dataset) and clip.dataset not in filmed
        ]
        held = EvaluationSet(dataset, decoded_clips, laid, number)
        films_alone = dealt[place] if dealt else ()
        plans = plan_streams(held.clip_inserts, films_alone or footage) + plan_footage(films_alone)
        for source in filmed.values():
            plans += plan_filmed(source.path, number, source.labels)
        split = fold_split(decoded_clips.clips, clips, recipe)
        folds.append(_watch_fold(scorer_of(number), number, held, split, plans, recipe, console))
    return WatchedFolds(dataset, footage, dealt is not None, tuple(folds))


def _without(clips: Collection[Path], footage: Sequence[Footage]) -> tuple[Footage, ...]:
    """The footage but for films that every network was trained on; DataError if none is left."""
    kept = tuple(film for film in footage if film.path.resolve() not in clips)
    if not kept:
        raise DataError(f"{footage[0].path}: all footage was trained on in every fold")
    if len(kept) < len(footage):
        log.warning("%d films were trained on in every fold: left out", len(footage) - len(kept))
    return kept


def _filmed(sources: Sequence[DataOptions], chosen: str) -> dict[str, DataOptions]:
    """Those of the data sets that are watched as they were filmed, by the name in their clips."""
    return {
        source.name if len(sources) > 1 else "": source
        for source in sources
        if chosen in ("", source.name) and source.clips is None and lists_videos(source.path)
    }


def _watch_fold(
    scorer: Scorer,
    number: int,
    held: EvaluationSet,
    split: Split,
    plans: Sequence[StreamPlan],
    recipe: Recipe,
    console: Console,
) -> WatchedFold:
    metadata = scorer.metadata
    if metadata.data.sha256 != held.decoded_clips.sha256((*split.train, *split.validation)):
        raise DataError(
            f"{scorer.path}: was not fitted on what fold {number} of {held.dataset.where} leaves; "
            "--data must be the clips that the run was trained on"
        )
    streams = watch(scorer, plans, f"fold {number}", console)
    if not held.clips:
        return WatchedFold(number, metadata, streams, None, {})
    scored = held.score(scorer.predict, metadata, recipe.stride)
    return WatchedFold(number, metadata, streams, scored, by_dataset(scored, held.clips))
