"""The configuration that the wizard writes: commented YAML, and the secrets apart from it."""

import os
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

import yaml

from monitor.config.outputs import WebOptions
from monitor.config.yaml_file import VARIABLE
from monitor.errors import ConfigError
from monitor.names import printable
from monitor.recognition.shipped import SHIPPED
from monitor.records import PictureBox
from monitor.sources.address import Address, redact

# Of a line of KEY=VALUE all readers understand these alike: shells, systemd and containers.
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~:/@%+,=-]*")
_WIDTH = 79  # of a comment
_UNLIKE = {"'": "%27", "\\": "%5C", "$": "%24"}


@dataclass(frozen=True)
class CameraSetup:
    """A camera as it is to be watched."""

    name: str
    address: Address  # with its credentials
    notes: tuple[str, ...] = ()  # what was found, without secrets
    box: PictureBox | None = None  # where things move
    watch_box: bool = False  # whether that part alone is watched


class Written(NamedTuple):
    """The texts of both files."""

    configuration: str
    secrets: dict[str, str]  # environment variables


def written(
    cameras: Sequence[CameraSetup], model: str, names: tuple[str, str], port: int, day: date
) -> Written:
    """The configuration, and the secrets that it names.

    `names` are those of the two files, `port` is that of the page.
    """
    config, beside = names
    secrets: dict[str, str] = {}
    listed = camera_lines(cameras, secrets)
    host = WebOptions().host
    read = (
        [
            f"# Passwords are in {beside}, which is read before the start:",
            f"#   set -a; . ./{beside}; set +a",
        ]
        if secrets
        else []
    )
    lines = [
        f"# Written by har-monitor init on {day}. All options: docs/configuration.md",
        *read,
        f"#   har-monitor --config {config}",
        "",
        "cameras:",
        *listed,
        "",
        "defaults:",
        f"  model: {model:14} # what is recognised: {', '.join(SHIPPED)}, or an ONNX file",
        "",
        f"web:                    # the page: http://{host}:{port}/",
        f"  host: {host:15} # for this machine alone: see docs/page.md",
        f"  port: {port}",
        "",
        "health: health.json     # what har-monitor --status reads",
        "",
        "sinks:                  # for the page, events and clips are kept, too",
        "  - {type: log, path: alerts.jsonl}",
        "  - {type: console}",
        "",
        "# Mail, chats, webhooks, MQTT, Home Assistant: docs/notifications.md",
        "",
    ]
    return Written("\n".join(lines), secrets)


def camera_lines(cameras: Sequence[CameraSetup], secrets: dict[str, str]) -> list[str]:
    """The cameras as items of a list in YAML; their secrets are added to those that are known.

    ConfigError for a name or a file that YAML cannot have as it is.
    """
    return [line for camera in cameras for line in _camera(camera, secrets)]


def environment_file(secrets: dict[str, str], before: str = "") -> str:
    """The secrets as lines that a shell, systemd and containers read, after those of before."""
    lines = [] if before else ["# The secrets of har-monitor's configuration: for you alone."]
    for name, value in secrets.items():
        lines.append(f"{name}={value}" if _UNQUOTED.fullmatch(value) else f"{name}='{value}'")
    whole = before if not before or before.endswith("\n") else f"{before}\n"
    return whole + "\n".join([*lines, ""])


def environment(text: str) -> dict[str, str]:
    """The secrets in the text of such a file."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip().strip("'") for name, equals, value in pairs if equals}


def _camera(camera: CameraSetup, secrets: dict[str, str]) -> Iterator[str]:
    for note in camera.notes:
        yield from textwrap.wrap(
            printable(note), _WIDTH, initial_indent="  # ", subsequent_indent="  #   "
        )
    yield f"  - name: {_scalar(_plain(camera.name))}"
    yield f"    source: {_scalar(_source(camera.address, secrets))}"
    if camera.box is not None:
        sides = ", ".join(f"{side:.2f}" for side in camera.box)
        off = "" if camera.watch_box else "# "
        if off:
            yield "    # Things moved in this part alone. If it is watched, nothing else is."
        yield f"    {off}regions:"
        yield f"    {off}  - name: busy"
        yield f"    {off}    box: [{sides}]"


def _source(address: Address, secrets: dict[str, str]) -> str:
    """A camera's source, with variables for what is secret."""
    if address.kind != "stream":
        number = address.kind == "webcam" and "/" not in address.target
        return address.target if number else _plain(os.path.abspath(address.target))
    url = urlsplit(address.target)
    userinfo, _, host = url.netloc.rpartition("@")
    bare = url._replace(netloc=host).geturl()
    if redact(bare) != bare or "${" in f"{url.username}{bare}" or (userinfo and not url.password):
        whole = "".join(_UNLIKE.get(char, char) for char in address.target)
        return _variable("CAMERA_SOURCE", whole, secrets)
    if not url.password:
        return bare
    # Written anew, so that the file of secrets holds no sign that a shell would take for its own.
    password = quote(unquote(url.password), "")
    named = _variable("CAMERA_PASSWORD", password, secrets)
    return url._replace(netloc=f"{url.username}:{named}@{host}").geturl()


def _variable(kind: str, value: str, secrets: dict[str, str]) -> str:
    """A variable that stands for a value; the same for the same."""
    count = 1
    while secrets.setdefault(name := f"{kind}_{count}" if count > 1 else kind, value) != value:
        count += 1
    return f"${{{name}}}"


def _plain(text: str) -> str:
    """A text that stands for itself; ConfigError if the configuration would read a secret there."""
    if found := VARIABLE.search(text):
        raise ConfigError(f"{text}: {found[0]} would be taken for an environment variable")
    return text


def _scalar(text: str) -> str:
    """A text as YAML in one line."""
    dumped: str = yaml.safe_dump(text, allow_unicode=True, width=float("inf"))
    return dumped.removesuffix("...\n").strip()
