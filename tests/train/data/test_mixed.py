"""Several data sets as one, with their mappings of labels and their weights."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from monitor.errors import ConfigError, DataError
from train.data.cache import DecodedClip
from train.data.clips import Clip, Dataset
from train.data.decoding import DecodedClips
from train.data.mixed import MOST_OWN, draw_shares, load_data
from train.data.split import fold_split
from train.experiment.experiment import Experiment
from train.experiment.training import check_names
from train.recipe.options import DataOptions, Recipe, read_recipe

SPAN_S = 2.0
UT = {"kick": "fight", "punch": "fight", "hug": "nofight"}


def clips_at(folder: Path, *labels: str, each: int = 2) -> Path:
    """A data folder with clips of some labels, each clip in a group and a fold by its number."""
    rows = ["path,label,group,fold"]
    for label in labels:
        for number in range(each):
            path = folder / label / f"{number}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            rows.append(f"{label}/{number}.mp4,{label},g{number},{number}")
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> tuple[DataOptions, ...]:
    """Two data sets, one of which has labels of its own."""
    return (
        DataOptions(path=clips_at(tmp_path / "ut", "kick", "punch", "hug"), labels=UT),
        DataOptions(path=clips_at(tmp_path / "street", "fight", "nofight"), weight=3),
    )


def test_paths_and_groups_begin_with_the_data_set_and_labels_are_mapped(
    sources: tuple[DataOptions, ...], tmp_path: Path
) -> None:
    found = load_data(sources, (), SPAN_S)

    assert (found.name, found.labels) == ("ut+street", ("fight", "nofight"))
    assert len(found.clips) == 10
    assert found.clips[0] == Clip("street/fight/0.mp4", "fight", "street/g0", 0, dataset="street")
    assert found.clips[-1] == Clip(
        "ut/punch/1.mp4", "fight", "ut/g1", 1, dataset="ut", source_label="punch"
    )
    assert found.file(found.clips[0]) == tmp_path / "street/fight/0.mp4"
    assert found.file(found.clips[-1]) == tmp_path / "ut/punch/1.mp4"
    assert found.where == f"{tmp_path / 'ut'}, {tmp_path / 'street'}"


def test_a_table_that_lies_elsewhere_lists_the_clips_of_a_folder(
    sources: tuple[DataOptions, ...], tmp_path: Path
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("path,label,group,fold\nhug/0.mp4,calm,all,3\nkick/1.mp4,blow,all,3\n")
    (tmp_path / "recipe.yaml").write_text("data: [{path: ut, clips: mine.csv}]\n")

    found = load_data(read_recipe(tmp_path / "recipe.yaml", {}).data, (), SPAN_S)

    assert found.clips == (
        Clip("hug/0.mp4", "calm", "all", 3),
        Clip("kick/1.mp4", "blow", "all", 3),
    )
    table.write_text("path,label,group,fold\nbow/0.mp4,calm,all,3\n")
    with pytest.raises(DataError, match=r"^.*mine\.csv:2: bow/0\.mp4: no such file$"):
        load_data([sources[1].model_copy(update={"clips": table})], (), SPAN_S)


def test_parts_and_events_are_found_in_the_file_of_their_data_set(
    sources: tuple[DataOptions, ...], tmp_path: Path
) -> None:
    rooms = tmp_path / "rooms"
    rooms.mkdir()
    (rooms / "a.mp4").touch()
    (rooms / "videos.csv").write_text(
        "path,label,group,fold,start_s,end_s\na.mp4,nofight,a,0,,\na.mp4,fight,a,0,3,4\n"
    )

    found = load_data((*sources, DataOptions(path=rooms)), (), SPAN_S)

    cut = [clip for clip in found.clips if clip.dataset == "rooms"]
    assert [clip.path for clip in cut] == [
        "rooms/a.mp4#t=0,3", "rooms/a.mp4#t=1.7,5.3", "rooms/a.mp4#t=4",
    ]  # fmt: skip
    assert {found.file(clip) for clip in cut} == {rooms / "a.mp4"}


def test_clips_are_sorted_by_path_whatever_the_data_sets_are_called(tmp_path: Path) -> None:
    names = ("a", "a-b", "b")
    found = load_data(
        [DataOptions(path=clips_at(tmp_path / name, "x", "y")) for name in names[::-1]], (), SPAN_S
    )

    paths = [clip.path for clip in found.clips]
    assert paths == sorted(paths)


def test_one_data_set_keeps_its_paths_and_groups(sources: tuple[DataOptions, ...]) -> None:
    found = load_data(sources[:1], (), SPAN_S)

    assert (found.name, found.labels) == ("ut", ("fight", "nofight"))
    assert found.clips[-1] == Clip("punch/1.mp4", "fight", "g1", 1, source_label="punch")


def test_clips_whose_label_is_not_mapped_are_left_out_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = clips_at(tmp_path / "ut", "kick", "hug", "point", "wave", each=3)
    source = DataOptions(path=data, labels={"kick": "fight", "hug": "nofight"})

    with caplog.at_level(logging.WARNING):
        found = load_data([source], (), SPAN_S)

    assert len(found.clips) == 6
    assert caplog.messages == ["ut: clips whose label is not mapped are left out: point 3, wave 3"]


def test_a_label_of_a_mapping_is_found_however_its_accents_are_written(tmp_path: Path) -> None:
    data = clips_at(tmp_path / "a", "f\u00e4llt", "sitzt")
    source = DataOptions.model_validate(
        {"path": data, "labels": {"fa\u0308llt": "fall", "sitzt": "sit"}}
    )

    assert load_data([source], (), SPAN_S).labels == ("fall", "sit")


def test_only_some_labels_of_the_model_are_used(sources: tuple[DataOptions, ...]) -> None:
    more = sources[0].model_copy(update={"labels": {**UT, "hug": "touch"}})

    found = load_data((more, sources[1]), ("fight", "nofight"), SPAN_S)

    assert found.labels == ("fight", "nofight")
    assert {clip.source_label for clip in found.clips if clip.dataset == "ut"} == {"kick", "punch"}


def test_a_data_set_with_one_label_is_reported(
    sources: tuple[DataOptions, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    crowd = DataOptions(path=clips_at(tmp_path / "crowd", "nofight"))

    with caplog.at_level(logging.WARNING):
        load_data((*sources, crowd), (), SPAN_S)

    assert caplog.messages == [
        "crowd: all its clips are nofight: a network may learn to tell the data sets apart, not "
        "what is done in them"
    ]


def labels_of(labels: dict[str, str]) -> dict[str, Any]:
    return {"labels": labels}


@pytest.mark.parametrize(
    ("changes", "chosen", "message"),
    [
        pytest.param(
            [labels_of({"kick": "fight", "kiss": "nofight"}), {}],
            (),
            "data: labels kiss: no such label in {0}/ut; labels there: hug, kick, punch",
            id="mapping of a label that is not there",
        ),
        pytest.param(
            [{}, {}],
            ("fight", "fall"),
            "labels fall: no such label in {0}/ut, {0}/street; labels there: fight, nofight",
            id="label that is in none",
        ),
        pytest.param(
            [labels_of({"kick": "kick", "hug": "hug"}), {}],
            ("fight", "nofight"),
            "data: {0}/ut has no clip of the labels that the recipe names",
            id="data set without clips of the labels",
        ),
        pytest.param(
            [labels_of({"hug": "fight"}), labels_of({"nofight": "fight"})],
            (),
            "data: only one label in all data sets (fight); two are needed",
            id="one label in all",
        ),
        pytest.param(
            [labels_of({"kick": "fight", "punch": "fight"})],
            (),
            "{0}/ut: all labels become fight; at least two are needed",
            id="one label in one",
        ),
    ],
)
def test_data_that_cannot_be_mixed_is_an_error(
    sources: tuple[DataOptions, ...],
    tmp_path: Path,
    changes: Sequence[dict[str, Any]],
    chosen: tuple[str, ...],
    message: str,
) -> None:
    changed = [one.model_copy(update=change) for one, change in zip(sources, changes, strict=False)]

    with pytest.raises((ConfigError, DataError)) as error:
        load_data(changed, chosen, SPAN_S)

    assert str(error.value) == message.format(tmp_path)


def test_two_folders_of_one_name_are_an_error(tmp_path: Path) -> None:
    one, two = (clips_at(tmp_path / place / "clips", "x", "y") for place in ("a", "b"))

    with pytest.raises(ConfigError) as error:
        load_data([DataOptions(path=one), DataOptions(path=two)], (), SPAN_S)

    assert str(error.value) == (
        f"data: two folders called clips, {one} and {two}; groups and reports name their data set "
        "by its folder: rename one"
    )


def test_groups_that_are_excluded_are_named_by_their_data_set(
    sources: tuple[DataOptions, ...], tmp_path: Path
) -> None:
    dataset = load_data(sources, (), SPAN_S)
    config = Recipe(data=sources, exclude_groups=("ut/g1",))

    check_names(config, dataset)
    split = fold_split(dataset.clips, [clip for clip in dataset.clips if clip.fold == 0], config)
    assert {clip.group for clip in split.train} == {"street/g1"}
    with pytest.raises(ConfigError) as error:
        check_names(config.model_copy(update={"exclude_groups": ("g1",)}), dataset)
    assert str(error.value) == (
        f"exclude_groups g1: no such group in {tmp_path / 'ut'}, {tmp_path / 'street'}; "
        "a group there is street/g0"
    )


def shares(sources: Sequence[DataOptions], clips: Sequence[Clip]) -> dict[str, float]:
    """The share of each part of the clips, by what it holds."""
    found = {}
    for members, share in draw_shares(clips, sources):
        (part,) = {f"{clips[index].dataset} {clips[index].source_label or clips[index].label}"
                   for index in members}  # fmt: skip
        found[part] = share
    return found


def test_data_sets_share_by_weight_and_labels_and_acts_alike(
    sources: tuple[DataOptions, ...],
) -> None:
    found = shares(sources, load_data(sources, (), SPAN_S).clips * 2)

    assert found == pytest.approx(
        {
            "street fight": 3 / 8,
            "street nofight": 3 / 8,
            "ut kick": 1 / 16,
            "ut punch": 1 / 16,
            "ut hug": 1 / 8,
        }
    )


def test_own_clips_take_a_part_of_the_windows_of_their_label(
    sources: tuple[DataOptions, ...],
) -> None:
    clips = load_data(sources, (), SPAN_S).clips * 2
    before = shares(sources, clips)
    own = (sources[0], sources[1].model_copy(update={"own": True, "weight": 2}))
    name = own[1].name
    counts = Counter((clip.dataset, clip.label) for clip in clips)

    found = shares(own, clips)

    assert sum(found.values()) == pytest.approx(1)
    for label in ("fight", "nofight"):
        mine = 2 * counts[name, label]
        others = counts[sources[0].name, label]
        taken = min(MOST_OWN, mine / (mine + others))
        assert found[f"{name} {label}"] == pytest.approx(0.5 * taken), "ut has half of each label"
    assert before != found


def test_own_clips_of_a_label_that_no_other_data_has_are_an_error(
    sources: tuple[DataOptions, ...],
) -> None:
    own = (sources[0].model_copy(update={"labels": {"kick": "blow", "hug": "nofight"}}), sources[1])
    clips = load_data(own, (), SPAN_S).clips
    mine = (own[0], own[1].model_copy(update={"own": True}))
    with pytest.raises(ConfigError, match="own clips of label fight, which no other data has"):
        draw_shares(clips, mine)


def test_own_clips_alone_are_data_as_any(sources: tuple[DataOptions, ...]) -> None:
    all_own = tuple(source.model_copy(update={"own": True}) for source in sources)
    clips = load_data(sources, (), SPAN_S).clips * 2
    assert shares(all_own, clips) == pytest.approx(shares(sources, clips))


def test_a_data_set_that_is_not_trained_on_takes_no_share(
    sources: tuple[DataOptions, ...],
) -> None:
    clips = [clip for clip in load_data(sources, (), SPAN_S).clips if clip.dataset == "street"]

    assert shares(sources, clips) == {"street fight": 0.5, "street nofight": 0.5}


def test_every_clip_is_in_one_part(sources: tuple[DataOptions, ...]) -> None:
    clips = load_data(sources, (), SPAN_S).clips * 2

    members = [index for part, _ in draw_shares(clips, sources) for index in part]

    assert sorted(members) == list(range(len(clips)))


def test_a_weight_that_leaves_a_label_without_a_window_is_an_error(
    sources: tuple[DataOptions, ...],
) -> None:
    light = (sources[0].model_copy(update={"weight": 0.25}), sources[1])

    with pytest.raises(ConfigError) as error:
        draw_shares(load_data(light, (), SPAN_S).clips, light)

    assert str(error.value) == (
        "data: weight 0.25 of ut: 0.38 of the 10 windows of an epoch for label nofight; at least "
        "one is needed"
    )


def experiment(sources: Sequence[DataOptions], dataset: Dataset) -> Experiment:
    """An experiment whose clips count as decoded."""
    decoded = {
        clip.path: DecodedClip(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1))
        for clip in dataset.clips
    }
    clips = DecodedClips(dataset.clips, (), (), decoded, dict.fromkeys(decoded, "hash"))
    return Experiment(dataset, clips, Recipe(data=sources), Console(quiet=True))


def fingerprint(*sources: DataOptions) -> str:
    """What decides if a fit of fold 0 is resumed."""
    dataset = load_data(sources, (), SPAN_S)
    split = fold_split(dataset.clips, [clip for clip in dataset.clips if clip.fold == 0], Recipe())
    return experiment(sources, dataset).fingerprint(split)


def test_a_fit_is_resumed_only_with_the_weights_and_acts_that_it_began_with(
    tmp_path: Path,
) -> None:
    one, two = (
        DataOptions(path=clips_at(tmp_path / name, "a", "b", "c", each=6), weight=weight)
        for name, weight in (("one", 1), ("two", 2))
    )
    swapped = [source.model_copy(update={"weight": 3 - source.weight}) for source in (one, two)]
    joined = two.model_copy(update={"labels": {"a": "a", "b": "a", "c": "c"}})
    begun = fingerprint(one, two)

    assert fingerprint(two, one) == begun, "the order of the data sets is nothing to the fit"
    doubled = [source.model_copy(update={"weight": 2 * source.weight}) for source in (one, two)]
    assert fingerprint(*doubled) == begun, "nor are weights of the same ratio"
    assert fingerprint(*swapped) != begun
    assert fingerprint(*swapped[::-1]) != begun
    assert fingerprint(one, joined) != begun


def test_where_data_lies_and_its_weight_are_nothing_to_a_fit_on_it_alone(tmp_path: Path) -> None:
    one = DataOptions(path=clips_at(tmp_path / "x" / "clips", "a", "b"))
    moved = DataOptions(path=clips_at(tmp_path / "y" / "clips", "a", "b"), weight=2)

    assert fingerprint(one) == fingerprint(moved)
