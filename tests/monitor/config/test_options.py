"""The configuration: defaults, the shipped file, and every mistake by its exact text."""

from pathlib import Path

import pytest

from monitor.config.options import (
    ActivityOptions,
    CameraDefaults,
    CameraOptions,
    DecodeOptions,
    MonitorOptions,
    StreamOptions,
    WindowOptions,
)
from monitor.config.outputs import AlertLogOptions, ConsoleOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from monitor.pipeline.camera import CameraSettings
from monitor.recognition.metadata import ModelMetadata
from monitor.sources.address import Address
from monitor.windows.region import Region
from testkit import ROOT
from testkit.models import metadata

SHIPPED = ROOT / "configs" / "monitor.yaml"


def test_the_shipped_file_shows_every_option_with_its_default() -> None:
    import yaml

    defaults = MonitorOptions().model_dump(mode="json")
    assert yaml.safe_load(SHIPPED.read_text()) == defaults
    log = AlertLogOptions(path=SHIPPED.parent / "alerts.jsonl")  # as all paths in it, beside it
    expected = MonitorOptions(sinks=(log, ConsoleOptions()))
    assert load(SHIPPED, MonitorOptions) == expected


def region(outline: str, name: str = "till") -> str:
    return f"cameras:\n- {{name: hall, source: 0, regions: [{{name: {name}, {outline}}}]}}\n"


