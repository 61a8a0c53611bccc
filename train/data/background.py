"""Background footage, cut into slices that a network is trained on beside the clips.

From them it learns what usually happens in front of its cameras. They are never tested on.
"""

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from monitor.errors import ConfigError, DataError
from monitor.recognition.metadata import Film
from monitor.windows.clip import ClipSpec
from train.data.cache import ClipCache, DecodedClip, file_sha256
from train.data.decoding import DecodedClips
from train.data.footage import Footage, find_footage
from train.data.frame_rates import min_fps, slow_reason
from train.data.windows import MAX_GAP_S, is_padded, max_fps
from train.progress import Bar
from train.recipe.options import BASELINES, Recipe

log = logging.getLogger(__name__)

# Length of a slice in window spans: long enough that two epochs rarely draw the same window.
SLICE_SPANS = 1.25


@dataclass(frozen=True)
class FilmPart:
    """The part of a film that is trained on; by default all of it."""

    path: Path
    name: str  # in reports
    from_s: float = 0.0
    to_s: float = math.inf


@dataclass(frozen=True)
class BackgroundClips:
    """Background footage, decoded and cut into slices."""

    films: tuple[Film, ...] = ()
    slices: tuple[DecodedClip, ...] = ()  # film after film, each a little longer than a window

    @property
    def sha256(self) -> str:
        """The hash of the films' names, contents and parts."""
        facts = [film.model_dump(mode="json") for film in self.films]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    @property
    def summary(self) -> str:
        """How many films, minutes and slices there are."""
        minutes = sum(film.to_s - film.from_s for film in self.films) / 60
        return f"{len(self.films)} films, {minutes:.1f} minutes, {len(self.slices)} slices"


def film_parts(places: Sequence[Path]) -> list[FilmPart]:
    """All films in some files and folders; errors as in `find_footage`."""
    found = [film for place in places for film in find_footage(place)]
    return [FilmPart(film.path, film.name) for film in found]


def decode_footage(
    parts: Sequence[FilmPart], spec: ClipSpec, folder: Path, console: Console
) -> BackgroundClips:
    """Decode films into the cache `folder` and cut them into slices.

    A film that holds no whole window, or has too few frames a second, is skipped with a warning.
    DataError if none is left.
    """
    cache = ClipCache(folder, spec.size)
    films: list[Film] = []
    slices: list[DecodedClip] = []
    with Bar(console, "footage", len(parts)) as bar:
        for part in parts:
            sha256 = file_sha256(part.path)
            decoded = cache.decode(part.path, sha256)
            fps = max_fps(decoded, spec)
            slow = fps < min_fps(spec)
            found = [] if slow else cut_slices(decoded, spec, part.from_s, part.to_s)
            if found:
                end_s = min(part.to_s, decoded.duration_s)
                films.append(
                    Film(
                        name=part.name,
                        sha256=sha256,
                        from_s=part.from_s,
                        to_s=round(end_s, 3),
                        slices=len(found),
                    )
                )
                slices += found
            else:
                reason = (
                    slow_reason(fps, spec)
                    if slow
                    else f"no whole window of {spec.span_s:g} s in it"
                )
                log.warning("footage skipped: %s: %s", part.path, reason)
            bar.advance(line=False)
    if not films:
        raise DataError(f"no footage holds a whole window of {spec.span_s:g} s")
    return BackgroundClips(tuple(films), tuple(slices))


def cut_slices(
    decoded: DecodedClip, spec: ClipSpec, from_s: float, to_s: float
) -> list[DecodedClip]:
    """The film from `from_s` to before `to_s` in slices that each hold a whole window.

    No slice spans a gap or a step back in time, because no window of the monitor does. A rest that
    is too short for a window, such as the film's end, is left out.
    """
    times_s = decoded.times_s
    inside = np.flatnonzero((times_s >= from_s) & (times_s < to_s))
    steps_s = np.diff(times_s[inside])
    breaks = (steps_s < 0) | (steps_s > MAX_GAP_S) | (np.diff(inside) > 1)
    found: list[DecodedClip] = []
    for stretch in _split(inside, breaks):
        since_s = times_s[stretch] - times_s[stretch[0]]
        number = since_s // (spec.span_s * SLICE_SPANS)
        for places in _split(stretch, np.diff(number) > 0):
            found.append(decoded.part(int(places[0]), int(places[-1]) + 1))
    return [one for one in found if not is_padded(one, spec)]


def footage_label(recipe: Recipe, labels: Sequence[str]) -> str:
    """The label that footage is trained as; ConfigError if the recipe cannot take footage."""
    if recipe.arch in BASELINES:
        raise ConfigError(f"footage needs a network: {recipe.arch} is fitted on clips alone")
    if recipe.sampling != "time":
        raise ConfigError(f"footage needs sampling: time; the recipe says {recipe.sampling}")
    if len(recipe.background) != 1:
        raise ConfigError(
            "footage needs exactly one background label, which it is trained as; "
            f"found {', '.join(recipe.background) or 'none'}; --background names it, one of "
            f"{', '.join(labels)}"
        )
    return recipe.background[0]


def check_not_in_clips(background_clips: BackgroundClips, decoded_clips: DecodedClips) -> None:
    """DataError if a film is also one of the clips, because clips are tested on."""
    for film in background_clips.films:
        if path := decoded_clips.path_of(film.sha256):
            raise DataError(
                f"{film.name} is footage and also the clip {path}: clips are tested on; "
                "remove it from the footage"
            )


def add_footage_warning(
    warning: str | None, films: Sequence[Film], footage: Sequence[Footage]
) -> str | None:
    """`warning`, extended if some of `footage` is among the `films` that a model was trained on."""
    trained_on = {film.sha256 for film in films}
    if not trained_on:
        return warning
    count = sum(file_sha256(film.path) in trained_on for film in footage)
    if not count:
        return warning
    more = f"{count} of {len(footage)} films of the footage were trained on"
    return f"{warning}; {more}" if warning else more


def _split(places: NDArray[np.int64], breaks: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """`places` (n,) in parts that end before each of `breaks` (n - 1,); none is empty."""
    return np.split(places, np.flatnonzero(breaks) + 1) if len(places) else []
