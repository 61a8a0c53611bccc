"""The benchmark of idle decoding: its films and its page."""

from itertools import pairwise

import numpy as np
import pytest

from benchmarks.idle.films import Laid
from benchmarks.idle.measure import (
    CAMERAS,
    LENGTHS_S,
    Camera,
    Caught,
    Saved,
    Share,
    plan_acts,
)
from benchmarks.idle.page import page
from monitor.decode.idle import AFTER_S


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: f"{camera.codec} {camera.rate}")
def test_a_camera_is_idle_before_each_activity(camera: Camera) -> None:
    acts = plan_acts(camera)
    assert len(acts) == camera.each * len(LENGTHS_S)
    for one, following in pairwise(acts):
        still_s = following.start_s - one.start_s - one.length_s
        assert AFTER_S + 2 * camera.group_s <= still_s


def test_activities_of_each_length_lie_evenly_between_key_frames() -> None:
    camera = Camera("h264", "constant", 2.0, 8)
    for length_s in LENGTHS_S:
        starts = [act.start_s for act in plan_acts(camera) if act.length_s == length_s]
        phases = sorted(start_s % camera.group_s for start_s in starts)
        slot_s = camera.group_s / camera.each
        for place, phase_s in enumerate(phases):
            assert (place - 0.2) * slot_s < phase_s < (place + 1.2) * slot_s


def test_an_activity_moves_in_its_intervals_and_stands_still_between_them() -> None:
    images = [np.full((1, 1, 3), level, np.uint8) for level in range(5)]
    laid = Laid(images, [(2, 2), (6, 3)], left=0, top=0)
    shown = [int(laid.at(index)[0, 0, 0]) for index in range(12)]
    assert shown == [0, 0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 4]


def test_the_page_gives_counts_of_totals() -> None:
    shares = [Share(length_s, 8, 6, 0 if length_s < 1 else 4, 3) for length_s in LENGTHS_S]
    caught = Caught(
        codec="h264", rate="constant", group_s=2.0, returns=True, date="2026-01-01",
        film_s=100.0, idle_share=0.5, windows_that_differ=0, shares=tuple(shares),
    )  # fmt: skip
    saved = Saved(
        stream="a corridor", date="2026-01-01", full_ms=80.0, idle_ms=20.0, ratio=4.0,
        resting_share=0.9, resting_ms=2.0, decoding_ms=75.0,
    )  # fmt: skip
    lines = page([caught, saved]).splitlines()
    of_eight = " | ".join(["6 of 8"] * 4)
    first = lines.index(f"| H.264, constant rate, key frames 2 s apart | caught | {of_eight} |")
    assert lines[first + 1] == "|  | alerts | – | 3 of 4 | 3 of 4 | 3 of 4 |"
    assert lines[-1] == "| a corridor | 80 ms | 20 ms | 4.0 | 90% | 2.0 ms | 75 ms |"
