"""Measures of the page, each beside a har-monitor that watches real streams."""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from websockets.sync.client import connect
from websockets.typing import Origin

from benchmarks.performance.usage import cpu_s
from benchmarks.results import Result, now
from benchmarks.streams import Stream, encoded, served
from monitor.errors import MonitorError
from monitor.states import NOTHING_MOVES, EndReason
from monitor.store.store import EventStore
from testkit.alerts import alert

BUSY = Stream("page-busy-360p15", "busy", 640, 360, 15, "h264", "constant", 800)
SHARP = Stream("page-busy-1080p25", "busy", 1920, 1080, 25, "h264", "constant", 4000)
CAMERAS, VIEWERS = 16, 20
EVENTS, REQUESTS = 100_000, 60
SETTLE_S, RUN_S = 12.0, 40.0
STARTS = 5
_LIMIT_S = 60.0
_SAID = re.compile(r"the page is at (\S+)$", re.M)


class Unwatched(Result):
    """Cameras with the page and without, in turn; nobody looks."""

    what: Literal["unwatched"] = "unwatched"
    date: str
    cameras: int
    stream: str
    without: tuple[float, ...]  # share of a core
    alone: tuple[float, ...]  # with store and evidence, but no page
    with_page: tuple[float, ...]

    @property
    def key(self) -> str:
        """There is one."""
        return self.what


class Viewers(Result):
    """People who watch one camera's own video."""

    what: Literal["viewers"] = "viewers"
    date: str
    stream: str
    viewers: int
    before: float  # share of a core: nobody looks
    during: float
    fragments_s: tuple[float, ...]  # that each got in a second
    windows: int
    dropped: int  # windows that were not classified while they watched

    @property
    def key(self) -> str:
        """By their number."""
        return f"{self.what} {self.viewers} {self.stream}"


class Lists(Result):
    """Lists out of many events, one request after another."""

    what: Literal["list"] = "list"
    date: str
    address: str
    events: int
    p50_ms: float
    p95_ms: float

    @property
    def key(self) -> str:
        """By its address."""
        return f"{self.what} {self.address}"


class Start(Result):
    """From the command to the first page."""

    what: Literal["start"] = "start"
    date: str
    seconds: tuple[float, ...]

    @property
    def key(self) -> str:
        """There is one."""
        return self.what


Kept = Annotated[Unwatched | Viewers | Lists | Start, Field(discriminator="what")]
KEPT: TypeAdapter[Kept] = TypeAdapter(Kept)


def measure_all(data: Path, work: Path, quick: bool) -> Iterator[Kept]:
    """All measures, one after another; the short ones first."""
    run_s = 5.0 if quick else RUN_S
    yield _start(work / "start", 1 if quick else STARTS)
    yield from _lists(work / "lists", 2_000 if quick else EVENTS)
    sharp, busy = (encoded(stream, data, work / "streams") for stream in (SHARP, BUSY))
    for viewers in (1, VIEWERS):
        yield _viewers(sharp, SHARP.title, viewers, run_s, work / "viewers")
    yield _unwatched(busy, BUSY.title, 2 if quick else CAMERAS, run_s, work / "unwatched")


@dataclass(frozen=True)
class _Watching:
    """A running har-monitor."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Of its page, without the last slash."""
        (url,) = _SAID.findall((self.folder / "said").read_text())
        return str(url).rstrip("/")

    def page(self, path: str) -> bytes:
        """What an address of the page answers."""
        with urllib.request.urlopen(self.url + path, timeout=_LIMIT_S) as answer:
            return bytes(answer.read())

    def wait_for_page(self) -> None:
        """Until the wall can be seen."""
        _wait(lambda: bool(_SAID.search((self.folder / "said").read_text())))
        _wait(lambda: b"</html>" in self._try("/"))

    def share(self, run_s: float) -> float:
        """CPU time of it and its children, as a share of a core, over some seconds."""
        began_s, used_s = time.monotonic(), cpu_s(self.process.pid)
        time.sleep(run_s)
        return (cpu_s(self.process.pid) - used_s) / (time.monotonic() - began_s)

    def _try(self, path: str) -> bytes:
        try:
            return self.page(path)
        except OSError:
            return b""


