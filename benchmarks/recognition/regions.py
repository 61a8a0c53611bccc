"""Measures what a region gains: clips laid small into wide footage, scored whole and cropped."""

import bisect
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.recognition.fit_results import DIGITS, KEPT, FoldInsets, InsetClip, View
from benchmarks.recognition.fits import Places
from benchmarks.recognition.insets import Inset, drawn, place
from benchmarks.recognition.networks import Networks
from benchmarks.recognition.series import Wide
from benchmarks.results import keep, now, read
from monitor import __version__
from monitor.errors import DataError
from monitor.sources.file import read_frames
from monitor.windows.clip import scale_frame
from monitor.windows.crop import Cropper
from train.data.cache import DecodedClip
from train.data.footage import Footage, find_footage, read_segment
from train.data.windows import sample_windows
from train.evaluate.scores import mean_window_scores
from train.evaluate.streams import ClipInsert
from train.progress import Bar

log = logging.getLogger(__name__)

METHOD = 1  # raised if the benchmark measures otherwise than before

_VIEWS: tuple[View, View] = ("whole", "region")


@dataclass(frozen=True)
class _Film:
    """Wide footage."""

    footage: Footage
    size: tuple[int, int]  # width and height, pixels


def measure_regions(wide: Wide, networks: Networks, places: Places, console: Console) -> None:
    """Score the folds that have no result yet; each is kept as soon as it is done."""
    series = networks.series
    films = _films(wide, places)
    file = places.results / series.file
    known = {one.fold: one for one in read(file, KEPT).values() if isinstance(one, FoldInsets)}
    for fold in networks.folds:
        basis = networks.basis(fold, tuple(film.footage.path for film in films), METHOD)
        if fold in known and known[fold].basis.agrees(basis):
            continue
        scorer, held = networks.scorer(fold), networks.held(fold)
        spec, stride = scorer.metadata.clip, series.recipe.stride
        insets: list[Inset] = []
        windows: list[NDArray[np.uint8]] = []  # of both views in turn
        with Bar(console, f"regions, fold {fold}", len(held.clips)) as bar:
            for inlay in held.clip_inserts:
                insets.append(_placed(inlay, films))
                for seen in _seen(inlay, insets[-1], films, spec.size):
                    windows.append(sample_windows(seen, spec, "time", stride))
                bar.advance(line=False)
        scores = mean_window_scores(scorer.predict, windows)
        alone = held.score(scorer.predict, scorer.metadata, stride)
        by_view = {"whole": scores[::2], "region": scores[1::2], "alone": alone.scores}
        clips = tuple(
            InsetClip(
                path=clip.path,
                label=clip.label,
                group=clip.group,
                film=films[inset.film].footage.name,
                offset_s=inset.offset_s,
                box=(inset.left, inset.top, inset.width, inset.height),
                region=inset.region,
                scores={
                    view: tuple(round(float(score), DIGITS) for score in by_view[view][index])
                    for view in (*_VIEWS, "alone")
                },
            )
            for index, (clip, inset) in enumerate(zip(held.clips, insets, strict=True))
        )
        keep(
            file,
            KEPT,
            FoldInsets(
                basis=basis,
                name=series.name,
                data=series.data,
                seed=networks.seed,
                fold=fold,
                labels=scorer.metadata.labels,
                clips=clips,
                date=now(),
                version=__version__,
            ),
        )


def _films(wide: Wide, places: Places) -> list[_Film]:
    folder = places.data / wide.footage
    known = {film.name: film for film in find_footage(folder)}
    films = []
    for name in wide.films:
        if name not in known:
            raise DataError(f"{folder}: no {name} that can be read; footage there: {list(known)}")
        _, picture = next(read_frames(known[name].path))
        films.append(_Film(known[name], (picture.width, picture.height)))
    return films


def _placed(inlay: ClipInsert, films: Sequence[_Film]) -> Inset:
    sizes = [(film.size, film.footage.duration_s) for film in films]
    return place(inlay.name, inlay.size, sizes, inlay.duration_s)


def _seen(
    inlay: ClipInsert, inset: Inset, films: Sequence[_Film], size: int
) -> tuple[DecodedClip, DecodedClip]:
    """The clip in its film as a model sees it: the whole picture, and only the region."""
    cropper = Cropper(drawn(inset))
    times_s: list[float] = []
    whole: list[NDArray[np.uint8]] = []
    region: list[NDArray[np.uint8]] = []
    for time_s, picture in _laid(inlay, inset, films[inset.film].footage):
        times_s.append(time_s)
        whole.append(scale_frame(picture, size))
        region.append(scale_frame(cropper.crop(picture), size))
    at = np.array(times_s, np.float64)
    return DecodedClip(np.stack(whole), at), DecodedClip(np.stack(region), at)


def _laid(inlay: ClipInsert, inset: Inset, film: Footage) -> Iterator[tuple[float, VideoFrame]]:
    """The clip's frames, each on the film's frame of that time, in a camera's pixel format."""
    behind = list(read_segment(film.path, inset.offset_s, inlay.duration_s))
    times_s = [time_s for time_s, _ in behind]
    for time_s, picture in read_frames(inlay.path):
        shown = max(0, bisect.bisect_right(times_s, time_s) - 1)
        wide = behind[shown][1].to_ndarray(format="rgb24")
        small = picture.reformat(
            inset.width, inset.height, "rgb24", interpolation=Interpolation.AREA, threads=1
        )
        right, bottom = inset.left + inset.width, inset.top + inset.height
        wide[inset.top : bottom, inset.left : right] = small.to_ndarray()
        laid = VideoFrame.from_ndarray(wide, "rgb24")
        yield time_s, laid.reformat(format="yuv420p", threads=1)
