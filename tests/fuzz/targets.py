"""Checks of one input each: AssertionError, or an error that may not come, is a finding.

Hypothesis and atheris use the same ones. Each brings seeds: the repository's own examples.
"""

import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from pydantic import ValidationError
from rich.console import Console

from monitor.cli.preflight import check_inputs
from monitor.config.options import CameraOptions, MonitorOptions
from monitor.config.yaml_file import explain, load
from monitor.display.table import show_health
from monitor.errors import ConfigError, ModelError, MonitorError, SourceError
from monitor.events.alert import SCHEMA
from monitor.events.alert_log import line
from monitor.events.recovery import orphans, records, unended
from monitor.health.health_file import read_health
from monitor.names import is_name, is_printable
from monitor.recognition.classifier import OnnxClassifier
from monitor.recognition.metadata import parse_metadata
from monitor.recognition.shipped import SHIPPED
from monitor.setup.discovery import devices
from monitor.setup.onvif import OnvifCamera
from monitor.sources.address import parse_address, redact, redact_argument, split_name
from monitor.sources.file import FileSource
from testkit import ROOT
from testkit.alerts import alert
from testkit.models import motion_model
from testkit.servers.onvif import OnvifCamera as OnvifFixture
from testkit.servers.onvif import Stream
from tests.fuzz import rtsp

MARK = "Hunter2"  # in a password
PLACES = (
    *(f"{scheme}://user:{{word}}@host:554/cam" for scheme in ("rtsp", "RTSPS", "http", "ftp")),
    *(f"rtsp{slashes}user:{{word}}@host/cam" for slashes in (":/", ":///", ":", ":\\\\", "//")),
    "rtsp://user:{quoted}@host/cam?a=b@c",
    "rtsp://user:{quoted}%40host/cam",
    "rtsp://user:{word}\uff20host/cam",
    "rtsp://user:{word}@[fe80::1]:554/",
    "rtsp://{word}@host",
    "door=rtsp://user:{word}@host/cam",
    "user:{word}@host/cam",
    "u:{word}@10.0.0.7",
    "my_name:{word}@10.0.0.7",
    "rtsp://host/cam?channel=1&password={word}",
    "https://user@host/cam?PASSWORD={word}&x=1",
    "rtsp://host/user=admin_password={word}_channel=1",
    "10.0.0.7/cam?password={word}",
    "rtmp://user@host/live/{word}",
    "rtmps://host:443/live/{quoted}?a=b",
    "srt://host:9710?mode=caller&streamid={quoted}",
    "srt://host:9710?passphrase={quoted}",
)
CONFIGURATIONS = (
    "cameras:\n- {{name: a, source: {0}}}\n",
    "cameras:\n- {{name: {0}, source: 0}}\n",
    "cameras: {0}\n",
    "defaults: {{stream: {{transport: {0}}}}}\n",
    "defaults: {{windows: {{stride: {0}}}}}\n",
    "? {0}\n: 0\n",
    "defaults: {{activity: {{thresholds: {{{0}: 2}}}}}}\n",
    "cameras:\n- {{name: a, source: 0, activity: {{hold_s: {0}}}}}\n",
    "sinks:\n- {{type: log, keep: {0}}}\n",
    "sinks:\n- {{type: {0}}}\n",
    "{0}",
)
NOW_S = 1000.0
CAMERA = "192.0.2.10"  # that answers

LONGEST = 10_000  # of a message: a screen full


@dataclass(frozen=True)
class Target:
    """Something that takes input from outside; `check` says whether it took this one."""

    check: Callable[[bytes], bool]
    seeds: Callable[[], Sequence[bytes]]
    words: tuple[bytes, ...] = ()  # that a mutation may put in


def check_configuration(data: bytes) -> bool:
    """A configuration file is options, or a ConfigError."""
    path = _file("monitor.yaml", data)
    with _only(ConfigError):
        options = load(path, MonitorOptions)
        assert MonitorOptions.model_validate(options.model_dump()) == options
        return True
    return False


def check_metadata(data: bytes) -> bool:
    """The metadata in a model file is read, or refused by ModelError; it survives its own text."""
    with _only(ModelError):
        about = parse_metadata(data.decode("utf-8", "replace"), Path("model.onnx"))
        assert parse_metadata(about.model_dump_json(), Path("model.onnx")) == about
        for text in _texts(about.model_dump()):
            assert is_printable(text), repr(text)
        return True
    return False


