"""A configuration and the file of its secrets beside it: read, checked, written, added to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path

from monitor.atomic import replacing, write_private
from monitor.cli.check import check
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import VARIABLE, load
from monitor.errors import ConfigError
from monitor.setup.configuration import (
    CameraSetup,
    camera_lines,
    environment,
    environment_file,
)
from monitor.setup.edit import with_cameras


@dataclass(frozen=True)
class Addition:
    """A configuration before cameras are added, and after."""

    before: str
    after: str
    secrets: dict[str, str] = field(repr=False)  # that are new

    @property
    def difference(self) -> str:
        """The lines that are new, and none around them, which may hold a password."""
        old, new = self.before.splitlines(), self.after.splitlines()
        _, _, *lines = unified_diff(old, new, lineterm="", n=0)  # without the names of files
        return "\n".join(lines)


class ConfigFiles:
    """Both files; each is written whole or not at all, after the configuration was checked."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.environment = config.with_suffix(".env")
        self.backup = config.with_name(f"{config.name}.bak")  # it before cameras were added
        if config.is_symlink():  # it would become a file of its own, and the other one stay
            raise ConfigError(f"{config}: a link; name {config.resolve()}, to which it leads")
        folder = config.absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ConfigError(f"{config}: nothing can be written to {folder}")
        if config == self.environment:
            raise ConfigError(f"{config}: that is for the secrets; name it .yaml")

    def read(self) -> MonitorOptions:
        """The configuration that is there, with the secrets beside it."""
        for name, value in self._known_secrets().items():
            os.environ.setdefault(name, value)
        return load(self.config, MonitorOptions)

    def write(self, text: str, secrets: dict[str, str]) -> None:
        """Write both anew; where there is no secret, there is no file of them."""
        self._put(text, environment_file(secrets) if secrets else "", secrets)

    def addition(self, cameras: Sequence[CameraSetup]) -> Addition:
        """What adding cameras would change; ConfigError if they cannot be added."""
        before = self._text(self.config)
        known = {name: os.environ[name] for name in VARIABLE.findall(before) if name in os.environ}
        secrets = known | self._known_secrets()
        earlier = set(secrets)
        try:
            after = with_cameras(before, camera_lines(cameras, secrets))
        except ConfigError as error:
            raise ConfigError(f"{self.config}: {error}") from None
        new = {name: value for name, value in secrets.items() if name not in earlier}
        return Addition(before, after, new)

    def add(self, addition: Addition) -> None:
        """Write it; the old configuration is kept. ConfigError if that is another one by now."""
        self._expect(addition.before)
        there = self._text(self.environment) if self.environment.exists() else ""
        beside = environment_file(addition.secrets, there) if addition.secrets else ""
        with replacing(self.backup) as old:
            self._fill(old, addition.before)
            self._put(addition.after, beside, addition.secrets)

    def undo(self, addition: Addition) -> None:
        """Write what was before; ConfigError if the configuration was changed since."""
        self._expect(addition.after)
        self._put(addition.before, "", {})

    def _expect(self, text: str) -> None:
        if self._text(self.config) != text:
            raise ConfigError(f"{self.config}: somebody has changed it since")

    def _put(self, text: str, beside: str, secrets: dict[str, str]) -> None:
        os.environ.update(secrets)
        with replacing(self.config) as temporary:
            self._fill(temporary, text)
            try:
                options = load(temporary, MonitorOptions)
            except ConfigError as error:
                raise ConfigError(str(error).replace(str(temporary), str(self.config))) from None
            check(options.with_needed_sinks())
            if beside:
                write_private(self.environment, beside)

    def _fill(self, path: Path, text: str) -> None:
        """Write a new file that nobody can read who cannot read the configuration that is there."""
        there = self.config.exists()
        path.touch(self.config.stat().st_mode & 0o777 if there else 0o666)
        path.write_text(text, encoding="utf-8")

    def _known_secrets(self) -> dict[str, str]:
        return environment(self._text(self.environment)) if self.environment.exists() else {}

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            words = getattr(error, "strerror", None) or "not UTF-8 text"
            raise ConfigError(f"{path}: {words.lower()}") from None
