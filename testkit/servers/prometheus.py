"""A Prometheus of one's own, and promtool, which checks what it is given: Debian's."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit.patience import LIMIT_S


def _program(name: str) -> str:
    """Where a program is; skips the test if it is not installed, but not in CI."""
    program = shutil.which(name)
    if program is None:
        reason = f"no {name}: apt-get install prometheus (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return program


def promtool(*arguments: object, given: bytes = b"") -> str:
    """All that promtool says, which must succeed."""
    command = [_program("promtool"), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, timeout=LIMIT_S)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def get(self, path: str, **query: str) -> Any:
        """What its API answers; an error of it fails the test."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(address, timeout=LIMIT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {query}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives just now."""
        found = self.get("query", query=expression)
        assert found["resultType"] == "vector", expression
        series: list[dict[str, Any]] = found["result"]
        return series


@contextmanager
def prometheus(
    targets: Mapping[str, Sequence[str]], rules: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """A new server that reads these addresses, by job, once a second."""
    program = _program("prometheus")
    with tempfile.TemporaryDirectory(prefix="har-prometheus-") as name:
        folder = Path(name)
        jobs = [
            {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
            for job, addresses in targets.items()
        ]
        every_second = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config = {"global": every_second, "scrape_configs": jobs, "rule_files": [*map(str, rules)]}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        with (folder / "log").open("wb") as output:
            popen = subprocess.Popen(
                [
                    program, f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}", "--web.listen-address=127.0.0.1:0",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )  # fmt: skip
        try:
            yield Prometheus(f"http://{_address(popen, folder / 'log')}")
        finally:
            popen.terminate()
            popen.wait(LIMIT_S)


def _address(popen: subprocess.Popen[bytes], log: Path) -> str:
    """Where a server listens, once it is ready."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        said = log.read_text()
        found = re.search(r'msg="Listening on" address=(\S+)', said)
        if found is not None and "Server is ready" in said:
            return found[1]
        assert popen.poll() is None, said
        assert time.monotonic() < end_s, said
        time.sleep(0.05)
