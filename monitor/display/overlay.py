"""What is drawn on a picture for people to look at: draw(), which is pure.

A dark panel at the top left holds, from the most to the least important: the top label, the camera
with its time, the rates, a bar for each label. Open activities get a mark each and a frame around
the picture. What does not fit is left out in the opposite order. Where regions are watched, each
has its outline, a tag with its own top label, and a bar in the panel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.display.pen import Colour, Image, Pen, drawable
from monitor.display.region_overlay import Box, RegionCaption, draw_boxes, draw_outlines, draw_tags
from monitor.display.style import (
    ACCENT,
    CALM,
    DARK,
    MARK_OPACITY,
    MARK_RED,
    MUTED,
    PANEL_OPACITY,
    RED,
    RED_TEXT,
    TRACK,
    WHITE,
    Style,
    percent,
)
from monitor.records import Activity, PictureBox
from monitor.states import SkipReason

_MAX_BARS = 6
_MAX_MARKS = 3
_MAX_SHARE = 0.3  # of a small picture, for the panel; at 640x360 all six bars take 0.18
_MAX_MARK_WIDTH = 18  # in font sizes


@dataclass(frozen=True)
class Caption:
    """Everything that is drawn on one picture."""

    camera: str
    time_s: float  # on the camera's axis; shown as h:mm:ss.s
    fps: float | None  # real frame rate, frames per second; None while unknown
    latency_ms: float | None  # None while unknown, and for files, where it means nothing
    scores: Mapping[str, float]  # label -> smoothed score; empty if there is none, or for regions
    thresholds: Mapping[str, float]  # label -> score at which it alerts; not of background
    open: tuple[Activity, ...]  # activities open now
    skipped: str = ""  # why the newest window was not classified
    boxes: tuple[PictureBox, ...] = ()  # the parts of the picture in which activities are open
    regions: tuple[RegionCaption, ...] = ()  # none: the whole picture is watched


def draw(image: Image, caption: Caption) -> Image:
    """The picture with the caption on it, as a new array; (H, W, 3) RGB, the input is not touched.

    Sizes follow the shorter side, so that portrait and panorama pictures look alike.
    """
    pen = Pen(image)
    style = Style.of(pen.image)
    height, width = pen.image.shape[:2]
    panel_width = min(width - 2 * style.margin, round(14.5 * style.text.size))
    panel_right = style.margin + panel_width
    marks_aside = width - panel_right - 2 * style.margin >= 9 * style.text.size
    mark_height = round(2.1 * style.text.size)

    space = height - 2 * style.margin
    if caption.open and not marks_aside:
        space -= mark_height + style.gap
    share = round(_MAX_SHARE * height * width / max(1, panel_width))
    draw_outlines(pen, style, caption.regions)
    draw_boxes(pen, style, caption.boxes)
    panel_height = _draw_panel(pen, style, caption, panel_width, space, share)
    taken = [Box(style.margin, style.margin, panel_width, panel_height)]

    if caption.open:
        pen.frame(max(1, style.margin // 3), RED)
        top = style.margin
        if not marks_aside and panel_height:
            top += panel_height + style.gap
        count = max(1, (height - style.margin - top + style.gap) // (mark_height + style.gap))
        widest = width - 2 * style.margin - (panel_right if marks_aside else 0)
        widest = min(widest, _MAX_MARK_WIDTH * style.text.size)
        texts = _mark_texts(caption, min(count, _MAX_MARKS))
        taken += _draw_marks(pen, style, texts, top, mark_height, widest, to_right=marks_aside)
    draw_tags(pen, style, caption.regions, taken)
    return pen.image


def _draw_panel(
    pen: Pen, style: Style, caption: Caption, width: int, space: int, share: int
) -> int:
    """Draws the panel, `space` pixels high at most; returns the height it took, 0 for no panel.

    Only the top label may take it over `share` pixels.
    """
    size = style.text.size
    head_height, rates_height = round(1.5 * size), round(1.35 * size)
    bar_height = round(1.5 * size)
    inner = width - 2 * style.padding
    title_height = 0 if caption.regions else style.title_height
    least = 2 * style.padding + title_height
    space = min(space, max(share, least))
    free = space - least
    if free < 0 or inner < 2 * size:
        return 0
    has_head = free >= head_height
    if caption.regions and not has_head:
        return 0
    free -= head_height if has_head else 0
    has_rates = has_head and free >= rates_height
    free -= rates_height if has_rates else 0
    free -= style.gap  # sets the bars off from the title
    has_bars = has_rates and inner >= 10 * size  # in less, a name and its score leave no bar
    bars = _bars(caption, min(_MAX_BARS, free // bar_height)) if has_bars else []

    height = space - free - style.gap + (len(bars) * bar_height + style.gap if bars else 0)
    pen.box(style.margin, style.margin, width, height, DARK, PANEL_OPACITY, style.radius)
    x, y = style.margin + style.padding, style.margin + style.padding
    if has_head:
        pen.row(
            caption.camera,
            _clock(caption.time_s),
            x,
            y + head_height / 2,
            inner,
            (style.strong, style.text),
            (WHITE, WHITE),
        )
        y += head_height
    if has_rates:
        fps = "–" if caption.fps is None else f"{caption.fps:.1f}"
        latency = "" if caption.latency_ms is None else f"latency {caption.latency_ms:.0f} ms"
        texts = f"{fps} fps", latency
        fonts, colours = (style.small, style.small), (MUTED, MUTED)
        pen.row(*texts, x, y + rates_height / 2, inner, fonts, colours)
        y += rates_height
    if title_height:
        _draw_title(pen, style, caption, x, y + title_height / 2, inner)
    y += title_height + style.gap
    if bars:
        _draw_bars(pen, style, bars, x, y, inner, bar_height)
    return height


def _draw_title(
    pen: Pen, style: Style, caption: Caption, x: int, middle_y: float, width: int
) -> None:
    """Draws the top label and its score, or why there is none."""
    if not caption.scores:
        text = f"{caption.skipped}: not classified" if caption.skipped else "not enough video yet"
        text = SkipReason.UNKNOWN if caption.skipped == SkipReason.UNKNOWN else text
        pen.text(pen.fit(text, style.text, width), x, middle_y, style.text, MUTED)
        return
    top = max(caption.scores, key=caption.scores.__getitem__)
    colour = RED_TEXT if any(activity.label == top for activity in caption.open) else WHITE
    score = percent(caption.scores[top])
    whole = pen.width(f"{drawable(top)} {score}", style.title) <= width
    font = style.title if whole else style.strong
    pen.row(top, score, x, middle_y, width, (font, font), (colour, colour))


@dataclass(frozen=True)
class _Bar:
    """A label, or a region with the score of the label that is nearest to alerting."""

    name: str
    score: float | None  # None: it was not classified
    threshold: float | None  # None: it never alerts
    colour: Colour


def _bars(caption: Caption, count: int) -> list[_Bar]:
    """The bars with the highest scores, in their own order: rows that swap cannot be read."""
    thresholds = caption.thresholds
    if caption.regions:
        every = [_region_bar(shown, thresholds) for shown in caption.regions]
    else:
        opened = {activity.label for activity in caption.open}
        every = [
            _Bar(
                label,
                score,
                thresholds.get(label),
                RED if label in opened else ACCENT if label in thresholds else CALM,
            )
            for label, score in caption.scores.items()
        ]
    chosen = sorted(every, key=lambda bar: bar.score or 0.0, reverse=True)[: max(0, count)]
    return [bar for bar in every if bar in chosen]


def _region_bar(shown: RegionCaption, thresholds: Mapping[str, float]) -> _Bar:
    scores = {label: score for label, score in shown.scores.items() if label in thresholds}
    label = max(scores, key=lambda label: scores[label] - thresholds[label], default="")
    colour = RED if shown.open else ACCENT
    return _Bar(shown.region.name, scores.get(label), thresholds.get(label), colour)


def _draw_bars(
    pen: Pen, style: Style, bars: list[_Bar], x: int, y: int, width: int, row_height: int
) -> None:
    """Draws a row for each: its name, a bar with a tick at its threshold, its score."""
    gap = round(0.7 * style.small.size)
    names = [pen.fit(bar.name, style.small, round(0.42 * width)) for bar in bars]
    left = x + max(pen.width(name, style.small) for name in names) + gap
    right = x + width - pen.width("100 %", style.small) - gap
    thick = max(3, round(0.36 * style.text.size))
    tick_width = max(1, thick // 4)
    for bar, name in zip(bars, names, strict=True):
        score = min(1.0, max(0.0, bar.score or 0.0))
        middle = y + row_height // 2
        pen.text(name, x, middle, style.small, WHITE)
        shown = "–" if bar.score is None else percent(score)
        pen.text(shown, x + width - pen.width(shown, style.small), middle, style.small, MUTED)
        top = middle - thick // 2
        pen.box(left, top, right - left, thick, TRACK, 1, thick)
        filled = round(score * (right - left))
        if filled:
            pen.box(left, top, filled, thick, bar.colour, 1, thick)
        if bar.threshold is not None:
            reach = max(1, thick // 3)
            at = left + round(bar.threshold * (right - left - tick_width))
            pen.box(at, top - reach, tick_width, thick + 2 * reach, WHITE, 1, 0)
        y += row_height


def _draw_marks(
    pen: Pen,
    style: Style,
    texts: list[tuple[str, str]],
    top: int,
    height: int,
    widest: int,
    to_right: bool,
) -> list[Box]:
    """Draws a mark for each open activity, below one another: a dot, the label, how long."""
    size = style.text.size
    dot = min(round(0.62 * size) // 2 * 2, widest)
    padding = round(0.8 * style.padding)
    fixed = 2 * padding + dot + round(0.45 * size)
    wanted = [
        pen.width(drawable(label), style.strong) + pen.width(lasted, style.text) + size
        for label, lasted in texts
    ]
    width = min(widest, fixed + max(wanted))
    if width < fixed + 5 * size:  # the label outlives the duration
        texts = [(label, "") for label, _ in texts]
    x = style.margin
    if to_right:
        x = pen.image.shape[1] - style.margin - width
    if width <= 0 or top + height > pen.image.shape[0] - style.margin or width < fixed + size:
        return []
    drawn = []
    for label, lasted in texts:
        pen.box(x, top, width, height, MARK_RED, MARK_OPACITY, style.radius)
        pen.box(x + padding, top + (height - dot) // 2, dot, dot, WHITE, 1, dot)
        fonts, colours = (style.strong, style.text), (WHITE, WHITE)
        text_x = x + fixed - padding
        pen.row(label, lasted, text_x, top + height / 2, width - fixed, fonts, colours)
        drawn.append(Box(x, top, width, height))
        top += height + style.gap
    return drawn


def _mark_texts(caption: Caption, count: int) -> list[tuple[str, str]]:
    """Title and duration of the open activities, the last line a sum where there are more."""
    texts = [(a.title, _duration(caption.time_s - a.start_s)) for a in caption.open]
    if len(texts) > count:
        hidden = len(texts) - count + 1
        texts = [*texts[: count - 1], (f"{hidden} activities", "")]
    return texts


def _clock(time_s: float) -> str:
    """h:mm:ss.s"""
    minutes, tenths = divmod(round(max(0.0, time_s) * 10), 600)
    return f"{minutes // 60}:{minutes % 60:02}:{tenths / 10:04.1f}"


def _duration(duration_s: float) -> str:
    """m:ss, with hours where there are any."""
    minutes, seconds = divmod(int(max(0.0, duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
