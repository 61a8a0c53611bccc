"""The files of har-monitor init, as they are talked about in a terminal."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from rich.syntax import Syntax

from monitor.cli.config_files import ConfigFiles
from monitor.cli.dialogue import Dialogue
from monitor.config.outputs import WebOptions
from monitor.errors import ConfigError, MonitorError
from monitor.setup.configuration import CameraSetup, written

_PORTS = 20  # that are tried for the page


class SetupFiles:
    """Shows what is written, and asks before anything changes that is there."""

    def __init__(self, dialogue: Dialogue, files: ConfigFiles) -> None:
        self._dialogue = dialogue
        self._files = files

    def ask_to_overwrite(self) -> None:
        """ConfigError if a file is there, and is to stay."""
        for path in (self._files.config, self._files.environment):
            if path.exists() and not self._dialogue.confirm(
                f"{path} exists. Write over it?", default=False
            ):
                raise ConfigError(
                    f"{path} exists, and stays as it is; --add adds cameras to it, "
                    "--config names another file"
                )

    def write(self, cameras: Sequence[CameraSetup], model: str) -> list[str] | None:
        """Write both anew; the arguments to start har-monitor with, None if it is not to start."""
        config, beside = self._files.config, self._files.environment
        self._dialogue.step(str(config))
        names = config.name, beside.name
        today = datetime.now().astimezone().date()
        text, secrets = written(cameras, model, names, _free_port(), today)
        self._files.write(text, secrets)
        self._dialogue.console.print(Syntax(text, "yaml", background_color="default"))
        self._dialogue.say(f"✓ {config} is written, and checked", "green")
        if secrets:
            self._dialogue.say(f"✓ the passwords are in {beside}", "green")
        if not self._dialogue.yes and self._dialogue.confirm("Start now?", default=True):
            return ["--config", str(config)]
        self._say_how_to_start()
        return None

    def add(self, cameras: Sequence[CameraSetup]) -> None:
        """Add cameras to the configuration that was read; nothing else of it changes."""
        config = self._files.config
        self._dialogue.step(str(config))
        addition = self._files.addition(cameras)
        diff = Syntax(addition.difference, "diff", background_color="default")
        self._dialogue.console.print(diff)
        if not self._dialogue.confirm("Write that?", default=True):
            raise MonitorError("nothing was written")
        self._files.add(addition)
        self._dialogue.say(f"✓ {config} is written, and checked", "green")
        self._dialogue.say(f"To undo it: mv {self._files.backup} {config}")
        self._say_how_to_start()

    def _say_how_to_start(self) -> None:
        self._dialogue.say("To start:")
        if self._files.environment.exists():
            secrets = shlex.quote(os.path.join(".", self._files.environment))
            self._dialogue.say(f"  set -a; . {secrets}; set +a")
        self._dialogue.say(f"  har-monitor --config {shlex.quote(str(self._files.config))}")


def _free_port() -> int:
    """The usual port of the page, or the next that nobody has."""
    web = WebOptions()
    for port in range(web.port, web.port + _PORTS):
        with socket.socket() as tried, suppress(OSError):
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((web.host, port))
            return port
    return web.port  # the start says that it is taken