def check_model(data: bytes) -> bool:
    """A model file is a classifier, or a ModelError."""
    path = _file("model.onnx", data)
    with _only(ModelError):
        OnnxClassifier(path)
        return True
    return False


def check_alert_log(data: bytes) -> bool:
    """Of an alert log, whatever others wrote into it, the starts are told that no end follows."""
    found = list(records(io.BytesIO(data)))
    assert all(record["schema"] == SCHEMA for record in found)
    last: dict[str, str] = {}
    for record in found:
        name, event = record.get("id"), record.get("event")
        if isinstance(name, str) and event in ("start", "end"):
            last[name] = event
    left = unended(found)
    assert {record["id"] for record in left} == {n for n, event in last.items() if event == "start"}
    assert len(left) == len({record["id"] for record in left})
    starts = orphans(_file("alerts.jsonl", data))
    for start in starts:
        assert list(records([line(start.after_a_kill(start.time))]))
    names = [start.id for start in starts]
    assert len(names) == len(set(names))
    if max(map(len, data.split(b"\n"))) < LONGEST:  # else the parts of a line are looked at
        assert set(names) <= {record["id"] for record in left}
    return bool(found)


def check_source(data: bytes) -> bool:
    """Text that is given as a source is one, or a ConfigError; that of a file can be opened, too.

    No camera and no host is contacted.
    """
    text = data.decode("utf-8", "replace")
    redact(text)
    redact_argument(text)
    _, source = split_name(text)
    with _only(ConfigError):
        address = parse_address(source)
        assert is_name(address.name)
        try:
            camera = CameraOptions(name="a", source=source)
        except ValueError as error:
            raise AssertionError(explain(error, CameraOptions)) from error  # type: ignore[arg-type]
        assert camera.address == address
        if address.kind == "file" and not _waits(address.target):
            with _only(SourceError):
                check_inputs(MonitorOptions(cameras=(camera,)))
            file = FileSource(Path(address.target))
            with _only(SourceError):
                file.open()
            file.close()
        return True
    return False


def _waits(path: str) -> bool:
    """Whether a path leads to a pipe or a device, whose reader may wait for ever."""
    return os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path))


def check_password(data: bytes) -> bool:
    """A password is shown nowhere, whatever it holds, wherever it is and however it is mistyped.

    The first bytes choose the places; the others are around the mark that is looked for.
    """
    first, second = data[:2].ljust(2, b"\0")
    place = PLACES[first % len(PLACES)]
    file = CONFIGURATIONS[second % len(CONFIGURATIONS)]
    head, _, tail = data[2:].decode("utf-8", "replace").partition("|")
    word = f"{head[:40]}{MARK}{tail[:40]}"
    if "password=" in place.lower():
        word = word.replace("&", "+")  # where the next parameter begins
    if "//{word}@" in place:
        word = re.sub("[/?#:]", "+", word)  # else it is a host or a user
    if ":/" not in place:
        word = re.sub("^/{2,}", "/", word)  # else the user is a scheme
    text = place.format(word=word, quoted=quote(word, ""))
    shown = [redact_argument(text)]
    if ":/" in place and not re.search(r"\s", text):  # a URL can be told from a sentence around it
        shown.append(redact(f"camera a: {text}: refused, {text}"))
    try:
        address = parse_address(split_name(text)[1])
        options = MonitorOptions.model_validate({"cameras": [{"name": "a", "source": text}]})
        shown += [str(address), repr(address), address.name, str(options), repr(options)]
        shown += [str(options.cameras), repr(options.cameras[0])]
    except ConfigError as error:
        shown.append(str(error))
    except ValidationError as error:
        shown.append(explain(error, MonitorOptions))
    path = _file("password.yaml", file.format(json.dumps(text, ensure_ascii=False)).encode())
    try:
        shown.append(repr(load(path, MonitorOptions)))
    except ConfigError as error:
        shown.append(str(error))
    for one in shown:
        assert MARK not in one, one
    return True


