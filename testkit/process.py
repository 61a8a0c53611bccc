"""The command har-monitor as a process of its own, watched from outside."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.config.options import CameraDefaults
from testkit import ROOT
from testkit.patience import LIMIT_S

COMMAND = [sys.executable, "-m", "monitor"]
STRANGER = 12345  # a user whom the system does not know
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def script(name: str) -> list[str]:
    """A command of pyproject.toml as its installed script runs it, from the code that is here."""
    module, _, function = SCRIPTS[name].partition(":")
    begin = f"import sys; sys.argv[0] = {name!r}; from {module} import {function}; {function}()"
    return [sys.executable, "-c", begin]


def stranger(folder: Path, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a command as a user without a home and a name; the test is skipped if that cannot be."""
    alone = ["unshare", "--user", f"--map-user={STRANGER}", f"--map-group={STRANGER}"]
    if (tried := subprocess.run([*alone, "true"], capture_output=True, text=True)).returncode:
        reason = f"needs a user of its own: {tried.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    return subprocess.run(
        [*alone, *map(str, command)], cwd=folder, env=environment, capture_output=True, text=True
    )


@dataclass
class Process:
    """A running har-monitor with its files, all in one folder."""

    folder: Path
    popen: subprocess.Popen[bytes]

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.folder / "monitor.yaml"

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The whole lines of its alert log."""
        path = self.folder / "alerts.jsonl"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    @property
    def health(self) -> dict[str, dict[str, Any]]:
        """What its health file says of each camera; empty before there is one."""
        path = self.folder / "health.json"
        if not path.exists():
            return {}
        return {camera["name"]: camera for camera in json.loads(path.read_text())["cameras"]}

    @property
    def said(self) -> str:
        """All that it wrote to the screen."""
        return (self.folder / "output").read_text(errors="replace")

    def wait_for(self, what: str, condition: Callable[[], bool]) -> float:
        """Until a condition holds, which `what` names; the seconds that it took."""
        began_s = time.monotonic()
        while True:
            ended = self.popen.poll() is not None  # asked first: it may end with what is awaited
            took_s = time.monotonic() - began_s
            if condition():
                return took_s
            assert not ended, f"{what}: it ended: {self.said}"
            assert took_s < LIMIT_S, f"{what}: not within {LIMIT_S:g} s\n{self.health}\n{self.said}"
            time.sleep(0.05)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it, and wait; its exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(LIMIT_S)


def with_defaults(defaults: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Options, of which those of a camera are for all cameras, in place of these defaults."""
    own = {name: value for name, value in options.items() if name in CameraDefaults.model_fields}
    others = {name: value for name, value in options.items() if name not in own}
    return {"defaults": defaults | own, **others}


def write_config(path: Path, cameras: Mapping[str, str], **options: Any) -> None:
    """A configuration with cameras by name, that decides with every window."""
    quick = {
        "activity": {"smoothing_s": 0, "min_s": 0, "hold_s": 1, "cooldown_s": 0},
        "stream": {
            "open_timeout_s": 1,
            "read_timeout_s": 1,
            "retry_min_s": 0.1,
            "retry_max_s": 0.5,
        },
    }
    named = [{"name": name, "source": source} for name, source in cameras.items()]
    path.write_text(yaml.safe_dump({"cameras": named, **with_defaults(quick, options)}))


@contextmanager
def har_monitor(
    cameras: Mapping[str, str],
    model: Path,
    *more: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Iterator[Process]:
    """Run it headless until the end of the block, with its log and health in a folder."""
    with tempfile.TemporaryDirectory() as own:
        place = folder or Path(own)
        write_config(place / "monitor.yaml", cameras, **options)
        command = [
            *COMMAND, "--config", "monitor.yaml", "--headless", "--model", str(model),
            "--log", "alerts.jsonl", "--health", "health.json", "-v", *more,
        ]  # fmt: skip
        with (place / "output").open("ab") as output:
            popen = subprocess.Popen(
                command,
                cwd=place,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT)} | dict(environment or {}),
            )
        try:
            yield Process(place, popen)
        finally:
            popen.kill()
            popen.wait(LIMIT_S)
