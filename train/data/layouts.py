"""Finding labelled clips in a data folder, in one of four layouts."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic_core import PydanticCustomError

from monitor.errors import DataError
from monitor.names import as_label, composed, is_printable, printable
from train.data.clips import Clip, Dataset
from train.data.listed import CLIPS, VIDEOS, listed_clips, listed_events
from train.data.video_files import SUFFIXES, VideoFinder
from train.recipe.options import Recipe

log = logging.getLogger(__name__)

_SPAN_S = Recipe().spec.span_s

_UCF_NAME = re.compile(r"v_(?P<label>.+)_(?P<group>g\d+)_c\d+")


def find_clips(
    data: Path, min_labels: int = 2, span_s: float = _SPAN_S, table: Path | None = None
) -> Dataset:
    """The labelled clips of the folder `data`; DataError if it has fewer than `min_labels` labels.

    `table`, if it is given, lists the clips, else a `clips.csv` in the folder. If there is a
    `videos.csv`, clips are cut round its events, for windows of `span_s` seconds. Otherwise they
    are found by UCF50's layout (`<Class>/v_<Class>_gNN_cNN.avi`, or such files directly in the
    folder), or by a folder per label.
    """
    if not data.is_dir():
        raise DataError(f"{data}: no such folder")
    if table is not None:
        clips = listed_clips(data, table)
    elif (data / CLIPS).is_file():
        if (data / VIDEOS).is_file():
            log.warning("%s: the clips are those of %s, not of %s", data, CLIPS, VIDEOS)
        clips = listed_clips(data)
    elif (data / VIDEOS).is_file():
        clips = listed_events(data, span_s)
    else:
        clips = _from_files(data)
    labels = tuple(sorted({clip.label for clip in clips}))
    if not clips:
        raise DataError(
            f"{data}: no clips; a data folder holds {CLIPS}, {VIDEOS}, a folder per label, "
            "or files named v_<Class>_gNN_cNN"
        )
    for clip in clips:
        if not is_printable(clip.path):
            raise DataError(f"{data}: {clip.path!r}: a name that cannot be printed; rename it")
    for label in labels:
        try:
            as_label(label)
        except PydanticCustomError as error:
            raise DataError(f"{data}: label {label!r}: {error.message()}") from None
    if len(labels) < min_labels:
        raise DataError(f"{data}: only one label ({labels[0]}); at least two are needed")
    return Dataset(
        printable(data.resolve().name),
        {"": data},
        tuple(sorted(clips, key=lambda clip: clip.path)),
        labels,
    )


def _from_files(data: Path) -> list[Clip]:
    finder = VideoFinder(data)
    here = finder.here()
    flat = [path for path in here if _UCF_NAME.fullmatch(path.stem)]
    videos = {} if flat else {folder: finder.below(folder) for folder in finder.folders()}
    if any(videos.values()):
        finder.skip_unlabelled(here)
    finder.log_skipped()
    if finder.endings:
        log.warning("skipped, not a video by its ending: %s", ", ".join(sorted(finder.endings)))
    return [_ucf_clip(data, path) for path in flat] or _from_folders(data, videos)


def _ucf_clip(data: Path, path: Path, label: str | None = None) -> Clip:
    name = _UCF_NAME.fullmatch(path.stem)
    assert name is not None
    label = composed(label or name["label"])
    return Clip(path.relative_to(data).as_posix(), label, name["group"], None)


def _from_folders(data: Path, videos: Mapping[Path, Sequence[Path]]) -> list[Clip]:
    if not any(videos.values()):
        return []
    for folder, found in videos.items():
        if not found:
            raise DataError(
                f"{folder}: no clips in this folder; every label needs some; "
                f"endings read: {' '.join(sorted(SUFFIXES))}"
            )
    paths = [path for found in videos.values() for path in found]
    odd = [path for path in paths if not _UCF_NAME.fullmatch(path.stem)]
    if not odd:
        return [_ucf_clip(data, path, folder.name) for folder in videos for path in videos[folder]]
    if len(odd) < len(paths):
        raise DataError(
            f"{odd[0]}: is not named v_<Class>_gNN_cNN as {len(paths) - len(odd)} others are, so "
            "its group is not known; rename or remove it"
        )
    log.warning(
        "%s: no groups are known (no %s, no names with gNN): every clip counts as its own group, "
        "so a split may leak scenes into the test",
        data,
        CLIPS,
    )
    return [
        Clip(name, composed(folder.name), name, None)
        for folder in videos
        for name in (path.relative_to(data).as_posix() for path in videos[folder])
    ]
