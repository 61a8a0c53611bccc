from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DataError
from train.data.clips import TRAIN_ONLY, Clip
from train.data.split import Split, final_split, fold_split, folds_of, random_split
from train.recipe.options import Recipe

CONFIG = Recipe(validation_share=0.2, patience=3)


def clips_of(groups: int, each: int, fold: bool = False) -> tuple[Clip, ...]:
    """`each` clips of both labels in every group."""
    return tuple(
        Clip(f"{label}/{group}-{number}", label, f"g{group}", group % 3 if fold else None)
        for group in range(groups)
        for label in ("run", "sit")
        for number in range(each)
    )


def groups_of(clips: tuple[Clip, ...]) -> set[str]:
    return {clip.group for clip in clips}


def assert_whole(split: Split, clips: tuple[Clip, ...]) -> None:
    """Every clip is in exactly one part, and no group in two."""
    parts = (split.train, split.validation, split.test)
    assert sorted(clip.path for part in parts for clip in part) == sorted(c.path for c in clips)
    assert sum(len(groups_of(part)) for part in parts) == len(groups_of(clips))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=8, max_size=20),
    seed=st.integers(0, 1000),
)
def test_no_group_ever_crosses_a_split(sizes: list[tuple[int, int]], seed: int) -> None:
    clips = tuple(
        Clip(f"{label}-{group}-{number}", label, f"g{group}", None)
        for group, counts in enumerate(sizes)
        for label, count in zip(("run", "sit"), counts, strict=True)
        for number in range(count)
    )
    config = CONFIG.model_copy(update={"seed": seed})
    try:
        folds = folds_of(clips, config)
        splits = [fold_split(clips, test, config) for test in folds.values()]
    except DataError:
        return  # too few groups of a label, which is said and never worked around
    assert sorted(c.path for test in folds.values() for c in test) == sorted(c.path for c in clips)
    for split in splits:
        assert_whole(split, clips)
        assert {clip.label for clip in split.train} == {clip.label for clip in clips}


def test_the_folds_of_the_data_are_the_test_folds() -> None:
    extra = Clip("run/extra", "run", "extra", TRAIN_ONLY)
    clips = (*clips_of(9, 2, fold=True), extra)

    folds = folds_of(clips, CONFIG)

    assert list(folds) == [0, 1, 2]
    for fold, test in folds.items():
        assert {clip.fold for clip in test} == {fold}
        split = fold_split(clips, test, CONFIG)
        assert_whole(split, clips)
        assert extra in (*split.train, *split.validation)


