"""A pen that draws boxes, lines and text with OpenCV."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.names import composed, is_printable
from monitor.opencv import load_cv2

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]  # RGB

_MAX_CHARACTERS = 120  # more never fit, and measuring them takes time
_CAP_HEIGHT = 0.7  # of a capital letter, in font sizes
# Words in Hebrew, Arabic and their like; their numbers are written from left to right.
_LETTER = "[\u0590-\u065f\u066a-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_RIGHT_TO_LEFT = re.compile(f"{_LETTER}+(?: +{_LETTER}+)*")


class Font(NamedTuple):
    """The size and weight of a text."""

    size: int  # pixels
    weight: int  # 400 is regular, 600 semibold


def drawable(text: str) -> str:
    """The text on one line, with a visible � for each character that has no picture.

    OpenCV would break lines at a newline, stop at a zero and crash at half a surrogate pair.
    """
    text = composed(text[:_MAX_CHARACTERS])
    if is_printable(text):  # the font has no picture of what joins letters
        return "".join(filter(str.isprintable, text))
    return "".join(character if character.isprintable() else "�" for character in text)


def _as_drawn(text: str) -> str:
    """The text as OpenCV must be given it, which draws every writing from left to right."""
    return _RIGHT_TO_LEFT.sub(lambda words: words[0][::-1], text)


class Pen:
    """Draws boxes and text on its own copy of a picture, (H, W, 3) RGB.

    A box must lie inside the picture; text is cut at its edges.
    """

    def __init__(self, image: Image) -> None:
        self.image: Image = np.array(image, order="C")
        self._cv2 = load_cv2()
        self._face = self._cv2.FontFace("sans")  # built into OpenCV

    def box(
        self, x: int, y: int, width: int, height: int, colour: Colour, opacity: float, radius: int
    ) -> None:
        """Blends in a box with smooth round corners."""
        region = self.image[y : y + height, x : x + width]
        radius = min(radius, height // 2, width // 2)
        corners: list[tuple[Image, Image, NDArray[np.float64]]] = []
        if radius:
            steps = np.arange(radius) - (radius - 0.5)
            outside = np.clip(np.hypot(steps[:, None], steps) - radius + 0.5, 0, 1)[..., None]
            for rows, flip_y in ((slice(radius), 1), (slice(-radius, None), -1)):
                for columns, flip_x in ((slice(radius), 1), (slice(-radius, None), -1)):
                    corner = region[rows, columns]
                    corners.append((corner, corner.copy(), outside[::flip_y, ::flip_x]))
        grey = np.arange(256)[None, :, None] * (1 - opacity)
        table = np.rint(grey + np.array(colour) * opacity).astype(np.uint8)
        region[:] = self._cv2.LUT(region, table)
        for corner, before, outside in corners:
            corner[:] = np.rint(corner + (before - corner.astype(np.float64)) * outside)

    def frame(self, thickness: int, colour: Colour) -> None:
        """Paints the picture's edges."""
        height, width = self.image.shape[:2]
        for y in (0, height - thickness):
            self._cv2.rectangle(self.image, (0, y, width, thickness), colour, -1)
        for x in (0, width - thickness):
            self._cv2.rectangle(self.image, (x, 0, thickness, height), colour, -1)

    def outline(self, corners: NDArray[np.float64], thickness: int, colour: Colour) -> None:
        """Draws a closed line through corners, (N, 2) as x and y in pixels."""
        points = np.rint(corners).astype(np.int32)
        aa = self._cv2.LINE_AA
        self._cv2.polylines(self.image, [points], True, colour, thickness, aa)

    def width(self, text: str, font: Font) -> int:
        """Pixels that a printable text takes."""
        _, _, width, _ = self._cv2.getTextSize((0, 0), text, (0, 0), self._face, *font)
        return int(width)

    def fit(self, text: str, font: Font, width: int) -> str:
        """The text in printable characters, cut with an ellipsis where it is wider than `width`."""
        text = drawable(text)
        if self.width(text, font) <= width:
            return text
        fits, too_long = 0, len(text)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            if self.width(text[:middle].rstrip() + "…", font) <= width:
                fits = middle
            else:
                too_long = middle
        cut = text[:fits].rstrip() + "…"
        return cut if self.width(cut, font) <= width else ""

    def text(self, text: str, x: int, middle_y: float, font: Font, colour: Colour) -> None:
        """Draws a printable text that starts at `x`, its capitals centred on `middle_y`."""
        baseline = round(middle_y + _CAP_HEIGHT * font.size / 2)
        # Only the part around the text: OpenCV's time grows with the picture it is given.
        top, left = max(0, baseline - 2 * font.size), max(0, x - font.size)
        right = x + self.width(text, font) + font.size
        part = self.image[top : baseline + font.size, left:right]
        org = (x - left, baseline - top)
        self._cv2.putText(part, _as_drawn(text), org, colour, self._face, *font)

    def row(
        self,
        left: str,
        right: str,
        x: int,
        middle_y: float,
        width: int,
        fonts: tuple[Font, Font],
        colours: tuple[Colour, Colour],
    ) -> None:
        """Draws a text at each end of a row; the right one, which is short, is kept whole."""
        right = self.fit(right, fonts[1], width)
        right_width = self.width(right, fonts[1])
        left = self.fit(left, fonts[0], width - right_width - fonts[0].size // 2)
        self.text(left, x, middle_y, fonts[0], colours[0])
        self.text(right, x + width - right_width, middle_y, fonts[1], colours[1])
