"""One camera's faults are no other camera's."""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from monitor.config.options import MonitorOptions
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Prediction, Skipped
from testkit.fakes import RecordingSink
from testkit.films import looped
from testkit.models import metadata, motion_model
from testkit.patience import Stopwatch
from testkit.servers.proxy import Fault, proxy
from testkit.servers.rtsp import rtsp_server

FAULTS: tuple[Fault, ...] = ("silent", "closing", "babbling", "unauthorized", "frozen", "garbled")
LIMIT_MS = 100.0
QUIET_S, BROKEN_S = 4.0, 12.0

# Another process, which has nothing to do with the monitor, tells how long the machine itself held
# everybody up: the longest of its sleeps of 5 ms, in ms.
CONTROL = """
import sys, time
longest = 0.0
while not sys.stdin.closed:
    before = time.monotonic()
    time.sleep(0.005)
    longest = max(longest, 1000 * (time.monotonic() - before) - 5)
    print(longest, flush=True)
"""


@contextmanager
def control() -> Iterator[list[float]]:
    """Ms by which the machine may have held up anybody, when the block is left."""
    held_up_ms: list[float] = []
    watch = Stopwatch()
    with subprocess.Popen(
        [sys.executable, "-c", CONTROL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield held_up_ms
        process.kill()
        assert process.stdout is not None
        held_up_ms.append(float(process.stdout.read().splitlines()[-2]))
    held_up_ms.append(1000 * watch.late_s)  # one that works waits longer than one that sleeps


def test_the_faults_of_others_delay_no_window_of_a_healthy_camera(
    fight_clip: Path, tmp_path: Path
) -> None:
    film = looped(tmp_path / "f.mp4", fight_clip, 8, "fps=25,scale=320:240", "libx264", "-bf", "0")
    model = motion_model(tmp_path / "m.onnx", metadata(frames=5))
    late: list[tuple[float, float]] = []  # the clock, and ms from a frame to its window's scores

    def note(window: Prediction | Skipped) -> None:
        if window.camera == "healthy":
            now_s = time.monotonic()
            late.append((now_s, 1000 * (now_s - window.arrived_s)))

    with ExitStack() as stack:
        server = stack.enter_context(rtsp_server(film))
        broken = {fault: stack.enter_context(proxy(server.port)) for fault in FAULTS}
        cameras = [{"name": "healthy", "source": server.url}]
        cameras += [
            {"name": f.replace(" ", "-"), "source": f"{one.base}/cam"} for f, one in broken.items()
        ]
        options = MonitorOptions.model_validate(
            {
                "cameras": cameras,
                "defaults": {
                    "stream": {"open_timeout_s": 1, "read_timeout_s": 1, "retry_max_s": 0.5}
                },
            }
        )
        monitor = Monitor(options, OnnxClassifier(model), [RecordingSink()], on_window=note)
        thread = threading.Thread(target=monitor.run)
        thread.start()
        try:
            time.sleep(2)
            with control() as held_up_ms:
                began_s = time.monotonic()
                time.sleep(QUIET_S)
                for fault, one in broken.items():
                    one.fault = fault
                    if fault not in ("frozen", "garbled"):
                        one.cut()
                broke_s = time.monotonic()
                time.sleep(BROKEN_S)
                ended_s = time.monotonic()
        finally:
            monitor.stop()
            thread.join()
    quiet = [ms for at_s, ms in late if began_s <= at_s < broke_s]
    during = [ms for at_s, ms in late if broke_s <= at_s < ended_s]
    slots = 2 * (BROKEN_S - max(held_up_ms) / 1000)
    assert len(during) > 0.9 * slots, "a window every half second"
    worst = max(during) - statistics.median(quiet)
    assert worst < LIMIT_MS + max(held_up_ms)


@pytest.mark.parametrize("fault", ["silent", "frozen"])
def test_a_call_that_waits_for_a_server_lets_other_threads_work(
    fault: Fault, fight_clip: Path
) -> None:
    """PyAV opens, reads and closes without Python's lock: a ticking thread is never held up."""
    from monitor.errors import SourceError
    from monitor.sources.address import parse_address
    from monitor.sources.make import make_source
    from monitor.sources.source import SourceSettings

    call_timeout_s, done = 0.0, threading.Event()

    def tick() -> None:
        nonlocal call_timeout_s
        while not done.is_set():
            before_s = time.monotonic()
            time.sleep(0.005)
            call_timeout_s = max(call_timeout_s, time.monotonic() - before_s - 0.005)

    with rtsp_server(fight_clip) as server, proxy(server.port) as camera:
        ticking = threading.Thread(target=tick)
        settings = SourceSettings(open_timeout_s=1, read_timeout_s=1)
        source = make_source(parse_address(f"{camera.base}/cam"), settings)
        camera.fault = "silent" if fault == "silent" else "none"
        ticking.start()
        with control() as held_up_ms:
            with suppress(SourceError):
                source.open()
                camera.fault = fault
                while source.read() is not None:
                    pass
            source.close()
            done.set()
            ticking.join()
    assert 1000 * call_timeout_s < LIMIT_MS + max(held_up_ms)
