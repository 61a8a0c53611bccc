"""Regions on a picture: outlines, tags and bars."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.display.overlay import Caption, draw
from monitor.display.region_overlay import RegionCaption
from monitor.records import Activity
from monitor.windows.region import Region

Image = NDArray[np.uint8]
HEIGHT, WIDTH = 480, 640
TILL = Region.box("till", 0.1, 0.5, 0.35, 0.9)
DOOR = Region("door", ((0.6, 0.3), (0.9, 0.3), (0.9, 0.9), (0.5, 0.9)))
FIGHT = Activity("1", "hall", "fight", 71.2, None, 0.9, 0.95, 0.0, 73.2, region="till")


def shown(region: Region, fight: float, opened: bool = False) -> RegionCaption:
    return RegionCaption(region, {"fight": fight, "nofight": 1 - fight}, opened)


CALM = Caption(
    camera="hall",
    time_s=83.4,
    fps=25.0,
    latency_ms=84.0,
    scores={},
    thresholds={"fight": 0.6},
    open=(),
    regions=(shown(TILL, 0.1), shown(DOOR, 0.4)),
)
OPEN = replace(CALM, open=(FIGHT,), regions=(shown(TILL, 0.9, opened=True), shown(DOOR, 0.4)))
SKIPPED = replace(CALM, regions=(RegionCaption(TILL, {}, False, "black"), shown(DOOR, 0.4)))
CROWDED = replace(
    OPEN, regions=tuple(shown(replace(TILL, name=f"region {n}"), n / 20, n == 7) for n in range(12))
)
CAPTIONS = {"calm": CALM, "open": OPEN, "skipped": SKIPPED, "crowded": CROWDED}


def grey(height: int = HEIGHT, width: int = WIDTH) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def red(image: Image) -> NDArray[np.bool_]:
    levels = image.astype(int)
    return np.asarray(levels[..., 0] - levels[..., 1:].max(axis=2) > 100)


def at(region: Region, across: float, down: float) -> tuple[slice, slice]:
    """The few pixels about a place within the bounds of a region."""
    left, top, right, bottom = region.bounds
    x = round((left + across * (right - left)) * (WIDTH - 1))
    y = round((top + down * (bottom - top)) * (HEIGHT - 1))
    return slice(y - 3, y + 4), slice(x - 3, x + 4)


SIDES = [(1.0, 0.5), (0.5, 1.0), (1.0, 0.9)]


@pytest.mark.parametrize("region", [TILL, DOOR], ids=["box", "polygon"])
@pytest.mark.parametrize("side", SIDES, ids=str)
def test_each_region_is_outlined_and_its_inside_left_alone(
    region: Region, side: tuple[float, float]
) -> None:
    drawn = draw(grey(), CALM)
    assert drawn[at(region, *side)].max() > 180
    assert (drawn[at(region, 0.5, 0.5)] == 128).all()


def test_a_polygon_is_outlined_along_its_own_edges() -> None:
    drawn = draw(grey(), CALM)
    middle = round((0.6 + 0.5) / 2 * (WIDTH - 1)), round(0.6 * (HEIGHT - 1))
    assert drawn[middle[1], middle[0] - 3 : middle[0] + 4].max() > 180
    assert (drawn[at(DOOR, 0.0, 0.2)] == 128).all(), "a corner of its bounds, outside of it"


def test_a_region_with_an_open_activity_is_red_and_no_other() -> None:
    drawn = draw(grey(), OPEN)
    assert all(red(drawn[at(TILL, *side)]).any() for side in SIDES)
    assert not any(red(drawn[at(DOOR, *side)]).any() for side in SIDES)
    assert not red(draw(grey(), CALM)).any()


@pytest.mark.parametrize(
    "other",
    [
        replace(CALM, regions=(shown(TILL, 0.3), shown(DOOR, 0.4))),
        replace(CALM, regions=(shown(replace(TILL, name="tall"), 0.1), shown(DOOR, 0.4))),
        replace(CALM, regions=(shown(replace(TILL, corners=DOOR.corners), 0.1), shown(DOOR, 0.4))),
        replace(CALM, thresholds={"fight": 0.9}),
        SKIPPED,
        replace(SKIPPED, regions=(RegionCaption(TILL, {}, False, "still"), shown(DOOR, 0.4))),
        replace(OPEN, open=(replace(FIGHT, region="door"),)),
    ],
    ids=["score", "name", "place", "threshold", "skipped", "why", "where"],
)
def test_each_part_of_a_region_can_be_seen(other: Caption) -> None:
    before = OPEN if other.open else CALM
    assert (draw(grey(), before) != draw(grey(), other)).any()


def test_tags_keep_clear_of_the_panel_and_of_each_other() -> None:
    corner = Region.box("corner", 0.0, 0.0, 0.4, 0.4)
    near = Region.box("near", 0.0, 0.0, 0.4, 0.45)
    alone = draw(grey(), replace(CALM, regions=(shown(corner, 0.1),)))
    panel = (slice(20, 90), slice(20, 200))
    beside = replace(CALM, regions=(shown(corner, 0.1), shown(near, 0.1)))
    assert (alone[panel][:40] == draw(grey(), beside)[panel][:40]).all()


@pytest.mark.parametrize("caption", CAPTIONS.values(), ids=CAPTIONS)
@pytest.mark.parametrize(
    "size", [(1, 1), (3, 400), (400, 3), (64, 64), (251, 333), (640, 360), (1080, 1920)], ids=str
)
def test_any_regions_fit_any_picture(size: tuple[int, int], caption: Caption) -> None:
    drawn = draw(grey(*size), caption)
    assert drawn.shape == (*size, 3)


@pytest.mark.parametrize("name", ["x" * 64, "", "\x1b[31m", "👩‍👧"], ids=ascii)
def test_any_name_fits(name: str) -> None:
    for size in [(64, 64), (360, 640)]:
        draw(grey(*size), replace(CALM, regions=(shown(replace(TILL, name=name), 0.5),)))


def test_a_window_that_was_not_classified_says_why() -> None:
    whole = replace(CALM, regions=())
    assert (draw(grey(), whole) != draw(grey(), replace(whole, skipped="black"))).any()
