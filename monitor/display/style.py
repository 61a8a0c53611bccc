"""Colours and sizes of what is drawn on pictures."""

from dataclasses import dataclass

from monitor.display.pen import Colour, Font, Image

WHITE: Colour = (244, 246, 248)
MUTED: Colour = (184, 191, 200)
DARK: Colour = (13, 16, 21)
TRACK: Colour = (70, 76, 85)
CALM: Colour = (150, 158, 168)  # bars of background labels
ACCENT: Colour = (72, 176, 255)
RED: Colour = (255, 69, 64)
RED_TEXT: Colour = (255, 104, 96)
PANEL_OPACITY = 0.82  # on white, the muted text still has a contrast of 6 to 1, the red of 4
MARK_RED: Colour = (176, 18, 24)
MARK_OPACITY = 0.9

_ROOMY_PX = 160  # the shorter side from which there is room for a larger title and padding


@dataclass(frozen=True)
class Style:
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
    def of(image: Image) -> "Style":
        """The sizes that suit a picture, (H, W, 3), by its shorter side."""
        side = min(image.shape[:2])
        # 13 at 360, 22 at 720, 30 at 1080: slower than the picture, so that the panel's share
        # shrinks. Below 9 letters cannot be told apart.
        size = max(9, round(13 * (side / 360) ** 0.75))
        roomy = side >= _ROOMY_PX
        return Style(
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


def percent(score: float) -> str:
    """A score from 0 to 1 as it is shown."""
    return f"{100 * score:.0f} %"