@contextmanager
def _watching(folder: Path, sources: Sequence[str], *more: str) -> Iterator[_Watching]:
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "monitor", "--headless", "--log", "alerts.jsonl", *more]
    for number, source in enumerate(sources):
        command += ["--source", f"camera-{number}={source}"]
    with (folder / "said").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
    try:
        yield _Watching(folder, process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(folder: Path, times: int) -> Start:
    """The seconds from a command with one silent file to a wall that is answered."""
    sample = Path(__file__).parents[2] / "monitor" / "samples" / "bus.mp4"
    found = []
    for _ in range(times):
        began_s = time.monotonic()
        with _watching(folder, [str(sample)], "--web", "127.0.0.1:0") as watching:
            watching.wait_for_page()
            found.append(round(time.monotonic() - began_s, 2))
    return Start(date=now(), seconds=tuple(found))


def _lists(folder: Path, events: int) -> Iterator[Lists]:
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / "events.sqlite"
    store.unlink(missing_ok=True)
    _fill(store, events)
    sample = Path(__file__).parents[2] / "monitor" / "samples" / "bus.mp4"
    with _watching(folder, [str(sample)], "--web", "127.0.0.1:0") as watching:
        watching.wait_for_page()
        for address in (
            "/api/v1/events",
            "/api/v1/events?camera=camera-3&review=unreviewed",
            "/events",
            "/events?camera=camera-3&label=fall",
        ):
            took_ms = []
            for _ in range(REQUESTS):
                began_s = time.perf_counter()
                watching.page(address)
                took_ms.append((time.perf_counter() - began_s) * 1000)
            took_ms.sort()
            yield Lists(
                date=now(),
                address=address,
                events=events,
                p50_ms=round(statistics.median(took_ms), 1),
                p95_ms=round(took_ms[int(0.95 * REQUESTS) - 1], 1),
            )


def _fill(path: Path, count: int) -> None:
    store, first = EventStore(str(path)), datetime(2026, 1, 1, tzinfo=UTC)
    for begin in range(0, count, 5000):
        store.record(
            *(
                alert(
                    f"{number:08d}",
                    camera=f"camera-{number % 16}",
                    label=("fight", "fall")[number % 2],
                    time=first + timedelta(minutes=number),
                    start_time=first + timedelta(minutes=number),
                    event="end",
                    end_s=9.0,
                    reason=EndReason.SCORE_FELL,
                )
                for number in range(begin, min(begin + 5000, count))
            )
        )
    store.close()


def _viewers(film: Path, title: str, viewers: int, run_s: float, folder: Path) -> Viewers:
    """One camera without viewers, then with them."""
    with (
        served(film, "h264") as server,
        _watching(folder, [server.url], "--web", "127.0.0.1:0") as watching,
    ):
        watching.wait_for_page()
        time.sleep(SETTLE_S)
        before = watching.share(run_s)
        windows, dropped = _windows(watching)
        with _looking(watching, viewers) as counts:
            time.sleep(2.0)  # the first of them make it begin
            began = list(counts)
            began_s = time.monotonic()
            during = watching.share(run_s)
            took_s = time.monotonic() - began_s
            got = [(now - then) / took_s for now, then in zip(counts, began, strict=True)]
        after, lost = _windows(watching)
    return Viewers(
        date=now(),
        stream=title,
        viewers=viewers,
        before=round(before, 4),
        during=round(during, 4),
        fragments_s=tuple(round(one, 1) for one in got),
        windows=after - windows,
        dropped=lost - dropped,
    )


@contextmanager
def _looking(watching: _Watching, viewers: int) -> Iterator[list[int]]:
    """Viewers of the camera's video; how many fragments each has got so far."""
    counts = [0] * viewers
    url = watching.url.replace("http", "ws", 1) + "/video?camera=camera-0"
    with ExitStack() as stack:

        def look(number: int) -> None:
            with connect(url, origin=Origin(watching.url), max_size=None) as socket:
                while not ended.is_set():
                    try:
                        counts[number] += isinstance(socket.recv(timeout=1.0), bytes)
                    except TimeoutError:
                        continue

        ended = threading.Event()
        threads = [threading.Thread(target=look, args=(number,)) for number in range(viewers)]
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(ended.set)
        yield counts


def _windows(watching: _Watching) -> tuple[int, int]:
    """Windows that were classified so far, and that were not though something moved."""
    (camera,) = json.loads(watching.page("/api/v1/health"))["cameras"]
    missed = {reason: n for reason, n in camera["dropped"].items() if reason not in NOTHING_MOVES}
    return camera["windows"], sum(missed.values())


def _unwatched(film: Path, title: str, cameras: int, run_s: float, folder: Path) -> Unwatched:
    """Cameras without a page, with its sinks alone, and with it; three times in turn."""
    with served(film, "h264") as server:
        found: dict[str, list[float]] = {"without": [], "alone": [], "with_page": []}
        sinks = folder / "sinks.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        sinks.write_text(
            "sinks:\n"
            "  - {type: log, path: alerts.jsonl}\n"
            "  - {type: store, url: events.sqlite}\n"
            "  - {type: evidence, folder: evidence}\n"
        )
        options: dict[str, tuple[str, ...]] = {
            "without": (),
            "alone": ("--config", str(sinks)),
            "with_page": ("--web", "127.0.0.1:0"),
        }
        for _ in range(3):
            for name, more in options.items():
                with _watching(folder / name, [server.url] * cameras, *more) as watching:
                    time.sleep(SETTLE_S)
                    found[name].append(round(watching.share(run_s), 4))
    return Unwatched(
        date=now(),
        cameras=cameras,
        stream=title,
        **{name: tuple(shares) for name, shares in found.items()},
    )


def _wait(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _LIMIT_S
    while not condition():
        if time.monotonic() > end_s:
            raise MonitorError("har-monitor does not show its page")
        time.sleep(0.01)
