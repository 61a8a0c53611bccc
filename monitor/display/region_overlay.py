"""Regions drawn on a picture: each one's outline, and a tag with its name and its top label."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from monitor.display.pen import Pen
from monitor.display.style import (
    DARK,
    MARK_OPACITY,
    MARK_RED,
    MUTED,
    PANEL_OPACITY,
    RED,
    WHITE,
    Style,
    percent,
)
from monitor.records import PictureBox
from monitor.windows.region import Region


@dataclass(frozen=True)
class RegionCaption:
    """What is shown of one region."""

    region: Region
    scores: Mapping[str, float]  # label -> smoothed score; empty if it was not classified
    open: bool  # whether an activity is open there
    skipped: str = ""  # why it was not classified


class Box(NamedTuple):
    """A part of a picture, pixels."""

    x: int
    y: int
    width: int
    height: int

    def meets(self, other: "Box") -> bool:
        """Whether the two share a pixel."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


def draw_outlines(pen: Pen, style: Style, regions: Sequence[RegionCaption]) -> None:
    """Draws where the regions lie; those with an open activity last, in red."""
    height, width = pen.image.shape[:2]
    thin = max(1, round(style.text.size / 12))
    for shown in sorted(regions, key=lambda shown: shown.open):
        corners = np.array(shown.region.corners) * (width - 1, height - 1)
        thickness = 2 * thin if shown.open else thin
        pen.outline(corners, thickness + 2, DARK)  # seen on bright pictures too
        pen.outline(corners, thickness, RED if shown.open else WHITE)


def draw_boxes(pen: Pen, style: Style, boxes: Iterable[PictureBox]) -> None:
    """Draws where in the picture the activities are that are open."""
    height, width = pen.image.shape[:2]
    thin = max(1, round(style.text.size / 12))
    for box in boxes:
        corners = np.array(Region.box("", *box).corners) * (width - 1, height - 1)
        pen.outline(corners, thin + 2, DARK)
        pen.outline(corners, thin, RED)


def draw_tags(
    pen: Pen, style: Style, regions: Sequence[RegionCaption], taken: Sequence[Box]
) -> None:
    """Draws a tag at each region, beside what is `taken` where there is room."""
    placed = list(taken)
    for shown in sorted(regions, key=lambda shown: not shown.open):  # what is open comes first
        box = _place(pen, style, shown, placed)
        if box is not None:
            _draw_tag(pen, style, shown, box)
            placed.append(box)


def _label(shown: RegionCaption) -> str:
    if not shown.scores:
        return shown.skipped
    top = max(shown.scores, key=shown.scores.__getitem__)
    return f"{top} {percent(shown.scores[top])}"


def _place(pen: Pen, style: Style, shown: RegionCaption, placed: Sequence[Box]) -> Box | None:
    """Above the region, within its top, below it or within its bottom; None if none is free."""
    size = style.text.size
    high, wide = pen.image.shape[:2]
    gap = size if _label(shown) else 0
    width = pen.width(shown.region.name, style.strong) + pen.width(_label(shown), style.small)
    width = min(width + gap + size, wide)
    height = round(1.6 * size)
    left, _, right, _ = shown.region.bounds
    for upper in (True, False):
        x, y = min(
            shown.region.corners, key=lambda corner: (corner[1] if upper else -corner[1], corner[0])
        )
        edge = round(y * high)
        inwards, outwards = (edge, edge - height) if upper else (edge - height, edge)
        for top in (outwards, inwards):
            for at in (x * wide, right * wide - width, left * wide):
                box = Box(max(0, min(round(at), wide - width)), top, width, height)
                fits = top >= 0 and top + height <= high
                if fits and not any(box.meets(other) for other in placed):
                    return box
    return None


def _draw_tag(pen: Pen, style: Style, shown: RegionCaption, box: Box) -> None:
    colour, opacity = (MARK_RED, MARK_OPACITY) if shown.open else (DARK, PANEL_OPACITY)
    pen.box(*box, colour, opacity, 0)
    pad = style.text.size // 2
    pen.row(
        shown.region.name,
        _label(shown),
        box.x + pad,
        box.y + box.height / 2,
        box.width - 2 * pad,
        (style.strong, style.small),
        (WHITE, WHITE if shown.open else MUTED),
    )
