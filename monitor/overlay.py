"""What is drawn on a picture for people to look at: draw(), which is pure.

A dark panel at the top left holds, from the most to the least important: the top label, the camera
with its time, the rates, a bar for each label. Open activities get a mark each and a frame around
the picture. What does not fit is left out in the opposite order.
"""

from dataclasses import dataclass

from monitor.cv import Colour, Font, Image, Pen, printable
from monitor.records import Activity

_WHITE: Colour = (244, 246, 248)
_MUTED: Colour = (184, 191, 200)
_DARK: Colour = (13, 16, 21)
_TRACK: Colour = (70, 76, 85)
_CALM: Colour = (150, 158, 168)  # bars of background labels
_ACCENT: Colour = (72, 176, 255)
_RED: Colour = (255, 69, 64)
_RED_TEXT: Colour = (255, 104, 96)
_PANEL_OPACITY = 0.82  # on white, the muted text still has a contrast of 6 to 1, the red of 4
_MARK_RED: Colour = (176, 18, 24)
_MARK_OPACITY = 0.9

_ROOMY_PX = 160  # the shorter side from which there is room for a larger title and padding
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
    scores: dict[str, float]  # label -> smoothed score; empty until the first window
    thresholds: dict[str, float]  # label -> score at which it alerts; background labels have none
    open: tuple[Activity, ...]  # activities open now