def of_set(name: str, clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
    """The clips as those of a data set beside others."""
    return tuple(
        replace(clip, path=f"{name}/{clip.path}", group=f"{name}/{clip.group}", dataset=name)
        for clip in clips
    )


def test_fold_k_of_several_data_sets_is_fold_k_of_each() -> None:
    one, two = of_set("one", clips_of(9, 2, fold=True)), of_set("two", clips_of(4, 1, fold=True))

    folds = folds_of((*one, *two), CONFIG)

    for fold in range(3):
        assert folds[fold] == tuple(clip for clip in (*one, *two) if clip.fold == fold)
        assert_whole(fold_split((*one, *two), folds[fold], CONFIG), (*one, *two))


def test_a_data_set_without_folds_has_its_own_beside_one_with_folds() -> None:
    one, two = of_set("one", clips_of(9, 2, fold=True)), of_set("two", clips_of(10, 2))

    folds = folds_of((*one, *two), CONFIG)

    assert list(folds) == [0, 1, 2, 3, 4]
    for fold, test in folds.items():
        assert tuple(clip for clip in test if clip.dataset == "one") == tuple(
            clip for clip in one if clip.fold == fold
        )
        assert {clip.label for clip in test if clip.dataset == "two"} == {"run", "sit"}
        assert_whole(fold_split((*one, *two), test, CONFIG), (*one, *two))
    tested = [clip.path for test in folds.values() for clip in test]
    assert sorted(tested) == sorted(clip.path for clip in (*one, *two))


def test_a_group_of_two_data_sets_without_folds_is_in_one_fold() -> None:
    one, two = of_set("one", clips_of(10, 2)), of_set("two", clips_of(10, 2))
    copies = tuple(  # as clips that are in both are regrouped
        replace(clip, group="one/g0") if clip.group == "two/g7" else clip for clip in two
    )

    folds = folds_of((*one, *copies), CONFIG)

    for test in folds.values():
        assert_whole(fold_split((*one, *copies), test, CONFIG), (*one, *copies))


def test_a_data_set_that_is_only_trained_on_is_in_no_fold() -> None:
    extra = tuple(replace(clip, fold=TRAIN_ONLY) for clip in of_set("two", clips_of(4, 1)))
    clips = (*of_set("one", clips_of(9, 2, fold=True)), *extra)

    folds = folds_of(clips, CONFIG)

    assert all(clip.dataset == "one" for test in folds.values() for clip in test)
    for test in folds.values():
        split = fold_split(clips, test, CONFIG)
        assert set(extra) <= {*split.train, *split.validation}
    with pytest.raises(DataError) as error:
        folds_of(extra, CONFIG)
    assert str(error.value) == "every clip is train only (fold -1): there is none to test on"


def test_without_folds_they_are_drawn_with_the_seed() -> None:
    clips = clips_of(10, 2)

    assert len(folds_of(clips, CONFIG)) == 5
    assert folds_of(clips, CONFIG) == folds_of(clips, CONFIG)
    assert folds_of(clips, CONFIG) != folds_of(clips, CONFIG.model_copy(update={"seed": 2}))


def test_validation_has_about_its_share_and_both_labels() -> None:
    split = final_split(clips_of(20, 2), CONFIG)

    assert len(split.validation) == 16
    assert {clip.label for clip in split.validation} == {"run", "sit"}
    assert split.test == ()


def test_without_a_validation_share_nothing_is_held_back() -> None:
    config = Recipe(validation_share=0, patience=None)

    assert final_split(clips_of(4, 1), config).validation == ()


def test_an_excluded_group_is_tested_on_but_never_trained_on() -> None:
    clips = clips_of(9, 2, fold=True)
    config = CONFIG.model_copy(update={"exclude_groups": ("g3",)})

    splits = {
        fold: fold_split(clips, test, config) for fold, test in folds_of(clips, config).items()
    }

    assert "g3" in groups_of(splits[0].test)
    for split in (*splits.values(), final_split(clips, config)):
        assert "g3" not in groups_of(split.train) | groups_of(split.validation)


def test_the_random_split_has_the_papers_shares_and_repeats() -> None:
    config = Recipe(split="random", test_share=0.25, validation_share=0.2)
    clips = clips_of(10, 5)

    split = random_split(clips, config)

    assert [len(part) for part in (split.train, split.validation, split.test)] == [60, 15, 25]
    assert split == random_split(clips, config)
    assert groups_of(split.train) & groups_of(split.test)


@pytest.mark.parametrize(
    ("clips", "message"),
    [
        pytest.param(
            clips_of(1, 5),
            "10 clips in 1 groups, 5 of the rarest label: too few to hold some back; "
            "more clips are needed, from at least two groups",
            id="one group",
        ),
        pytest.param(
            clips_of(5, 1)[:1] + tuple(c for c in clips_of(5, 1) if c.label == "sit"),
            "6 clips in 5 groups, 1 of the rarest label: too few to hold some back; "
            "more clips are needed, from at least two groups",
            id="one clip of a label",
        ),
    ],
)
def test_too_few_clips_to_hold_some_back_is_an_error(clips: tuple[Clip, ...], message: str) -> None:
    with pytest.raises(DataError) as error:
        folds_of(clips, CONFIG)

    assert str(error.value) == message


def test_a_label_that_only_the_test_has_is_an_error() -> None:
    clips = tuple(
        Clip(f"{group}-{n}", "run" if group == 0 else "sit", f"g{group}", int(group == 0))
        for group in range(5)
        for n in range(5)
    )

    with pytest.raises(DataError) as error:
        fold_split(clips, folds_of(clips, CONFIG)[1], CONFIG)

    assert str(error.value) == (
        "label run: no clip is left to train on once the test and validation clips are held back; "
        "more groups with this label are needed"
    )