MISTAKES = {
    "unknown option": (
        "defaults:\n  model: m.onnx\n  activity:\n    hold: 3\n",
        ":4: unknown option defaults.activity.hold; options here: "
        "cooldown_s, hold_s, hysteresis, min_s, smoothing_s, threshold, thresholds, "
        "unknown",
    ),
    "unknown option at the top": (
        "thresholds: 0.5\n",
        ":1: unknown option thresholds; options here: "
        "cameras, cluster, defaults, display, health, inference, metrics, notify, realtime, "
        "save_video, sinks, web, workers",
    ),
    "option of a camera at the top": (
        "cameras:\n  - {name: door, source: 0}\nactivity: {threshold: 0.5}\n",
        ":3: unknown option activity; options here: "
        "cameras, cluster, defaults, display, health, inference, metrics, notify, realtime, "
        "save_video, sinks, web, workers",
    ),
    "unknown option of all cameras": (
        "defaults: {regions: []}\n",
        ":1: unknown option defaults.regions; options here: "
        "activity, decode, model, shadow, stream, windows, zone",
    ),
    "unknown option of a camera": (
        "cameras:\n  - name: door\n    source: 0\n    fps: 25\n",
        ":4: unknown option cameras.0.fps; options here: "
        "activity, decode, model, name, regions, shadow, source, stream, windows, zone",
    ),
    "unknown option of a camera's stream": (
        "cameras:\n  - name: door\n    source: 0\n    stream:\n      port: 25\n",
        ":5: unknown option cameras.0.stream.port; options here: "
        "ca_file, clock, open_timeout_s, read_timeout_s, retry_max_s, retry_min_s, transport",
    ),
    "unknown option of a camera's activities": (
        "defaults: {activity: {hold_s: 3}}\n"
        "cameras:\n  - name: door\n    source: 0\n    activity:\n      hold: 25\n",
        ":6: unknown option cameras.0.activity.hold; options here: "
        "cooldown_s, hold_s, hysteresis, min_s, smoothing_s, threshold, thresholds, "
        "unknown",
    ),
    "mistyped for a camera": (
        "cameras:\n  - name: door\n    source: 0\n    windows:\n      stride: often\n",
        ":5: cameras.0.windows.stride: input should be a valid integer, unable to parse string as "
        "an integer, found 'often'",
    ),
    "out of range for a label of a camera": (
        "cameras:\n  - name: door\n    source: 0\n    activity:\n"
        "      thresholds:\n        fight: 2\n",
        ":6: cameras.0.activity.thresholds.fight: input should be less than or equal to 1, found 2",
    ),
    "a camera and what all share": (
        "defaults:\n  stream: {retry_max_s: 3}\n"
        "cameras:\n  - name: door\n    source: 0\n    stream:\n      retry_min_s: 3.5\n",
        ":6: cameras.0.stream: retry_max_s 3 is below retry_min_s",
    ),
    "a page for others without users": (
        "web:\n  host: 0.0.0.0\n",
        ":1: web: host 0.0.0.0: others may look, so users are needed",
    ),
    "a page for others without TLS": (
        "web:\n  host: 0.0.0.0\n  users: u.json\n",
        ":1: web: host 0.0.0.0: passwords would be sent as they are; certificate and key are "
        "needed, or plain_http: true behind a proxy with TLS",
    ),
    "a certificate without its key": (
        "web:\n  certificate: c.pem\n",
        ":1: web: certificate and key belong together",
    ),
    "two event stores": (
        "sinks:\n  - type: store\n  - type: store\n",
        ":1: sinks: 2 of type store; allowed: 1",
    ),
    "unknown kind of sink": (
        "sinks:\n  - type: console\n  - type: pigeon\n",
        ":3: sinks.1.type: input should be 'log', 'console', 'evidence' or 'store', found 'pigeon'",
    ),
    "sink of no kind": (
        "sinks:\n  - path: a.jsonl\n",
        ":2: sinks.0.type: field required",
    ),
    "no mapping as a sink": (
        "sinks:\n  - console\n",
        ":2: sinks.0: input should be a valid dictionary or object to extract fields from, "
        "found 'console'",
    ),
    "unknown option of a log": (
        "sinks:\n  - type: log\n    file: a.jsonl\n",
        ":3: unknown option sinks.0.file; options here: keep, max_mib, path, type",
    ),
    "option of a log at the console": (
        "sinks:\n  - type: log\n  - type: console\n    path: a.jsonl\n",
        ":4: unknown option sinks.1.path; options here: type",
    ),
    "out of range in the second log": (
        "sinks:\n  - type: log\n    keep: 1\n  - type: log\n    path: b.jsonl\n    keep: 0\n",
        ":6: sinks.1.keep: input should be greater than or equal to 1, found 0",
    ),
    "not a choice of a camera": (
        "cameras:\n  - name: door\n    source: 0\n    stream: {transport: pigeon}\n",
        ":4: cameras.0.stream.transport: input should be 'auto', 'tcp', 'udp' or 'http', "
        "found 'pigeon'",
    ),
    "pauses of a camera": (
        "cameras:\n  - name: door\n    source: 0\n    stream:\n      retry_min_s: 5\n",
        ":4: cameras.0.stream: retry_max_s 4 is below retry_min_s",
    ),
    "a fault of what all cameras share": (
        "cameras:\n  - {name: a, source: 0, stream: {transport: udp}}\n"
        "defaults: {stream: {retry_min_s: 5}}\n",
        ":3: defaults.stream: retry_max_s 4 is below retry_min_s",
    ),
    "no mapping": (
        "cameras:\n  - {name: a, source: 0, stream: udp}\n",
        ":2: cameras.0.stream: input should be a valid dictionary or instance of StreamOptions, "
        "found 'udp'",
    ),
    "region without an outline": (
        "cameras:\n  - name: hall\n    source: 0\n    regions:\n      - name: till\n",
        ":5: cameras.0.regions.0: either box or polygon is needed",
    ),
    "region with two outlines": (
        region("box: [0, 0, 1, 1], polygon: [[0, 0], [1, 0], [1, 1]]"),
        ":2: cameras.0.regions.0: either box or polygon is needed",
    ),
    "unknown option of a region": (
        region("rect: [0, 0, 1, 1]"),
        ":2: unknown option cameras.0.regions.0.rect; options here: box, name, polygon",
    ),
    "box in pixels": (
        region("box: [10, 40, 200, 300]"),
        ":2: cameras.0.regions.0.box.0: input should be less than or equal to 1, found 10",
    ),
    "box of three": (
        region("box: [0.1, 0.4, 0.9]"),
        ":2: cameras.0.regions.0.box: 4 fractions needed: left, top, right, bottom; found 3",
    ),
    "box from right to left": (
        region("box: [0.9, 0.4, 0.1, 0.9]"),
        ":2: cameras.0.regions.0.box: left and right must be 0.03 apart, found 0.9 and 0.1",
    ),
    "box that is a line": (
        region("box: [0.1, 0.4, 0.9, 0.42]"),
        ":2: cameras.0.regions.0.box: top and bottom must be 0.03 apart, found 0.4 and 0.42",
    ),
    "polygon of two": (
        region("polygon: [[0, 0], [1, 1]]"),
        ":2: cameras.0.regions.0.polygon: 3 to 32 corners needed, found 2",
    ),
    "polygon of numbers": (
        region("polygon: [[0, 0], [1, 1, 1], [0, 1]]"),
        ":2: cameras.0.regions.0.polygon: a corner is [x, y], found [1.0, 1.0, 1.0]",
    ),
    "polygon that crosses itself": (
        region("polygon: [[0, 0], [1, 1], [1, 0], [0, 1]]"),
        ":2: cameras.0.regions.0.polygon: its outline crosses itself",
    ),
    "polygon that is a line": (
        region("polygon: [[0, 0], [0.5, 0.5], [1, 1]]"),
        ":2: cameras.0.regions.0.polygon: covers less than 0.0009 of the picture",
    ),
    "polygon that is narrow": (
        region("polygon: [[0, 0], [0.01, 0], [0.01, 1]]"),
        ":2: cameras.0.regions.0.polygon: left and right must be 0.03 apart, found 0 and 0.01",
    ),
    "region name": (
        region("box: [0, 0, 1, 1]", name="a/b"),
        ":2: cameras.0.regions.0.name: up to 64 letters, digits, spaces and signs are allowed, a "
        'letter or digit among them, none of / \\ : = ? @ * " < > | and no space . - in front, '
        "found 'a/b'",
    ),
    "region name twice": (
        "cameras:\n- name: hall\n  source: 0\n  regions:\n"
        "  - {name: a, box: [0, 0, 1, 1]}\n  - {name: a, box: [0, 0, 1, 1]}\n",
        ":4: cameras.0.regions: two regions are named a",
    ),
    "mistyped": (
        "defaults:\n  windows:\n    stride: often\n",
        ":3: defaults.windows.stride: input should be a valid integer, unable to parse string as "
        "an integer, found 'often'",
    ),
    "out of range": (
        "defaults: {activity: {threshold: 1.5}}\n",
        ":1: defaults.activity.threshold: input should be less than or equal to 1, found 1.5",
    ),
    "not a choice": (
        "defaults:\n  stream:\n    transport: carrier pigeon\n",
        ":3: defaults.stream.transport: input should be 'auto', 'tcp', 'udp' or 'http', "
        "found 'carrier pigeon'",
    ),
    "missing": (
        "cameras:\n  - source: 0\n",
        ":2: cameras.0.name: field required",
    ),
    "name twice": (
        "cameras:\n  - {name: a, source: 0}\n  - {name: a, source: 1}\n",
        ":1: two cameras are named a",
    ),
    "pauses": (
        "defaults:\n  stream:\n    retry_min_s: 5\n",
        ":2: defaults.stream: retry_max_s 4 is below retry_min_s",
    ),
    "not YAML": (
        "a: [1,\n",
        ":2: not valid YAML: expected the node content, but found '<stream end>'",
    ),
    "an option twice": (
        "defaults:\n  windows:\n    stride: 3\n    stride: 4\n",
        ":4: option stride is given twice",
    ),
    "a list": ("- 1\n", ":1: options expected as `name: value`"),
    "a tag": ("health: !!python/name:os.system\n", ":1: tags (such as !!str) are not allowed"),
    "a NUL": ('health: "a\\0b"\n', ":1: a text holds the character NUL"),
    "a name that steers a terminal": (
        '"\\e[31m": 1\n',
        ":1: unknown option \\x1b[31m; options here: "
        "cameras, cluster, defaults, display, health, inference, metrics, notify, realtime, "
        "save_video, sinks, web, workers",
    ),
    "a variable that is not set": (
        "health: x\nsave_video: ${NO_SUCH_VARIABLE}\n",
        ":2: the environment variable NO_SUCH_VARIABLE is not set",
    ),
}