def check_health(data: bytes) -> bool:
    """A health file is one, or a MonitorError; what is shown of it steers no terminal."""
    path = _file("health.json", data)
    with (
        _only(MonitorError),
        patch("monitor.health.health_file.time.monotonic", return_value=NOW_S),
    ):
        health = read_health(path)
        out = io.StringIO()
        show_health(health, Console(file=out, width=200))
        assert all(line.isprintable() for line in out.getvalue().split("\n"))
        return True
    return False


def check_onvif(data: bytes) -> bool:
    """Whatever a camera answers, its streams are at its own host, or it is a SourceError."""
    with (
        _only(SourceError),
        patch("monitor.setup.soap.resolve", return_value=True),
        patch("monitor.setup.soap._post", return_value=(200, [], data)),
    ):
        camera = OnvifCamera(f"http://{CAMERA}/onvif/device_service", None)
        for profile in camera.profiles():
            assert is_printable(str(profile))
            assert urlsplit(camera.stream(profile)).hostname == CAMERA
        return True
    return False


def check_discovery(data: bytes) -> bool:
    """Whatever answers the question for cameras, each is at the host that answered."""
    found = list(devices(data, CAMERA, ("1",)))
    for device in found:
        assert urlsplit(device.url).hostname == CAMERA
        assert is_printable(device.url)
        assert device.name == "" or is_name(device.name)
    return bool(found)


@contextmanager
def _only(error: type[MonitorError]) -> Iterator[None]:
    """Lets no other error come out, and of this one only a line that steers no terminal."""
    try:
        yield
    except error as caught:
        message = str(caught)
    else:
        return
    assert message.isprintable(), repr(message)
    assert len(message) < LONGEST, len(message)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="har-fuzz-")


def _file(name: str, data: bytes) -> Path:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return path


def configurations() -> list[bytes]:
    """The shipped file, also with its commented example at work, and a short one."""
    shipped = (ROOT / "configs" / "monitor.yaml").read_text()
    head, _, tail = shipped.partition("# cameras:")
    example, _, rest = tail.partition("\n\n")
    shown = example.replace("\n# ", "\n").replace("${DOOR_PASSWORD}", "x")
    short = (
        "cameras:\n- {name: hall, source: 'rtsp://u:p@192.0.2.1/s', regions:\n"
        "  [{name: till, box: [0, 0, 1, 1]}], activity: {hold_s: 1}}\n"
        "defaults: {activity: {threshold: 0.5}}\nsinks: [{type: log, path: '-'}]\n"
    )
    head = head.replace("cameras: []", "")
    return [text.encode() for text in (shipped, f"{head}cameras:{shown}\n\n{rest}", short)]


def metadata() -> list[bytes]:
    """The shipped model's own, and the least that one may say."""
    model = SHIPPED["fight"].read_bytes()
    shipped = model[model.index(b'{"schema_version"') :]
    text, _ = json.JSONDecoder().raw_decode(shipped.decode("utf-8", "replace"))
    least = {
        "name": "a", "network": "a", "version": "1", "created": "2026-01-01", "frames": 20,
        "labels": ["a", "b"], "size": 64, "fps": 10, "thresholds": {"a": 0.5, "b": 0.5},
        "data": {"name": "a", "sha256": "0" * 64, "clips": 0, "groups": 0,
                 "footage": [{"name": "a", "sha256": "0" * 64, "from_s": 0, "to_s": 1,
                              "slices": 1}]},
        "metrics": {"accuracy": 0.5}, "evaluation": "not at all",
    }  # fmt: skip
    return [json.dumps(text).encode(), json.dumps(least).encode()]


def models() -> list[bytes]:
    """A tiny one, and the one that is shipped."""
    return [motion_model(_file("seed.onnx", b"")).read_bytes(), SHIPPED["fight"].read_bytes()]


def alert_logs() -> list[bytes]:
    """Two activities, of which one has its end."""
    a, b = (line(alert(name)) for name in "ab")
    end = line(alert("a", event="end", end_s=9.5, reason="score fell"))
    return [a + b + end, a]


def sources() -> list[bytes]:
    """What the README shows, and what users make of it."""
    texts = (
        "0", "/dev/video3", "clip.mp4", "door=rtsp://u:p@192.0.2.10:554/stream2?channel=1",
        "https://host/video.mjpg?user=a&password=b", "rtsp://[fe80::1]/user=a_password=b_x=1",
        "rtsp:/u:p@host", "RTSPS://u:p%40w@HOST/", "rtsp://u:p w@host", "u:p@host/x",
        "concat:a|b", "file:///a", "C:/a.mp4", "monitor/samples/bus.mp4", "monitor", "Makefile",
        "a" * 300, "b/" * 3000, "bus.mp4/" + "c" * 300,
    )  # fmt: skip
    return [text.encode() for text in texts]


