"""Cameras are added to the text of a configuration, and nothing else of it changes."""

from difflib import ndiff

import pytest
import yaml

from monitor.errors import ConfigError
from monitor.setup.edit import with_cameras

LINES = ["  # H.264", "  - name: new", "    source: rtsp://192.0.2.9/1"]
CAMERAS = {
    "indented": "cameras:\n  - name: a\n    source: 0\n",
    "not indented": "cameras:\n- name: a\n  source: 0\n",
    "far in": "cameras:\n        -   name: a\n            source: 0\n",
    "with others behind": "# mine\ncameras:\n  - {name: a, source: 0}\n\n# page\nweb: {}\n",
    "with its comments": (
        "cameras:\n  - name: a\n    source: 0  # webcam\n    # regions:\n    #   - name: b\n"
        "  # of the others\nweb: {}\n"
    ),
    "with regions": (
        "cameras:\n  - name: a\n    source: 0\n    regions:\n      - name: b\n"
        "        box:\n          [0, 0,\n           1, 1]\n\nweb: {}\n"
    ),
    "a text in lines": "cameras:\n  - name: a\n    source: >-\n      0\nweb: {}\n",
    "a text in quotes": 'cameras:\n  - name: a\n    source: "\\\n      0"\nweb: {}\n',
    "a text to the end": "cameras:\n  - name: a\n    source: |-\n      0",
    "without a last line break": "cameras:\n  - name: a\n    source: 0",
    "empty": "cameras: []  # none yet\nweb: {}\n",
    "empty, and apart": "cameras:\n  []\nweb: {}\n",
    "nothing": "cameras:\nweb: {}\n",
    "nothing at all": "cameras:",
    "without": "web: {}\n",
    "an empty file": "",
    "comments alone": "# mine\n",
    "line breaks of Windows": "cameras:\r\n  - name: a\r\n    source: 0\r\nweb: {}\r\n",
}
NONE = ("empty", "empty, and apart")


@pytest.mark.parametrize("text", CAMERAS.values(), ids=CAMERAS)
def test_a_camera_follows_the_others_and_all_else_stays(text: str) -> None:
    if "\n  []" in text:
        with pytest.raises(ConfigError, match="write cameras: \\[\\] in one line"):
            with_cameras(text, LINES)
        return
    made = with_cameras(text, LINES)
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(made)
    cameras = after.pop("cameras")
    old = before.pop("cameras", None) or []
    assert cameras == [*old, {"name": "new", "source": "rtsp://192.0.2.9/1"}]
    assert after == before
    lost = [line for line in ndiff(text.splitlines(), made.splitlines()) if line.startswith("- ")]
    assert lost == (["- cameras: []  # none yet"] if "[]" in text else [])


def test_the_comments_of_the_last_camera_stay_with_it() -> None:
    made = with_cameras(CAMERAS["with its comments"], LINES).splitlines()
    assert made.index("    #   - name: b") < made.index("  - name: new")
    assert made.index("  - name: new") < made.index("  # of the others")
    assert "cameras:  # none yet" in with_cameras(CAMERAS["empty"], LINES).splitlines()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras: [{name: a, source: 0}]\n", "its cameras are written within [ ]; "),
        ("{web: {}}\n", "its options are written within { }; "),
    ],
)
def test_what_is_written_in_one_line_is_not_edited(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_cameras(text, LINES)
    assert str(caught.value).startswith(words)