@pytest.mark.parametrize(("text", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_file_and_line(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, MonitorOptions)
    assert str(caught.value) == f"{path}{expected}"


def test_a_variable_of_the_file_of_secrets_is_told_how_to_set(tmp_path: Path) -> None:
    path, secrets = tmp_path / "monitor.yaml", tmp_path / "monitor.env"
    path.write_text("save_video: ${NO_SUCH_VARIABLE}\n")
    for text, hint in (
        (
            "# mine\nNO_SUCH_VARIABLE=hunter2\n",
            f"; it is in {secrets}: set -a; . {secrets}; set +a",
        ),
        ("NO_SUCH_VARIABLE_2=x\n", ""),
    ):
        secrets.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load(path, MonitorOptions)
        fault = "the environment variable NO_SUCH_VARIABLE is not set"
        assert str(caught.value) == f"{path}:1: {fault}{hint}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "no such file or directory", id="missing"),
        pytest.param(b"\xff\xfe\x00", "not UTF-8 text", id="binary"),
        pytest.param(b"#" * (1 << 20) + b"#", "larger than 1048576 bytes", id="huge"),
        pytest.param(b"[" * 2000, "not valid YAML", id="deep"),
        pytest.param(b"a: &a [*a]\n", ":1: aliases .* are not allowed", id="recursive"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "monitor.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        load(path, MonitorOptions)


def test_regions_are_read_as_boxes_and_polygons(tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        "cameras:\n- name: hall\n  source: 0\n  regions:\n"
        "  - {name: till, box: [0.1, 0.4, 0.35, 0.9]}\n"
        "  - {name: door, polygon: [[0.6, 0.2], [0.9, 0.2], [0.9, 0.9]]}\n"
    )
    till, door = load(path, MonitorOptions).cameras[0].region_shapes
    assert till == Region.box("till", 0.1, 0.4, 0.35, 0.9)
    assert door == Region("door", ((0.6, 0.2), (0.9, 0.2), (0.9, 0.9)))


def test_a_cameras_stream_is_what_all_share_but_for_its_own(tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        "cameras:\n- {name: a, source: 0, stream: {transport: udp, retry_max_s: 9}}\n"
        "- {name: b, source: 1}\n"
        "defaults: {stream: {retry_min_s: 5, retry_max_s: 7}}\n"
    )
    options = load(path, MonitorOptions)
    own, shared = (camera.stream for camera in options.cameras)
    assert (own.transport, own.retry_min_s, own.retry_max_s) == ("udp", 5, 9)
    assert shared == options.defaults.stream
    assert MonitorOptions.model_validate(options.model_dump()) == options
    cameras = (CameraOptions(name="a", source="0"),)
    defaults = CameraDefaults(stream=shared)
    assert MonitorOptions(cameras=cameras, defaults=defaults).cameras[0].stream == shared


def test_what_a_camera_says_overrides_what_all_share_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        "defaults:\n"
        "  model: all.onnx\n"
        "  windows: {stride: 10, quality: false}\n"
        "  activity: {threshold: 0.5, thresholds: {fight: 0.8, fall: 0.9}, hold_s: 3}\n"
        "  decode: {idle: false, loop_filter: true}\n"
        "cameras:\n"
        "- {name: plain, source: 0}\n"
        "- name: own\n"
        "  source: 1\n"
        "  model: own.onnx\n"
        "  windows: {stride: 2, motion: false}\n"
        "  activity: {thresholds: {fall: 0.6, dance: 0.7}, hold_s: 1}\n"
        "  stream: {clock: arrival}\n"
        "  decode: {idle: true}\n"
        "- {name: untuned, source: 2, model: null, activity: {threshold: null}}\n"
    )
    plain, own, untuned = load(path, MonitorOptions).cameras
    assert plain.model == tmp_path / "all.onnx"
    assert plain.windows == WindowOptions(stride=10, quality=False)
    assert plain.activity == ActivityOptions(
        threshold=0.5, thresholds={"fight": 0.8, "fall": 0.9}, hold_s=3
    )
    assert plain.stream == StreamOptions()
    assert plain.decode == DecodeOptions(idle=False, loop_filter=True)
    assert own.model == tmp_path / "own.onnx"
    assert own.windows == WindowOptions(stride=2, quality=False, motion=False)
    assert own.activity == ActivityOptions(
        threshold=0.5, thresholds={"fight": 0.8, "fall": 0.6, "dance": 0.7}, hold_s=1
    )
    assert own.stream == StreamOptions(clock="arrival")
    assert own.decode == DecodeOptions(idle=True, loop_filter=True)
    assert (untuned.model, untuned.activity.threshold) == (None, None), "null overrides, too"


def test_options_made_in_a_program_are_merged_as_those_of_a_file() -> None:
    defaults = CameraDefaults(
        windows=WindowOptions(stride=10), activity=ActivityOptions(threshold=0.5)
    )
    own = CameraOptions(
        name="own", source="0", windows=WindowOptions(quality=False),
        activity=ActivityOptions(threshold=0.7),
    )  # fmt: skip
    (camera,) = MonitorOptions(cameras=(own,), defaults=defaults).cameras
    assert camera.windows == WindowOptions(stride=10, quality=False)
    assert camera.activity == ActivityOptions(threshold=0.7)
    again = MonitorOptions.model_validate(
        {"cameras": [own.model_dump(exclude_unset=True)], "defaults": defaults}
    )
    assert again.cameras == (camera,)


def test_what_is_shared_changes_only_the_cameras_without_their_own() -> None:
    def settings(transport: str) -> dict[str, CameraSettings]:
        own = {"name": "own", "source": "0", "stream": {"transport": "udp"}}
        given = {
            "cameras": [own, {"name": "b", "source": "1"}],
            "defaults": {"stream": {"transport": transport}},
        }
        return CameraSettings.of(MonitorOptions.model_validate(given))

    before, after = settings("tcp"), settings("udp")
    assert [name for name in before if before[name] == after[name]] == ["own"]


def test_a_changed_option_changes_only_the_camera_that_has_it() -> None:
    def settings(**own: object) -> dict[str, CameraSettings]:
        given = [{"name": "a", "source": "0", **own}, {"name": "b", "source": "1"}]
        return CameraSettings.of(MonitorOptions.model_validate({"cameras": given}))

    before = settings()
    for own in (
        {"model": "m.onnx"},
        {"windows": {"stride": 1}},
        {"activity": {"threshold": 0.1}},
        {"stream": {"transport": "udp"}},
        {"decode": {"idle": False}},
    ):
        after = settings(**own)
        assert [name for name in before if before[name] == after[name]] == ["b"]


def test_sinks_are_read_in_their_order_and_logs_are_told_from_others(tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        "sinks:\n- {type: log, path: a.jsonl, keep: 2}\n- type: console\n"
        "- {type: log, path: '-', max_mib: 1}\n"
    )
    options = load(path, MonitorOptions)
    first = AlertLogOptions(path=tmp_path / "a.jsonl", keep=2)
    second = AlertLogOptions(path=Path("-"), max_mib=1)
    assert options.sinks == (first, ConsoleOptions(), second)
    assert options.logs == (first, second)
    assert MonitorOptions.model_validate(options.model_dump()) == options
    path.write_text("sinks: []\n")
    assert (load(path, MonitorOptions).sinks, load(path, MonitorOptions).logs) == ((), ())


def test_the_commented_example_of_the_shipped_file_is_right(tmp_path: Path) -> None:
    example = SHIPPED.read_text().partition("# cameras:")[2].partition("\n\n")[0]
    path = tmp_path / "monitor.yaml"
    path.write_text("cameras:" + example.replace("\n# ", "\n").replace("${DOOR_PASSWORD}", "x"))
    door, desk = load(path, MonitorOptions).cameras
    assert door.region_shapes == ()
    assert [area.name for area in desk.region_shapes] == ["till", "door"]
    assert door.model == tmp_path / "falls.onnx"
    assert (door.activity.threshold, desk.model, desk.activity.threshold) == (0.7, None, None)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text("# nothing yet\n")
    assert load(path, MonitorOptions) == MonitorOptions()


def test_a_password_comes_from_the_environment_and_stays_out_of_sight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOOR_PASSWORD", "s3cret")
    path = tmp_path / "monitor.yaml"
    path.write_text("cameras:\n- {name: door, source: 'rtsp://u:${DOOR_PASSWORD}@192.0.2.1/s'}\n")
    options = load(path, MonitorOptions)
    assert options.cameras[0].source == "rtsp://u:s3cret@192.0.2.1/s"
    assert "s3cret" not in repr(options)
    assert str(options.cameras[0].address) == "rtsp://u:***@192.0.2.1/s"


@pytest.mark.parametrize(
    "text",
    [
        "cameras:\n- {name: 'rtsp://u:s3cret@h/', source: 0}\n",
        "cameras:\n- {name: 'u:s3cret@h', source: 0}\n",
        "cameras:\n- {name: a, source: 'u:s3cret@h'}\n",
        "cameras:\n- {name: a, source: 'user:s3cret@h/cam'}\n",
        "cameras:\n- {name: a, source: 'rtsp://u:s3cret/cam'}\n",
        "cameras:\n- {name: a, source: 'rtsp://u:a s3cret@h'}\n",
        "cameras: 'rtsp://u:a s3cret@h'\n",
        "rtsp://u:s3cret@h: 0\n",
        "u:s3cret@h: 0\nu:s3cret@h: 0\n",
        "defaults: {stream: {transport: '${PASSWORD}'}}\n",
        "cameras:\n- {name: a, source: 0, stream: {transport: '${PASSWORD}'}}\n",
        "sinks:\n- {type: log, keep: '${PASSWORD}'}\n",
        "sinks:\n- {type: '${PASSWORD}'}\n",
        "sinks:\n- {type: 'u:s3cret@h'}\n",
        "cameras:\n- {name: '${PASSWORD}', source: 0}\n",
    ],
)
def test_a_password_stays_out_of_a_mistakes_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret?")
    path = tmp_path / "monitor.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path, MonitorOptions)
    assert "s3cret" not in str(caught.value)


def test_a_value_from_the_environment_is_shown_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPEED", "s3cret")
    path = tmp_path / "monitor.yaml"
    path.write_text("defaults:\n  windows:\n    stride: ${SPEED}\n")
    with pytest.raises(ConfigError, match=r"unable to parse .*, found '\$\{SPEED\}'$"):
        load(path, MonitorOptions)


def test_a_file_that_is_deleted_later_is_still_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film = Path("at:noon@home.mp4")
    film.touch()
    camera = CameraOptions(name="a", source=str(film))
    assert camera.address == Address("file", str(film))
    film.unlink()
    assert camera.address == Address("file", str(film))
    assert camera == camera.model_copy()


def test_thresholds_come_from_the_label_then_the_option_then_the_model() -> None:
    about = metadata(
        labels=("a", "b", "still"), background=("still",), thresholds={"a": 0.6, "b": 0.7}
    )
    assert dict(ActivityOptions().rules(about).thresholds) == {"a": 0.6, "b": 0.7}
    assert dict(ActivityOptions(threshold=0.5).rules(about).thresholds) == {"a": 0.5, "b": 0.5}
    mixed = ActivityOptions(threshold=0.5, thresholds={"b": 0.9})
    assert dict(mixed.rules(about).thresholds) == {"a": 0.5, "b": 0.9}


def test_timing_comes_from_the_option_then_the_model_then_the_default() -> None:
    tuning = {"hysteresis": 0.3, "smoothing_s": 2, "min_s": 0, "metrics": {}, "evaluation": "-"}
    tuned = metadata(tuning=tuning)

    def timing(options: ActivityOptions, about: ModelMetadata) -> tuple[float, float, float]:
        rules = options.rules(about)
        return rules.hysteresis, rules.smoothing_s, rules.min_s

    assert timing(ActivityOptions(), metadata()) == (0.15, 0.5, 0.5)
    assert timing(ActivityOptions(), tuned) == (0.3, 2, 0)
    assert timing(ActivityOptions(smoothing_s=0, min_s=1), tuned) == (0.3, 0, 1)


@pytest.mark.parametrize(
    ("label", "kind"), [("dance", "unknown"), ("still", "a background label")], ids=str
)
def test_a_threshold_for_a_label_that_cannot_alert_is_refused(label: str, kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ActivityOptions(thresholds={label: 0.5}).rules(metadata())
    assert str(caught.value) == (
        f"activity.thresholds: label {label} is {kind}; labels of motion that alert: moving"
    )