def passwords() -> list[bytes]:
    """A word for all places."""
    return [
        bytes([place, file]) + b"a|b"
        for place in range(len(PLACES))
        for file in range(len(CONFIGURATIONS))
    ]


def healths() -> list[bytes]:
    """That of a monitor of one camera."""
    camera = {
        "name": "bus", "source": "bus.mp4", "state": "live", "cause": "", "fault": "",
        "watched": True, "fps": 25.0, "frames": 10, "windows": 1, "dropped": {"overload": 2},
        "reconnects": 0, "alerts": 1, "stretch": 1.0, "latency_ms": 9.0,
    }  # fmt: skip
    health = {
        "schema": "har-monitor.health.v1", "version": "1", "pid": 1, "time": "2026-01-01",
        "monotonic_s": NOW_S - 1, "alerts_waiting": 0, "alerts_lost": 0, "cameras": [camera],
    }  # fmt: skip
    return [json.dumps(health).encode()]


@cache  # they tell the time: all draws are to be from the same ones
def onvif_answers() -> list[bytes]:
    """All of a camera's answers in one, as each call looks for its own alone."""
    camera = OnvifFixture((Stream("a", "rtsp://192.0.2.66:554/a?b=1&c=2"),))
    asked = ElementTree.fromstring('<a xmlns="b"><ProfileToken>a</ProfileToken></a>')
    calls = ("GetSystemDateAndTime", "GetServices", "GetProfiles", "GetStreamUri")
    found: list[bytes] = []
    for camera.manner in ("plain", "newer"):
        parts = "".join(camera.answer(call, asked)[1] for call in calls)
        head = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
        found.append(f"{head}{parts}</s:Body></s:Envelope>".encode())
    return found


def discovery_answers() -> list[bytes]:
    """What a camera says to who looks for it."""
    return [OnvifFixture((), port=80).found(b"<MessageID>uuid:1</MessageID>")]


JSON = (b"{", b"}", b"[", b"]", b'"', b",", b":", b"null", b"NaN", b"1e999", b"-1", b"\\u0000")
YAML = (
    b"&a", b"*a", b"!!int ", b"!x", b"? ", b"- ", b"<<: ", b"|", b">", b"%YAML 1.1", b"---",
    b".inf", b".nan", b"0x", b"2001-01-01", b"1:1", b"${HOME}", b"${X}",
    b'"\\e[1m"', b'"\\0"', b"\t", b"~",
)  # fmt: skip
URL = (
    b"rtsp://", b"rtsp:/", b":", b"@", b"/", b"?", b"#", b"%40", b"&password=", b"=", b" ", b"\t",
    b"[", b"]", b"\xef\xbc\xa0", b"\xe2\x80\xae", b"\x1b[1m", b"\0", b"\n",
)  # fmt: skip
XML = (
    b"<", b">", b"</", b"/>", b"&amp;", b"&#27;", b"<![CDATA[", b"<!DOCTYPE a [", b"<!ENTITY ",
    b"http://", b"file:///", b"[::1]", b":0", b"@", b"//", b'"', b"\xe2\x80\xae",
)  # fmt: skip

TARGETS = {
    "configuration": Target(check_configuration, configurations, YAML + URL),
    "metadata": Target(check_metadata, metadata, JSON),
    "model": Target(check_model, models, (*JSON, b"Loop", b"Cast", b"location", b"ai.onnx")),
    "alert-log": Target(check_alert_log, alert_logs, (*JSON, b"\n", SCHEMA.encode())),
    "source": Target(check_source, sources, URL),
    "password": Target(check_password, passwords, URL),
    "health": Target(check_health, healths, JSON),
    "onvif": Target(check_onvif, onvif_answers, XML),
    "discovery": Target(check_discovery, discovery_answers, XML),
    "rtsp": Target(rtsp.check_rtsp, rtsp.conversations, rtsp.RTSP),
    "rtp": Target(rtsp.check_rtp, rtsp.packets, rtsp.RTP),
}
