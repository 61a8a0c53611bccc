"""Every fault of a stream at once: one camera each, real servers, the real command.

Each camera watches the same film through a proxy of its own. All are watched; then all but one go
wrong, each in its way; then all are healed. What is asserted afterwards is what anybody could see:
the health file, the alert log, the screen.
"""

import signal
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from testkit.films import looped, repeated
from testkit.models import metadata, motion_model
from testkit.patience import LIMIT_S, Stopwatch
from testkit.process import COMMAND, har_monitor
from testkit.servers.proxy import Fault, Proxy, proxy
from testkit.servers.rtsp import rtsp_server

SECRET = "hunter2"
USER = "viewer"
CALL_S = 2.5  # the limit of every call
RETRY_S = 1.25  # the longest pause: two and a half times retry_max_s

# Faults that show only in new connections need one.
CONNECTING: dict[str, Fault] = {
    "silent": "silent",
    "closing": "closing",
    "unauthorized": "unauthorized",
    "not-found": "not found",
    "babbling": "babbling",
}
FLOWING: dict[str, Fault] = {
    "frozen": "frozen",
    "lossy": "lossy",
    "corrupt": "corrupt",
    "garbled": "garbled",
}
SHIFTS_S = {"ahead": 3600.0, "back": -3600.0}
SERVERS = ("killed", "stopped")
BROKEN = (*CONNECTING, *FLOWING, *SHIFTS_S, *SERVERS)
LOST = (*CONNECTING, "frozen", *SERVERS)  # those of which nothing comes any more
CAUSES = {
    "unauthorized": "authentication",
    "not-found": "not found",
    "babbling": "invalid",
    "silent": "timeout",
}
PASSING = ("frozen", "stopped")  # lost, and then, where the next call has waited in vain, timeout


@dataclass
class Ordeal:
    """What was seen of it."""

    states: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # while broken
    causes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    noticed_s: float = 0.0  # until all of them were shown
    held_up_s: float = 0.0  # of that, by the machine
    healed_s: dict[str, float] = field(default_factory=dict)  # until windows were classified again
    alerts: list[dict[str, Any]] = field(default_factory=list)
    said: str = ""
    outputs: str = ""  # everything that anybody could read
    exit_code: int | None = None


