"""The reference has every option, with what it takes and what the code says of it."""

import re

import pytest

from deploy.reference import reference
from monitor.config.base import Options
from monitor.config.options import CameraDefaults, CameraOptions, MonitorOptions
from monitor.config.outputs import AlertLogOptions, EvidenceOptions, StoreOptions, WebOptions

PAGE = reference()


def options_of(section: str) -> list[str]:
    """The options in the table of a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("section", "model"),
    [
        ("defaults.stream", CameraDefaults().stream),
        ("defaults.activity", CameraDefaults().activity),
        ("web", WebOptions()),
        ("inference", MonitorOptions().inference),
        ("sinks of the type log", AlertLogOptions()),
        ("sinks of the type evidence", EvidenceOptions()),
        ("sinks of the type store", StoreOptions()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_block_has_all_of_its_options_and_no_other(section: str, model: Options) -> None:
    assert options_of(section) == list(type(model).model_fields)


def test_every_block_of_the_configuration_has_a_table() -> None:
    top = PAGE.partition("\n## ")[0]
    for name in MonitorOptions.model_fields:
        assert f"\n| `{name}` |" in top or f"\n## {name}" in PAGE


def test_of_a_camera_only_what_is_its_own_is_repeated() -> None:
    own = set(CameraOptions.model_fields) - set(CameraDefaults.model_fields)
    assert set(options_of("cameras")) == own - {"regions"}
    assert options_of("cameras.regions") == ["name", "box", "polygon"]


@pytest.mark.parametrize(
    "row",
    [
        "| `stride` | whole number, 1 to 1000 | `5` | sampled frames from one window to the next |",
        '| `transport` | `auto`, `tcp`, `udp`, `http` | `"auto"` | of RTSP |',
        "| `thresholds` | by name: number, 0 to 1 | `{}` | for single labels |",
        "| `source` | text | must be given | may hold a password |",
        "| `keep` | whole number, 1 to 1000 | `5` | rotated files |",
    ],
    ids=lambda row: row.split("`")[1],
)
def test_a_row_says_what_an_option_takes_and_what_the_code_says_of_it(row: str) -> None:
    assert row in PAGE.splitlines()


def test_a_comment_of_several_lines_is_told_whole() -> None:
    (row,) = re.findall(r"^\| `unknown` \|.*$", PAGE, re.MULTILINE)
    assert row.endswith(
        "| Windows too unlike the training clips to be named are not classified. "
        "Off: the model card says what this costs and what it saves |"
    )
