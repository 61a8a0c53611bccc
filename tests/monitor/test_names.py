"""Labels, cameras and regions are called as people call them."""

# ruff: noqa: RUF001 - letters that look like Latin ones are what is tested

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.display.pen import Font, Pen
from monitor.names import Label, Name, how_many, is_printable, plain_name, printable
from monitor.paths import video_path
from monitor.recognition.metadata import parse_metadata
from monitor.sources.address import parse_address, redact_argument
from testkit.models import metadata
from train.data.layouts import find_clips
from train.recipe.options import Recipe

LABELS = TypeAdapter[str](Label)
NAMES = TypeAdapter[str](Name)
WRITINGS = (
    *("падение", "転倒", "跌倒", "넘어짐", "سقوط", "נפילה", "πτώση", "गिरना", "ล้ม", "ngã", "düşme"),
    "می\u200cافتد",  # Persian needs what keeps its letters apart
    "ന്\u200dറെ",  # and Malayalam what joins them
)
OF_DATA_SETS = (
    *("shooting goal (soccer)", "massaging person's head", "tying knot (not on a tie)"),
    *("passing American football (in game)", "Clean and jerk", "Rock-paper-scissors"),
    *("Moving [something] and [something] closer", "Putting something on the edge, so it tilts"),
    *("listen (e.g., to music)", "A1. drink water", "Cook.Cleandishes", "adult+female+speaking"),
    *("(VT) handspring forward on, stretched salto", "brush_hair", "100% out!", "rock ’n’ roll"),
    *("pick up & throw", "打架（多人）", "a: b; c", "who?", "~x", "C# = #1 @home"),
)


@pytest.mark.parametrize("label", [*WRITINGS, *OF_DATA_SETS, "x" * 64])
def test_a_label_is_written_as_it_is(label: str) -> None:
    assert LABELS.validate_python(label) == label
    assert printable(label) == label


@pytest.mark.parametrize("name", [*WRITINGS, "Haustür", "Front door", "Nr. 2 (links)", "A & B, #3"])
def test_cameras_and_regions_are_named_in_any_writing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        f'cameras:\n- {{name: "{name}", source: 0, regions: [{{name: "{name}", '
        f"box: [0, 0, 1, 1]}}]}}\n",
        encoding="utf-8",
    )

    (camera,) = load(path, MonitorOptions).cameras

    assert (camera.name, camera.region_shapes[0].name) == (name, name)
    assert video_path(tmp_path / "out.mp4", name, 2) == tmp_path / f"out-{name}.mp4"
    video_path(tmp_path / "out.mp4", name, 2).touch()


@pytest.mark.parametrize("sign", '/\\:=?@*"<>|')
def test_what_a_source_holds_or_no_file_may_be_called_is_in_no_name(sign: str) -> None:
    with pytest.raises(ValidationError, match="up to 64 letters, digits, spaces and signs"):
        NAMES.validate_python(f"front{sign}door")


def test_accents_are_compared_in_one_form(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "läuft")
    assert apart != "läuft"
    assert LABELS.validate_python(apart) == NAMES.validate_python(apart) == "läuft"
    labels = ("läuft", "sitzt")
    about = metadata(labels=labels, background=(), thresholds={apart: 0.5, "sitzt": 0.5})
    assert parse_metadata(about.model_dump_json(), Path("m.onnx")) == about
    path = tmp_path / "monitor.yaml"
    rules = f"activity: {{thresholds: {{{apart}: 0.7}}}}"
    cameras = f"cameras: [{{name: a, source: 0, {rules}}}]\n"
    path.write_text(f"defaults: {{{rules}}}\n{cameras}", encoding="utf-8")
    found = load(path, MonitorOptions)
    for one in (found.defaults, *found.cameras):
        assert one.activity.thresholds == {"läuft": 0.7}
        assert one.activity.rules(about).thresholds["läuft"] == 0.7
    assert Recipe(labels=(apart, "sitzt")).labels == ("läuft", "sitzt")