@pytest.fixture(scope="module")
def film(fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten minutes in which something always moves."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    once = path.with_stem("once")
    looped(once, fight_clip, 1, "fps=25,scale=320:240", "libx264", "-g", "50", "-bf", "0")
    return repeated(path, once, 125)


@pytest.fixture(scope="module")
def other_film(film: Path, fight_clip: Path) -> Path:
    """As a camera would send it after its settings were changed: H.265, smaller, slower."""
    path, once = film.with_stem("other"), film.with_stem("other-once")
    codec = ("libx265", "-x265-params", "log-level=none:bframes=0:keyint=15")
    looped(once, fight_clip, 1, "fps=15,scale=256:192", *codec)
    return repeated(path, once, 125)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second is enough for it."""
    about = metadata(frames=5)
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx", about)


@pytest.fixture(scope="module")
def ordeal(
    film: Path, other_film: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Ordeal:
    seen = Ordeal()
    folder = tmp_path_factory.mktemp("ordeal")
    login: dict[str, Any] = {"user": USER, "password": SECRET}
    with ExitStack() as stack:
        server = stack.enter_context(rtsp_server(film, **login))
        killed = stack.enter_context(rtsp_server(film, **login))
        stopped = stack.enter_context(rtsp_server(film, **login))
        upstream = {"killed": killed.port, "stopped": stopped.port}
        proxies = {
            name: stack.enter_context(proxy(upstream.get(name, server.port)))
            for name in ("healthy", *BROKEN)
        }
        cameras = {name: _url(one) for name, one in proxies.items()}
        limits = {"open_timeout_s": CALL_S, "read_timeout_s": CALL_S}
        retries = {"retry_min_s": 0.1, "retry_max_s": 0.5}
        process = stack.enter_context(
            har_monitor(cameras, model, folder=folder, stream=limits | retries)
        )

        def windows() -> dict[str, int]:
            return {name: camera["windows"] for name, camera in process.health.items()}

        process.wait_for(
            "every camera watched",
            lambda: len(windows()) == len(cameras) and min(windows().values()) > 2,
        )
        for name in CONNECTING:
            proxies[name].fault = CONNECTING[name]
            proxies[name].cut()
        for name in FLOWING:
            proxies[name].fault = FLOWING[name]
        for name, shift_s in SHIFTS_S.items():
            proxies[name].shift_s = shift_s
        killed.process.kill()
        stopped.process.send_signal(signal.SIGSTOP)
        watch = Stopwatch()  # of two seconds and a half at least, since servers fall silent

        def all_noticed() -> bool:
            for name, camera in process.health.items():
                seen.states[name].add(camera["state"])
                seen.causes[name].add(camera["cause"])
            told = all(cause in seen.causes[name] for name, cause in CAUSES.items())
            return told and all("retrying" in seen.states[name] for name in LOST)

        process.wait_for("every fault shown", all_noticed)
        seen.noticed_s, seen.held_up_s = watch.seconds, watch.held_up_s
        seen.outputs += _visible(process.popen.pid, folder)
        back = stack.enter_context(rtsp_server(other_film, codec="hevc", **login))
        proxies["killed"].upstream = back.port
        stopped.process.send_signal(signal.SIGCONT)
        before, watch = windows(), Stopwatch()
        for one in proxies.values():
            one.fault, one.shift_s = "none", 0.0

        def all_back() -> bool:
            for name, count in windows().items():
                if count > before[name] + 1 and name not in seen.healed_s:
                    seen.healed_s[name] = watch.seconds
            return len(seen.healed_s) == len(cameras)

        process.wait_for("every camera watched again", all_back)
        seen.exit_code = process.end()
        seen.alerts, seen.said = process.alerts, process.said
        seen.outputs += _visible(process.popen.pid, folder)
    return seen


def _url(one: Proxy) -> str:
    return f"{one.base.replace('://', f'://{USER}:{SECRET}@')}/cam"


def _visible(pid: int, folder: Path) -> str:
    """All that the command shows of itself, but for the configuration that it was given."""
    process = Path(f"/proc/{pid}/cmdline")
    texts = [process.read_text()] if process.exists() else []
    for path in folder.iterdir():
        if path.name != "monitor.yaml":
            texts.append(path.read_text(errors="replace"))
    for question in ("--check", "--status"):
        asked = [*COMMAND, "--config", "monitor.yaml", "--health", "health.json", question]
        done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
        texts += [done.stdout, done.stderr]
    return "\n".join(texts)


@pytest.mark.parametrize("name", BROKEN)
def test_a_camera_is_watched_again_soon_after_its_fault(ordeal: Ordeal, name: str) -> None:
    # A call that waits, the pause, the connection, half a second of film, the health file's beat.
    assert ordeal.healed_s[name] < CALL_S + RETRY_S + 3.5


@pytest.mark.parametrize("name", LOST)
def test_a_fault_is_noticed_within_the_limit_and_shown_with_its_cause(
    ordeal: Ordeal, name: str
) -> None:
    assert "retrying" in ordeal.states[name]
    if name in CAUSES:
        assert CAUSES[name] in ordeal.causes[name]
    if name in PASSING:
        assert "lost" in ordeal.causes[name] or ordeal.held_up_s > CALL_S - 1
    # A call that waits, the pause, the connection, the health file's beat.
    assert ordeal.noticed_s < CALL_S + RETRY_S + CALL_S + 2


def test_a_healthy_camera_is_watched_all_the_while(ordeal: Ordeal) -> None:
    assert ordeal.states["healthy"] <= {"live", "waiting"}, "or the cores are too few"
    (start, end) = (alert for alert in ordeal.alerts if alert["camera"] == "healthy")
    assert (start["event"], end["event"], end["reason"]) == ("start", "end", "monitor stopped")


@pytest.mark.parametrize("name", LOST)
def test_an_activity_that_was_open_when_the_stream_was_lost_says_so(
    ordeal: Ordeal, name: str
) -> None:
    reasons = [a["reason"] for a in ordeal.alerts if a["camera"] == name and a["event"] == "end"]
    assert reasons[0] == "stream lost"
    assert reasons[-1] == "monitor stopped"


def test_every_start_has_one_end_after_it(ordeal: Ordeal) -> None:
    starts = [alert["id"] for alert in ordeal.alerts if alert["event"] == "start"]
    ends = [alert["id"] for alert in ordeal.alerts if alert["event"] == "end"]
    assert len(set(starts)) == len(starts) >= len(BROKEN) + 1
    assert sorted(starts) == sorted(ends)


@pytest.mark.parametrize("name", SHIFTS_S)
def test_timestamps_that_jump_break_windows_and_nothing_else(ordeal: Ordeal, name: str) -> None:
    assert ordeal.states[name] <= {"live", "waiting"}, "or the cores are too few"
    assert f"camera {name}: its timestamps jumped by" in ordeal.said
    spans = [(a["start_s"], a["end_s"]) for a in ordeal.alerts if a["camera"] == name]
    assert all(end_s is None or end_s < 120 for _, end_s in spans), "the hour never passed"


def test_no_password_is_shown_anywhere(ordeal: Ordeal) -> None:
    assert USER in ordeal.outputs, "addresses are shown"
    assert SECRET not in ordeal.outputs


def test_troubles_are_logged_in_words_and_never_as_a_flood(ordeal: Ordeal) -> None:
    assert ordeal.exit_code == 0
    assert "Traceback" not in ordeal.said
    for name in BROKEN:
        lines = [line for line in ordeal.said.splitlines() if f"camera {name}: " in line]
        assert len(lines) < 12, lines