def draw(image: Image, caption: Caption) -> Image:
    """The picture with the caption on it, as a new array; (H, W, 3) RGB, the input is not touched.

    Sizes follow the shorter side, so that portrait and panorama pictures look alike.
    """
    pen = Pen(image)
    style = _Style.of(pen.image)
    height, width = pen.image.shape[:2]
    panel_width = min(width - 2 * style.margin, round(14.5 * style.text.size))
    panel_right = style.margin + panel_width
    marks_aside = width - panel_right - 2 * style.margin >= 9 * style.text.size
    mark_height = round(2.1 * style.text.size)

    space = height - 2 * style.margin
    if caption.open and not marks_aside:
        space -= mark_height + style.gap
    share = round(_MAX_SHARE * height * width / max(1, panel_width))
    panel_height = _draw_panel(pen, style, caption, panel_width, space, share)

    if caption.open:
        pen.frame(max(1, style.margin // 3), _RED)
        top = style.margin
        if not marks_aside and panel_height:
            top += panel_height + style.gap
        count = max(1, (height - style.margin - top + style.gap) // (mark_height + style.gap))
        widest = width - 2 * style.margin - (panel_right if marks_aside else 0)
        widest = min(widest, _MAX_MARK_WIDTH * style.text.size)
        texts = _mark_texts(caption, min(count, _MAX_MARKS))
        _draw_marks(pen, style, texts, top, mark_height, widest, to_right=marks_aside)
    return pen.image


@dataclass(frozen=True)
class _Style:
    """Sizes for one picture, pixels."""

    text: Font
    strong: Font
    small: Font
    title: Font
    title_height: int
    margin: int  # between the picture's edge and what is drawn
    padding: int  # inside a panel
    gap: int  # between panels
    radius: int

    @staticmethod
    def of(image: Image) -> "_Style":
        side = min(image.shape[:2])
        # 13 at 360, 22 at 720, 30 at 1080: slower than the picture, so that the panel's share
        # shrinks. Below 9 letters cannot be told apart.
        size = max(9, round(13 * (side / 360) ** 0.75))
        roomy = side >= _ROOMY_PX
        return _Style(
            text=Font(size, 400),
            strong=Font(size, 600),
            small=Font(max(8, round(0.86 * size)), 400),
            title=Font(round(1.5 * size) if roomy else size, 600),
            title_height=round(2.5 * size) if roomy else round(1.4 * size),
            margin=max(2, round(0.03 * side)),
            padding=round(0.75 * size) if roomy else round(0.5 * size),
            gap=max(2, round(0.4 * size)),
            radius=round(0.45 * size),
        )


def _draw_panel(
    pen: Pen, style: _Style, caption: Caption, width: int, space: int, share: int
) -> int:
    """Draws the panel, `space` pixels high at most; returns the height it took, 0 for no panel.

    Only the top label may take it over `share` pixels.
    """
    size = style.text.size
    head_height, rates_height = round(1.5 * size), round(1.35 * size)
    bar_height = round(1.5 * size)
    inner = width - 2 * style.padding
    least = 2 * style.padding + style.title_height
    space = min(space, max(share, least))
    free = space - least
    if free < 0 or inner < 2 * size:
        return 0
    has_head = free >= head_height
    free -= head_height if has_head else 0
    has_rates = has_head and free >= rates_height
    free -= rates_height if has_rates else 0
    free -= style.gap  # sets the bars off from the title
    has_bars = has_rates and inner >= 10 * size  # in less, a name and its score leave no bar
    bars = _highest(caption.scores, min(_MAX_BARS, free // bar_height)) if has_bars else []

    height = space - free - style.gap + (len(bars) * bar_height + style.gap if bars else 0)
    pen.box(style.margin, style.margin, width, height, _DARK, _PANEL_OPACITY, style.radius)
    x, y = style.margin + style.padding, style.margin + style.padding
    opened = {activity.label for activity in caption.open}
    if has_head:
        pen.row(
            caption.camera,
            _clock(caption.time_s),
            x,
            y + head_height / 2,
            inner,
            (style.strong, style.text),
            (_WHITE, _WHITE),
        )
        y += head_height
    if has_rates:
        fps = "–" if caption.fps is None else f"{caption.fps:.1f}"
        latency = "" if caption.latency_ms is None else f"latency {caption.latency_ms:.0f} ms"
        texts = f"{fps} fps", latency
        fonts, colours = (style.small, style.small), (_MUTED, _MUTED)
        pen.row(*texts, x, y + rates_height / 2, inner, fonts, colours)
        y += rates_height
    middle_y = y + style.title_height / 2
    if caption.scores:
        top = max(caption.scores, key=caption.scores.__getitem__)
        colour = _RED_TEXT if top in opened else _WHITE
        percent = _percent(caption.scores[top])
        whole = pen.width(f"{printable(top)} {percent}", style.title) <= inner
        font = style.title if whole else style.strong
        pen.row(top, percent, x, middle_y, inner, (font, font), (colour, colour))
    else:
        text = pen.fit("not enough video yet", style.text, inner)
        pen.text(text, x, middle_y, style.text, _MUTED)
    y += style.title_height + style.gap
    if bars:
        _draw_bars(pen, style, caption, bars, x, y, inner, bar_height)
    return height


def _draw_bars(
    pen: Pen,
    style: _Style,
    caption: Caption,
    labels: list[str],
    x: int,
    y: int,
    width: int,
    row_height: int,
) -> None:
    """Draws a row for each label: its name, a bar with a tick at its threshold, its score."""
    opened = {activity.label for activity in caption.open}
    gap = round(0.7 * style.small.size)
    names = [pen.fit(label, style.small, round(0.42 * width)) for label in labels]
    left = x + max(pen.width(name, style.small) for name in names) + gap
    right = x + width - pen.width("100 %", style.small) - gap
    thick = max(3, round(0.36 * style.text.size))
    tick_width = max(1, thick // 4)
    for label, name in zip(labels, names, strict=True):
        score = min(1.0, max(0.0, caption.scores[label]))
        middle = y + row_height // 2
        pen.text(name, x, middle, style.small, _WHITE)
        percent = _percent(score)
        percent_x = x + width - pen.width(percent, style.small)
        pen.text(percent, percent_x, middle, style.small, _MUTED)
        top = middle - thick // 2
        pen.box(left, top, right - left, thick, _TRACK, 1, thick)
        filled = round(score * (right - left))
        if filled:
            colour = _ACCENT if label in caption.thresholds else _CALM
            colour = _RED if label in opened else colour
            pen.box(left, top, filled, thick, colour, 1, thick)
        if label in caption.thresholds:
            reach = max(1, thick // 3)
            at = left + round(caption.thresholds[label] * (right - left - tick_width))
            pen.box(at, top - reach, tick_width, thick + 2 * reach, _WHITE, 1, 0)
        y += row_height


def _draw_marks(
    pen: Pen,
    style: _Style,
    texts: list[tuple[str, str]],
    top: int,
    height: int,
    widest: int,
    to_right: bool,
) -> None:
    """Draws a mark for each open activity, below one another: a dot, the label, how long."""
    size = style.text.size
    dot = min(round(0.62 * size) // 2 * 2, widest)
    padding = round(0.8 * style.padding)
    fixed = 2 * padding + dot + round(0.45 * size)
    wanted = [
        pen.width(printable(label), style.strong) + pen.width(lasted, style.text) + size
        for label, lasted in texts
    ]
    width = min(widest, fixed + max(wanted))
    if width < fixed + 5 * size:  # the label outlives the duration
        texts = [(label, "") for label, _ in texts]
    x = style.margin
    if to_right:
        x = pen.image.shape[1] - style.margin - width
    if width <= 0 or top + height > pen.image.shape[0] - style.margin or width < fixed + size:
        return
    for label, lasted in texts:
        pen.box(x, top, width, height, _MARK_RED, _MARK_OPACITY, style.radius)
        pen.box(x + padding, top + (height - dot) // 2, dot, dot, _WHITE, 1, dot)
        fonts, colours = (style.strong, style.text), (_WHITE, _WHITE)
        text_x = x + fixed - padding
        pen.row(label, lasted, text_x, top + height / 2, width - fixed, fonts, colours)
        top += height + style.gap


def _mark_texts(caption: Caption, count: int) -> list[tuple[str, str]]:
    """Label and duration of the open activities, the last line a sum where there are more."""
    texts = [(a.label, _duration(caption.time_s - a.start_s)) for a in caption.open]
    if len(texts) > count:
        hidden = len(texts) - count + 1
        texts = [*texts[: count - 1], (f"{hidden} activities", "")]
    return texts


def _highest(scores: dict[str, float], count: int) -> list[str]:
    """The labels with the highest scores, in their own order: rows that swap cannot be read."""
    chosen = set(sorted(scores, key=scores.__getitem__, reverse=True)[: max(0, count)])
    return [label for label in scores if label in chosen]


def _percent(score: float) -> str:
    return f"{100 * score:.0f} %"


def _clock(time_s: float) -> str:
    """h:mm:ss.s"""
    minutes, tenths = divmod(round(max(0.0, time_s) * 10), 600)
    return f"{minutes // 60}:{minutes % 60:02}:{tenths / 10:04.1f}"


def _duration(duration_s: float) -> str:
    """m:ss, with hours where there are any."""
    minutes, seconds = divmod(int(max(0.0, duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