def test_a_folder_from_a_mac_and_a_table_name_the_same_clip(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "fällt")
    for label in (apart, "sitzt"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "é.mp4").touch()
    assert find_clips(tmp_path).labels == ("fällt", "sitzt")
    rows = "path,label,group,fold\nfällt/é.mp4,fällt,a,0\nsitzt/é.mp4,sitzt,b,1\n"
    (tmp_path / "clips.csv").write_text(rows, encoding="utf-8")

    dataset = find_clips(tmp_path)

    assert dataset.labels == ("fällt", "sitzt")
    assert all(dataset.file(clip).is_file() for clip in dataset.clips)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/videos/падение 1.mp4", "падение-1"),
        ("/videos/गिरना.mp4", "गिरना"),
        ("/videos/" + unicodedata.normalize("NFD", "Haustür") + ".mp4", "Haustür"),
        ("/videos/a (1) [b].mp4", "a-1-b"),
        ("/videos/👀.mp4", "camera"),
        ("/videos/\u0301.mp4", "camera"),
    ],
)
def test_a_camera_is_called_after_its_file_in_any_writing(text: str, name: str) -> None:
    assert parse_address(text).name == name


def test_a_plain_name_is_a_name() -> None:
    for text in (*WRITINGS, *OF_DATA_SETS, "../../etc", "-x", "a\x1b\u202eb", "e\u0301" * 500):
        assert NAMES.validate_python(plain_name(text))
    assert plain_name("...") == plain_name("") == ""


def test_a_password_is_hidden_behind_a_name_in_any_writing() -> None:
    for name in ("Front door", "Haustür (links), Nr. 2", "正門"):
        assert redact_argument(f"{name}=rtsp://u:pw@host/x") == f"{name}=rtsp://u:***@host/x"


def test_joiners_are_shown_between_letters_alone() -> None:
    assert is_printable("می\u200cافتد")
    for text in ("a\u200db", "می\u200c", "\u200cمی", "می\u200c\u200cا", "👀\u200d👀"):
        assert not is_printable(text)
        assert printable(text).isprintable()


def drawn(text: str) -> np.ndarray:
    pen = Pen(np.zeros((40, 200, 3), np.uint8))
    font = Font(20, 400)
    pen.text(pen.fit(text, font, 190), 4, 20, font, (255, 255, 255))
    return pen.image


@pytest.mark.parametrize("text", ["падение", "転倒", "넘어짐", "πτώση", "Haustür", "سقوط", "נפילה"])
def test_letters_of_most_writings_are_drawn(text: str) -> None:
    assert not np.array_equal(drawn(text), drawn("?" * len(text)))


def test_a_writing_that_the_font_lacks_is_drawn_as_question_marks() -> None:
    assert np.array_equal(drawn("गिरना"), drawn("?????"))


def test_hebrew_and_arabic_are_drawn_from_right_to_left() -> None:
    # Yod hangs high: where it stands, nothing is drawn at the line.
    high, long = 4 * "\N{HEBREW LETTER YOD}", 4 * "\N{HEBREW LETTER SHIN}"

    def begins(image: np.ndarray) -> int:
        return int(np.flatnonzero(image.any(axis=(0, 2)))[0])

    for text, last_is_high in ((long + high, True), (high + long, False)):
        image = drawn(text)
        at_the_line = begins(image[24:]) - begins(image)
        assert (at_the_line > 10) == last_is_high, text
    assert np.array_equal(drawn("\u0645\u06cc\u200c\u0627"), drawn("\u0645\u06cc\u0627"))


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "node", "1 node"),
        (1.0, "CPU", "1 CPU"),
        (2, "process", "2 processes"),
        (0, "CPU", "0 CPUs"),
        (2.5, "CPU", "2.5 CPUs"),
        (1_234_567, "frame", "1234567 frames"),
    ],
)
def test_a_number_of_things_is_said_as_one_says_it(number: float, noun: str, said: str) -> None:
    assert how_many(number, noun) == said
