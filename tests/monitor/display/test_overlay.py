import builtins
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from monitor.display.overlay import Caption, draw
from monitor.display.pen import Font, Pen, load_cv2
from monitor.display.region_overlay import RegionCaption
from monitor.errors import MonitorError
from monitor.records import Activity
from monitor.states import SkipReason
from monitor.windows.region import Region
from testkit import ROOT

Image = NDArray[np.uint8]


def activity(label: str, start_s: float = 71.2) -> Activity:
    return Activity("1", "lobby", label, start_s, None, 0.9, 0.95, 0.0, start_s + 2)


CALM = Caption(
    camera="Lobby east",
    time_s=83.46,
    fps=24.97,
    latency_ms=84.6,
    scores={"fight": 0.04, "nofight": 0.96},
    thresholds={"fight": 0.6},
    open=(),
)
OPEN = replace(CALM, scores={"fight": 0.93, "nofight": 0.07}, open=(activity("fight"),))
EMPTY = replace(CALM, fps=None, latency_ms=None, scores={}, thresholds={})
MANY = replace(CALM, scores={f"label {n}": n / 78 for n in range(13)}, thresholds={})
CROWDED = replace(OPEN, open=tuple(activity(f"activity {n}") for n in range(9)))

CAPTIONS = {"calm": CALM, "open": OPEN, "empty": EMPTY, "many": MANY, "crowded": CROWDED}
SIZES = {
    "one pixel": (1, 1),
    "a line": (3, 400),
    "a column": (400, 3),
    "icon": (32, 32),
    "64x64": (64, 64),
    "128x128": (128, 128),
    "odd": (251, 333),
    "narrow": (600, 48),
    "strip": (64, 1000),
    "360p": (360, 640),
    "portrait": (640, 360),
    "720p": (720, 1280),
    "4K": (2160, 3840),
}
TEXTS = {
    "empty": "",
    "spaces": "   ",
    "500 characters": "x" * 500,
    "newline and tab": "a\nb\tc",
    "zero": "a\x00b",
    "escape": "\x1b[31mred",
    "half a surrogate pair": "a\ud800b",
    "emoji": "👩‍👧 fight 😀",
    "right to left": "שלום العربية \u202eabc",
    "combining": "e\u0301" + "Z" + "\u0351" * 300,
    "percent and braces": "%s {0} %",
    "last code point": "\U0010ffff",
}


def plain(height: int = 360, width: int = 640, grey: int = 128) -> Image:
    return np.full((height, width, 3), grey, np.uint8)


def noise(height: int, width: int) -> Image:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


def touched(before: Image, after: Image) -> NDArray[np.bool_]:
    return np.asarray((before != after).any(axis=2))


def extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is true, ends excluded."""
    ys, xs = np.nonzero(mask)
    return int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1


@pytest.mark.parametrize("caption", CAPTIONS.values(), ids=CAPTIONS.keys())
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_any_caption_fits_any_picture(size: tuple[int, int], caption: Caption) -> None:
    drawn = draw(plain(*size), caption)
    assert drawn.shape == (*size, 3)
    assert drawn.dtype == np.uint8


def test_the_place_of_an_open_activity_is_drawn() -> None:
    picture, box = plain(), (0.5, 0.25, 0.75, 0.75)
    opened = replace(CALM, open=(activity("fight"),))
    without, drawn = draw(picture, opened), draw(picture, replace(opened, boxes=(box,)))

    assert extent(touched(without, drawn)) == pytest.approx((89, 271, 319, 481), abs=3)
    assert not touched(without, drawn)[100:260, 330:470].any(), "only its outline"


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (360, 640)], ids=str)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_any_text_can_be_drawn_and_stays_in_the_panel(text: str, size: tuple[int, int]) -> None:
    picture = plain(*size)
    caption = replace(CALM, camera=text, scores={text: 0.6, "other": 0.4}, thresholds={text: 0.5})
    panel = extent(touched(picture, draw(picture, caption)))
    usual = extent(touched(picture, draw(picture, CALM)))
    assert panel == usual
    draw(picture, replace(caption, open=(activity(text),)))


def test_the_input_is_not_touched_and_may_be_read_only() -> None:
    picture = noise(360, 640)
    before = picture.copy()
    picture.flags.writeable = False
    drawn = draw(picture, OPEN)
    assert np.array_equal(picture, before)
    assert drawn.flags.writeable
    assert not np.shares_memory(drawn, picture)


def test_a_mirrored_view_is_drawn_like_its_copy() -> None:
    picture = noise(120, 160)
    view = picture[:, ::-1]
    assert np.array_equal(draw(view, OPEN), draw(view.copy(), OPEN))


def test_the_same_caption_gives_the_same_pixels() -> None:
    picture = noise(360, 640)
    assert np.array_equal(draw(picture, OPEN), draw(picture, OPEN))


@pytest.mark.parametrize(
    ("size", "share"),
    [((360, 640), 0.25), ((720, 1280), 0.16), ((1080, 1920), 0.13), ((2160, 3840), 0.1)],
    ids=str,
)
def test_the_panel_is_modest_and_more_so_on_larger_pictures(
    size: tuple[int, int], share: float
) -> None:
    picture = plain(*size)
    assert touched(picture, draw(picture, MANY)).mean() <= share


@pytest.mark.parametrize("size", [(128, 128), (360, 640), (640, 360), (720, 1280)], ids=str)
def test_pixels_outside_the_panel_are_unchanged_while_nothing_is_open(
    size: tuple[int, int],
) -> None:
    picture = noise(*size)
    mask = touched(picture, draw(picture, CALM))
    top, bottom, left, right = extent(mask)
    assert min(top, left) > 0
    assert bottom <= 0.62 * size[0]
    assert right < size[1]
    assert mask[top:bottom, left:right].mean() > 0.9  # one panel, and no stray pixel beside it


def test_an_open_activity_adds_a_frame_and_a_mark_and_leaves_the_middle_alone() -> None:
    picture = plain()
    mask = touched(picture, draw(picture, OPEN))
    for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]):
        assert edge.all()
    assert mask[8:40, 540:632].mean() > 0.5
    assert not mask[160:340, 10:630].any()


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (360, 640)], ids=str)
def test_the_mark_is_drawn_beside_the_top_label_even_when_small(size: tuple[int, int]) -> None:
    picture = plain(*size)
    closed, opened = draw(picture, replace(OPEN, open=())), draw(picture, OPEN)
    inner = (slice(6, -6), slice(6, -6))
    assert touched(picture, closed)[inner].any()
    assert touched(closed, opened)[inner].any()
    red = opened[inner].astype(int)
    assert (red[..., 0] - red[..., 1:].max(axis=2) > 100).sum() > 150


@pytest.mark.parametrize(
    "other",
    [
        replace(CALM, camera="Gate"),
        replace(CALM, time_s=90.0),
        replace(CALM, fps=None),
        replace(CALM, latency_ms=900.0),
        replace(CALM, scores={"fight": 0.3, "nofight": 0.7}),
        replace(CALM, thresholds={"fight": 0.9}),
        replace(CALM, thresholds={}),
    ],
    ids=["camera", "time", "fps", "latency", "scores", "threshold", "background label"],
)
def test_each_part_of_the_caption_can_be_seen(other: Caption) -> None:
    assert touched(draw(plain(), CALM), draw(plain(), other)).any()


def test_the_duration_of_an_open_activity_counts_on() -> None:
    later = draw(plain(), replace(OPEN, time_s=OPEN.time_s + 5))
    changed = touched(draw(plain(), OPEN), later)
    assert changed[:, 500:].any()


@pytest.mark.parametrize("grey", [0, 128, 255], ids=["black", "grey", "white"])
def test_text_stands_out_from_its_panel_on_any_background(grey: int) -> None:
    picture = plain(grey=grey)
    panel = draw(picture, CALM)[20:140, 20:190].mean(axis=2)
    assert (panel < 70).mean() > 0.6
    assert (panel > 200).mean() > 0.02


def test_only_the_six_highest_labels_get_bars_in_the_order_they_came() -> None:
    scores = {f"label {n}": n / 78 for n in range(13)}
    highest = {label: scores[label] for label in list(scores)[7:]}
    assert len(highest) == 6
    few = draw(plain(), replace(CALM, scores=highest, thresholds={}))
    assert np.array_equal(few, draw(plain(), MANY))


def test_many_open_activities_end_in_a_sum() -> None:
    ten = replace(CROWDED, open=(*CROWDED.open, activity("one more")))
    changed = touched(draw(plain(), CROWDED), draw(plain(), ten))
    top, bottom, *_ = extent(changed)
    assert bottom - top < 16  # "7 activities" became "8 activities" and nothing else


@pytest.mark.parametrize(
    ("text", "shown"),
    [("short", "short"), ("a\nb\x00", "a�b�"), ("\ud800", "�"), ("", ""), ("e\u0301", "é")],
    ids=["short", "control characters", "half a surrogate pair", "empty", "composed"],
)
def test_characters_without_a_picture_are_shown_as_such(text: str, shown: str) -> None:
    assert Pen(plain()).fit(text, Font(13, 400), 200) == shown


@pytest.mark.parametrize("width", [0, 5, 30, 100, 200])
def test_a_long_name_is_cut_with_an_ellipsis_to_the_width_it_has(width: int) -> None:
    pen, font = Pen(plain()), Font(13, 400)
    cut = pen.fit("person climbing over the perimeter fence", font, width)
    assert pen.width(cut, font) <= width
    assert cut.endswith("…") or not cut
    assert len(cut) >= width // 10


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        pytest.param(replace(EMPTY, skipped=SkipReason.UNKNOWN), "unknown", id="unknown"),
        pytest.param(replace(EMPTY, skipped="black"), "black: not classified", id="skipped"),
        pytest.param(EMPTY, "not enough video yet", id="no window yet"),
        pytest.param(
            replace(EMPTY, regions=(RegionCaption(Region.box("till", 0.5, 0.5, 0.9, 0.9), {},
                                                  False, SkipReason.UNKNOWN),)),
            "unknown", id="an unknown region",
        ),
    ],
)  # fmt: skip
def test_where_there_are_no_scores_the_caption_says_why(
    caption: Caption, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    write = Pen.text

    def noted(pen: Pen, text: str, *rest: Any) -> None:
        texts.append(text)
        write(pen, text, *rest)

    monkeypatch.setattr(Pen, "text", noted)
    draw(plain(), caption)

    assert said in texts
    assert not any("%" in text for text in texts), "no score is shown"


def test_importing_the_overlay_does_not_import_opencv() -> None:
    code = (
        "import sys, monitor.display.overlay, monitor.display.video; sys.exit('cv2' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


MISSING = {
    "a system library": (
        ImportError("libGL.so.1: cannot open shared object file:\nNo such file"),
        "OpenCV cannot be loaded: libGL.so.1: cannot open shared object file: No such file; "
        "on Debian: apt-get install libxcb1 libgl1 libglib2.0-0",
    ),
    "opencv": (
        ModuleNotFoundError("No module named 'cv2'", name="cv2"),
        "OpenCV is not installed: pip install opencv-python",
    ),
}


@pytest.mark.parametrize(("error", "message"), MISSING.values(), ids=MISSING.keys())
def test_what_opencv_lacks_is_one_line(
    error: ImportError, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_cv2(name: str, *rest: Any) -> Any:
        if name == "cv2":
            raise error
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_cv2)
    with pytest.raises(MonitorError) as raised:
        load_cv2()
    assert str(raised.value) == message
