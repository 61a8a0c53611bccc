"""Background footage: its slices, and how experiments use them."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from monitor.errors import ConfigError, DataError
from monitor.windows.clip import ClipSpec
from testkit.footage import quiet_footage
from testkit.media import make_video, number_of
from train.data.background import (
    BackgroundClips,
    FilmPart,
    add_footage_warning,
    check_not_in_clips,
    cut_slices,
    decode_footage,
    film_parts,
    footage_label,
)
from train.data.cache import FORMAT, DecodedClip, FrameFile
from train.data.clips import TRAIN_ONLY, Clip, Dataset
from train.data.decoding import DecodedClips
from train.data.footage import find_footage
from train.data.split import final_split, fold_split
from train.data.windows import windows
from train.experiment.experiment import Experiment
from train.fit.batches import TrainingBatches, draw_slices
from train.recipe.options import ClipOptions, Recipe

SPEC = ClipSpec(frames=8, size=48, fps=10.0)  # slices of a second
QUIET = Console(quiet=True)


def film(times_s: np.ndarray) -> DecodedClip:
    """Frames whose every byte is their own number."""
    pixels = np.arange(len(times_s), dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis]
    return DecodedClip(np.broadcast_to(pixels, (len(times_s), 48, 48, 3)), times_s)


def extents(slices: list[DecodedClip]) -> list[tuple[int, int]]:
    """First and last frame of each."""
    return [(int(one.frames[0, 0, 0, 0]), int(one.frames[-1, 0, 0, 0])) for one in slices]


def background_clips(folder: Path, *parts: FilmPart) -> BackgroundClips:
    return decode_footage(parts, SPEC, folder / "cache", QUIET)


def test_a_film_is_cut_into_slices_without_overlap_each_a_little_more_than_a_window() -> None:
    slices = cut_slices(film(np.arange(35) / 8), SPEC, 0.0, np.inf)

    assert extents(slices) == [(0, 7), (8, 15), (16, 23), (24, 31)]
    assert all(one.times_s[0] == 0 for one in slices)
    assert all(len(windows(one, SPEC, 1)) >= 1 for one in slices)


def test_only_the_part_between_two_times_is_cut() -> None:
    assert extents(cut_slices(film(np.arange(40) / 8), SPEC, 1.5, 3.5)) == [(12, 19), (20, 27)]
    assert cut_slices(film(np.arange(40) / 8), SPEC, 9.0, 12.0) == []


def test_no_slice_spans_a_gap_or_a_step_back_in_time() -> None:
    times_s = np.arange(40) / 8
    gap = np.where(np.arange(40) < 12, times_s, times_s + 3)
    back = np.where(np.arange(40) < 12, times_s, times_s - 1.5)

    for broken in (gap, back):
        assert extents(cut_slices(film(broken), SPEC, 0.0, np.inf)) == [
            *((0, 7), (12, 19), (20, 27), (28, 35)),
        ]


def test_a_film_slower_than_the_network_needs_gives_no_slice() -> None:
    assert cut_slices(film(np.arange(60) / 2), SPEC, 0.0, np.inf) == []


def test_slices_are_the_films_own_frames_and_are_mapped_from_the_cache(tmp_path: Path) -> None:
    made = make_video(tmp_path / "yard.mp4", fps=10, duration_s=4)

    found = background_clips(tmp_path, FilmPart(made.path, "yard.mp4", from_s=2.0))

    numbers = [number_of(frame) for one in found.slices for frame in one.frames]
    assert numbers == list(range(20, 40))
    cached = (tmp_path / "cache").glob(f"*-v{FORMAT}.npy")
    assert {one.stored for one in found.slices} == {FrameFile.open(path) for path in cached}
    (of,) = found.films
    assert (of.name, of.from_s, of.to_s, of.slices) == ("yard.mp4", 2.0, 3.9, 2)
    assert found.summary == "1 films, 0.0 minutes, 2 slices"


def test_the_hash_follows_contents_and_parts(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", fps=10, duration_s=3).path
    other = make_video(tmp_path / "b.mp4", fps=10, duration_s=4).path
    known = background_clips(tmp_path, FilmPart(path, "a")).sha256

    assert background_clips(tmp_path, FilmPart(path, "a")).sha256 == known
    assert background_clips(tmp_path, FilmPart(path, "a", to_s=2.0)).sha256 != known
    assert background_clips(tmp_path, FilmPart(other, "a")).sha256 != known


def test_films_that_are_unreadable_or_too_short_are_skipped_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    make_video(films / "short.mp4", fps=10, duration_s=0.5)
    make_video(films / "yard.mp4", fps=10, duration_s=2)
    (films / "text.mp4").write_text("no video")

    found = background_clips(tmp_path, *film_parts([films]))

    assert [one.name for one in found.films] == ["yard.mp4"]
    assert caplog.messages == [
        f"footage skipped: {films}/text.mp4: not a video file that can be read "
        "(invalid data found when processing input)",
        f"footage skipped: {films}/short.mp4: no whole window of 0.8 s in it",
    ]


def test_footage_without_a_usable_film_is_an_error(tmp_path: Path) -> None:
    short = make_video(tmp_path / "short.mp4", fps=10, duration_s=0.5).path
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataError) as error:
        background_clips(tmp_path, FilmPart(short, "short.mp4"))
    assert str(error.value) == "no footage holds a whole window of 0.8 s"
    with pytest.raises(DataError, match=r"empty: no footage that can be read; endings read: "):
        film_parts([tmp_path / "empty"])


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        pytest.param(
            Recipe(),
            "footage needs exactly one background label, which it is trained as; found none; "
            "--background names it, one of fight, nofight",
            id="no background label",
        ),
        pytest.param(
            Recipe(background=("walk", "sit")),
            "footage needs exactly one background label, which it is trained as; found walk, sit; "
            "--background names it, one of fight, nofight",
            id="two background labels",
        ),
        pytest.param(
            Recipe(arch="svm", background=("nofight",)),
            "footage needs a network: svm is fitted on clips alone",
            id="a classical classifier",
        ),
        pytest.param(
            Recipe(sampling="uniform", background=("nofight",)),
            "footage needs sampling: time; the recipe says uniform",
            id="frames spread over whole clips",
        ),
    ],
)
def test_a_recipe_that_cannot_take_footage_is_an_error(recipe: Recipe, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        footage_label(recipe, ("fight", "nofight"))

    assert str(error.value) == message


def test_all_slices_are_drawn_equally_often_or_once_more() -> None:
    for slices, wanted in ((7, 3), (3, 7), (5, 5), (1, 4)):
        taken = np.zeros(slices, np.int64)
        for epoch in range(12):
            drawn = draw_slices(slices, wanted, seed=3, epoch=epoch)
            assert drawn.shape == (wanted,)
            taken += np.bincount(drawn, minlength=slices)
            assert taken.max() - taken.min() <= 1


def test_draws_depend_only_on_seed_and_epoch() -> None:
    def epochs(seed: int) -> list[list[int]]:
        return [draw_slices(50, 20, seed, epoch).tolist() for epoch in range(4)]

    assert epochs(1) == epochs(1)
    assert epochs(1) != epochs(2)
    assert len({tuple(one) for one in epochs(1)}) == 4


def test_an_epoch_has_every_clip_once_and_as_many_slices() -> None:
    config = Recipe(clip=ClipOptions(frames=4, size=16, fps=10.0), batch=5, epochs=3, augment=None)
    of = [np.full((8, 16, 16, 3), number, np.uint8) for number in range(6 + 9)]
    decoded = [DecodedClip(frames, np.arange(8) / 10) for frames in of]
    targets = np.eye(2, dtype=np.float32)[[0, 1, 0, 1, 0, 1] + [1] * 9]

    def epoch(batches: TrainingBatches, number: int) -> list[tuple[int, int]]:
        """What is shown, and its label."""
        return [
            (int(clip[0, 0, 0, 0]), int(target.argmax()))
            for clips, labels in batches.epoch(number)
            for clip, target in zip(clips, labels, strict=True)
        ]

    running = TrainingBatches(decoded, targets, config, slices=9)
    shown = [epoch(running, number) for number in range(config.epochs)]

    assert len(running) == 3
    for number, found in enumerate(shown):
        assert sorted(of for of in found if of[0] < 6) == [(clip, clip % 2) for clip in range(6)]
        slices = [of for of in found if of[0] >= 6]
        assert len(slices) == 6
        assert {label for _, label in slices} == {1}
        assert epoch(TrainingBatches(decoded, targets, config, slices=9), number) == found
    assert len({of for found in shown for of in found if of[0] >= 6}) == 9


def test_footage_is_in_no_split_and_changes_the_fingerprint(tmp_path: Path) -> None:
    path = quiet_footage(tmp_path / "yard.mp4", 4)
    clips = [Clip(f"{n}.mp4", "ab"[n % 2], f"g{n // 2}", n // 2 % 3) for n in range(12)]
    clips.append(Clip("extra.mp4", "a", "extra", TRAIN_ONLY))
    decoded = {clip.path: film(np.arange(10) / 10) for clip in clips}
    contents = {clip.path: clip.path for clip in clips}
    decoded_clips = DecodedClips(tuple(clips), (), (), decoded, contents)
    dataset = Dataset("made", {"": Path("made")}, tuple(clips), ("a", "b"))
    config = Recipe(clip=ClipOptions(frames=8, size=48), background=("a",))
    split = fold_split(clips, [clip for clip in clips if clip.fold == 0], config)

    def run(*parts: FilmPart) -> Experiment:
        found = background_clips(tmp_path, *parts) if parts else BackgroundClips()
        return Experiment(dataset, decoded_clips, config, QUIET, background_clips=found)

    whole, part = run(FilmPart(path, "yard.mp4")), run(FilmPart(path, "yard.mp4", 0.0, 2.0))

    assert whole.decoded_clips.clips == tuple(clips)
    assert {clip.path for clip in final_split(whole.decoded_clips.clips, config).train} == set(
        contents
    )
    fingerprints = {one.fingerprint(split) for one in (run(), whole, part)}
    assert len(fingerprints) == 3
    assert run(FilmPart(path, "yard.mp4")).fingerprint(split) in fingerprints


def test_an_experiment_whose_recipe_names_footage_needs_its_slices() -> None:
    config = Recipe(footage=(Path("films"),), background=("a",))

    with pytest.raises(ValueError, match="the recipe names footage: its slices are needed"):
        Experiment(
            Dataset("made", {"": Path()}, (), ("a", "b")),
            DecodedClips((), (), (), {}, {}),
            config,
            QUIET,
        )


def test_an_experiment_that_cannot_take_footage_refuses_it(tmp_path: Path) -> None:
    found = background_clips(
        tmp_path, FilmPart(quiet_footage(tmp_path / "yard.mp4", 4), "yard.mp4")
    )
    config = Recipe(arch="forest", background=("a",))
    dataset = Dataset("made", {"": Path()}, (), ("a", "b"))

    with pytest.raises(ConfigError, match="footage needs a network: forest is fitted on clips"):
        Experiment(dataset, DecodedClips((), (), (), {}, {}), config, QUIET, background_clips=found)


def test_a_film_that_is_also_a_clip_is_refused(tmp_path: Path) -> None:
    path = quiet_footage(tmp_path / "yard.mp4", 4)
    found = background_clips(tmp_path, FilmPart(path, "yard.mp4"))
    clip = Clip("sit/1.mp4", "sit", "g1", 0)

    check_not_in_clips(found, DecodedClips((clip,), (), (), {}, {clip.path: "other"}))
    with pytest.raises(DataError) as error:
        check_not_in_clips(
            found, DecodedClips((clip,), (), (), {}, {clip.path: found.films[0].sha256})
        )

    assert str(error.value) == (
        "yard.mp4 is footage and also the clip sit/1.mp4: clips are tested on; "
        "remove it from the footage"
    )


def test_films_that_were_trained_on_are_recognised_by_content(tmp_path: Path) -> None:
    known = background_clips(
        tmp_path, FilmPart(quiet_footage(tmp_path / "a.mp4", 3), "a.mp4")
    ).films
    (tmp_path / "a.mp4").rename(tmp_path / "renamed.mp4")
    quiet_footage(tmp_path / "b.mp4", 4)
    renamed, new = find_footage(tmp_path / "renamed.mp4"), find_footage(tmp_path / "b.mp4")
    also = "1 of 2 films of the footage were trained on"

    assert add_footage_warning(None, known, (*renamed, *new)) == also
    assert add_footage_warning("Perhaps not", known, (*renamed, *new)) == f"Perhaps not; {also}"
    assert add_footage_warning("Perhaps not", known, new) == "Perhaps not"
    assert add_footage_warning(None, (), renamed) is None
