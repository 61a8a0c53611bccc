"""The files of har-monitor init: a configuration, and its secrets beside it."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from difflib import unified_diff
from pathlib import Path

from rich.syntax import Syntax

from monitor.atomic import replacing, write_private
from monitor.cli.check import check
from monitor.cli.dialogue import Dialogue
from monitor.config.options import MonitorOptions
from monitor.config.outputs import WebOptions
from monitor.config.yaml_file import VARIABLE, load
from monitor.errors import ConfigError, MonitorError
from monitor.setup.configuration import (
    CameraSetup,
    camera_lines,
    environment,
    environment_file,
    written,
)
from monitor.setup.edit import with_cameras

_PORTS = 20  # that are tried for the page


class SetupFiles:
    """Writes both, each whole or not at all, after the configuration was checked."""

    def __init__(self, dialogue: Dialogue, config: Path) -> None:
        self._dialogue = dialogue
        self._config = config
        self._environment = config.with_suffix(".env")
        self._backup = config.with_name(f"{config.name}.bak")  # it before cameras were added
        folder = config.absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ConfigError(f"--config {config}: nothing can be written to {folder}")
        if config == self._environment:
            raise ConfigError(f"--config {config}: that is for the secrets; name it .yaml")

    def ask_to_overwrite(self) -> None:
        """ConfigError if a file is there, and is to stay."""
        for path in (self._config, self._environment):
            if path.exists() and not self._dialogue.confirm(
                f"{path} exists. Write over it?", default=False
            ):
                raise ConfigError(
                    f"{path} exists, and stays as it is; --add adds cameras to it, "
                    "--config names another file"
                )

    def write(self, cameras: Sequence[CameraSetup], model: str) -> list[str] | None:
        """Write both anew; the arguments to start har-monitor with, None if it is not to start."""
        self._dialogue.step(str(self._config))
        names = self._config.name, self._environment.name
        today = datetime.now().astimezone().date()
        text, secrets = written(cameras, model, names, _free_port(), today)
        self._put(text, environment_file(secrets) if secrets else "", secrets)
        self._dialogue.console.print(Syntax(text, "yaml", background_color="default"))
        self._dialogue.say(f"✓ {self._config} is written, and checked", "green")
        if secrets:
            self._dialogue.say(f"✓ the passwords are in {self._environment}", "green")
        if not self._dialogue.yes and self._dialogue.confirm("Start now?", default=True):
            return ["--config", str(self._config)]
        self._say_how_to_start()
        return None

    def read(self) -> MonitorOptions:
        """The configuration that is there, with the secrets beside it."""
        for name, value in self._known_secrets().items():
            os.environ.setdefault(name, value)
        return load(self._config, MonitorOptions)

    def add(self, cameras: Sequence[CameraSetup]) -> None:
        """Add cameras to the configuration that was read; nothing else of it changes."""
        self._dialogue.step(str(self._config))
        before = self._read(self._config)
        known = {name: os.environ[name] for name in VARIABLE.findall(before) if name in os.environ}
        secrets = known | self._known_secrets()
        earlier = set(secrets)
        try:
            text = with_cameras(before, camera_lines(cameras, secrets))
        except ConfigError as error:
            raise ConfigError(f"{self._config}: {error}") from None
        lines = unified_diff(
            before.splitlines(), text.splitlines(), "before", "after", lineterm="", n=2
        )
        diff = Syntax("\n".join(lines), "diff", background_color="default")
        self._dialogue.console.print(diff)
        if not self._dialogue.confirm("Write that?", default=True):
            raise MonitorError("nothing was written")
        new = {name: value for name, value in secrets.items() if name not in earlier}
        beside = self._read(self._environment) if self._environment.exists() else ""
        with replacing(self._backup) as old:
            self._fill(old, before)
            self._put(text, environment_file(new, beside) if new else "", new)
        self._dialogue.say(f"✓ {self._config} is written, and checked", "green")
        self._dialogue.say(f"To undo it: mv {self._backup} {self._config}")
        self._say_how_to_start()

    def _put(self, text: str, beside: str, secrets: dict[str, str]) -> None:
        os.environ.update(secrets)
        with replacing(self._config) as temporary:
            self._fill(temporary, text)
            check(load(temporary, MonitorOptions).with_web_sinks())
            if beside:
                write_private(self._environment, beside)

    def _fill(self, path: Path, text: str) -> None:
        """Write a new file that nobody can read who cannot read the configuration that is there."""
        there = self._config.exists()
        path.touch(self._config.stat().st_mode & 0o777 if there else 0o666)
        path.write_text(text, encoding="utf-8")

    def _known_secrets(self) -> dict[str, str]:
        return environment(self._read(self._environment)) if self._environment.exists() else {}

    def _read(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ConfigError(f"{path}: {words.lower()}") from None

    def _say_how_to_start(self) -> None:
        command = f"har-monitor --config {shlex.quote(str(self._config))}"
        if self._environment.exists():
            secrets = shlex.quote(str(self._environment.absolute()))
            command = f"set -a; . {secrets}; set +a; {command}"
        self._dialogue.say(f"To start: {command}")


def _free_port() -> int:
    """The usual port of the page, or the next that nobody has."""
    web = WebOptions()
    for port in range(web.port, web.port + _PORTS):
        with socket.socket() as tried, suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((web.host, port))
            return port
    return web.port  # the start says that it is taken
