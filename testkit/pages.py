"""A har-monitor with its page, and tabs of a real browser that look at it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testkit import ROOT
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from testkit.servers.browser import chromium

SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"
SIZES = {"desktop": (1280, 800, "light"), "phone": (390, 844, "dark")}
MS = LIMIT_S * 1000


@dataclass
class Watched:
    """A har-monitor with its page."""

    folder: Path

    @property
    def said(self) -> str:
        """What it wrote to the screen."""
        return (self.folder / "said").read_text()

    @property
    def url(self) -> str:
        """Where the page is."""
        (url,) = re.findall(r"the page is at (\S+)/$", self.said, re.M)
        return str(url)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Its alert log."""
        path = self.folder / "alerts.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def reviews(self) -> list[dict[str, Any]]:
        """What was said of its events."""
        path = self.folder / "alerts.reviews.jsonl"
        return [json.loads(line)["verdict"] for line in path.read_text().splitlines()]


def watching(folder: Path, *arguments: str) -> AbstractContextManager[Watched]:
    """Run it headless in a folder until the end of the block, which begins once it has a page."""
    return served(folder, [sys.executable, "-m", "monitor", "--headless", *arguments])


@contextmanager
def served(
    folder: Path, command: list[str], end: signal.Signals = signal.SIGINT, **environment: str
) -> Iterator[Watched]:
    """Run a command that serves a page until the end of the block, where a signal ends it."""
    with (folder / "said").open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, stderr=output, env={**os.environ, **environment}
        )
        found = Watched(folder)
        try:
            wait_until(lambda: "the page is at" in found.said)
            yield found
            process.send_signal(end)
            assert process.wait(LIMIT_S) == 0
        finally:
            process.kill()
            process.wait(LIMIT_S)
        assert "Traceback" not in found.said
        assert "ERROR" not in found.said


@contextmanager
def opened(watched: Watched, size: str) -> Iterator[Any]:
    """A tab in which nothing may fail, and from which nothing may be asked elsewhere."""
    wide, high, scheme = SIZES[size]
    faults: list[str] = []
    with chromium() as browser:
        tab = browser.new_context(
            viewport={"width": wide, "height": high},
            color_scheme=scheme,
            timezone_id="Asia/Tokyo",
            base_url=watched.url,
        ).new_page()
        tab.set_default_timeout(MS)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((watched.url, "blob:"))
                else faults.append(request.url)
            ),
        )
        tab.on(
            "console",
            lambda line: (
                faults.append(line.text)
                if line.type in ("error", "warning")
                and not any(code in line.text for code in ("404", "422"))  # asked for by the test
                else None
            ),
        )
        yield tab
    assert faults == []


def until(tab: Any, condition: str) -> None:
    """Wait for a condition on the page; its policy lets no text be run as script inside it."""
    wait_until(lambda: bool(tab.evaluate(condition)))
