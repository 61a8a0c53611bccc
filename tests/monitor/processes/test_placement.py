"""Which process watches which camera."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.processes.placement import UNEVEN, place, process_count


@pytest.mark.parametrize(
    ("wanted", "cameras", "cores", "count"),
    [
        ("auto", 1, 16, 1),
        ("auto", 25, 16, 1),
        ("auto", 26, 16, 2),
        ("auto", 64, 2, 1),
        ("auto", 64, 16, 3),
        ("auto", 65, 2, 2),
        ("auto", 200, 2, 2),
        ("auto", 200, 16, 8),
        (1, 200, 16, 1),
        (4, 200, 2, 4),
        (4, 3, 2, 3),
    ],
)
def test_there_are_as_many_processes_as_pay(
    wanted: int | str, cameras: int, cores: int, count: int
) -> None:
    assert process_count(wanted, cameras, cores) == count


def test_cameras_of_unknown_cost_are_spread_by_number() -> None:
    placed = place("abcdefg", {}, {}, (1, 2))
    assert list(placed) == list("abcdefg")
    assert sorted(placed.values()) == [1, 1, 1, 1, 2, 2, 2]


def test_a_new_camera_comes_to_the_shard_that_has_least_to_do() -> None:
    costs = {"busy": 0.8, "idle": 0.1, "still": 0.1}
    before = {"busy": 1, "idle": 2, "still": 2}
    assert place(("busy", "idle", "still", "new"), costs, before, (1, 2)) == {**before, "new": 2}


def test_who_is_watched_moves_only_if_it_is_very_uneven() -> None:
    costs = dict.fromkeys("abcde", 1.0)
    uneven = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2}
    assert place("abcde", costs, uneven, (1, 2)) == uneven
    assert place("abc", costs, uneven, (1, 2)) != {"a": 1, "b": 1, "c": 1}
    assert sorted(place("abc", costs, uneven, (1, 2)).values()) == [1, 1, 2]


def test_the_cameras_of_a_shard_that_is_gone_are_placed_anew() -> None:
    before = {"a": 1, "b": 2, "c": 3}
    placed = place("abc", dict.fromkeys("abc", 1.0), before, (1, 2))
    assert placed["a"], placed["b"] == (1, 2)
    assert placed["c"] in (1, 2)


@given(
    costs=st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(0, 10)),
    before=st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 5)),
    unknown=st.sets(st.text("xyz", min_size=1, max_size=2), max_size=9),
    count=st.integers(1, 4),
)
def test_every_camera_has_a_shard_and_a_second_look_moves_nothing(
    costs: dict[str, float], before: dict[str, int], unknown: set[str], count: int
) -> None:
    cameras, processes = sorted(costs.keys() | unknown), range(1, count + 1)
    placed = place(cameras, costs, before, processes)
    assert list(placed) == cameras
    assert set(placed.values()) <= set(processes)
    assert place(cameras, costs, placed, processes) == placed


@given(count=st.integers(2, 5), cameras=st.integers(5, 60))
def test_equal_cameras_end_up_even_wherever_they_were(count: int, cameras: int) -> None:
    names = [f"c{n}" for n in range(cameras)]
    placed = place(names, dict.fromkeys(names, 0.3), dict.fromkeys(names, 1), range(1, count + 1))
    most = max(list(placed.values()).count(process) for process in range(1, count + 1))
    assert most <= UNEVEN * cameras / count + 1
