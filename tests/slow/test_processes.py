"""Processes that die or hang, and cameras that come and go: with real streams and real signals."""

import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from testkit.films import lively, repeated
from testkit.models import metadata, motion_model
from testkit.patience import LIMIT_S
from testkit.process import Process, har_monitor, write_config
from testkit.servers.rtsp import RtspServer, rtsp_server

# Ends the process that looks up a camera's host if that is named `poison`, as a fault of a codec
# would.
POISON = """
import os, sys
def hook(event, args):
    if event == "socket.getaddrinfo" and args[0] in ("poison", b"poison"):
        os.kill(os.getpid(), 9)
sys.addaudithook(hook)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx", metadata(frames=5))


@pytest.fixture(scope="module")
def server(fight_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    folder = tmp_path_factory.mktemp("film")
    film = repeated(folder / "film.mp4", lively(folder / "once.mp4", fight_clip), 60)
    with rtsp_server(film) as running:
        yield running


def cameras(server: RtspServer, count: int) -> dict[str, str]:
    return {f"c{n}": server.url for n in range(count)}


def processes(process: Process) -> dict[int, str]:
    """The processes that watch, by their ids, with the names that they say."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if b"monitor.cli.watch_process" in words and parent == process.popen.pid:
                found[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2][1]
    return found


def windows(process: Process) -> Mapping[str, int]:
    return {name: one["windows"] for name, one in process.health.items()}


def all_watched(process: Process, names: Mapping[str, object]) -> bool:
    health = process.health
    return health.keys() == names.keys() and all(
        one["state"] == "live" and one["windows"] for one in health.values()
    )


def test_a_shard_that_is_killed_is_begun_anew_and_the_others_go_on(
    tmp_path: Path, server: RtspServer, model: Path
) -> None:
    named = cameras(server, 4)
    with har_monitor(named, model, folder=tmp_path, workers=2) as process:
        process.wait_for("all", lambda: all_watched(process, named))
        process.wait_for("alerts", lambda: {one["camera"] for one in process.alerts} == {*named})
        first, other = processes(process)
        before = windows(process)
        os.kill(first, signal.SIGKILL)
        process.wait_for(
            "its end",
            lambda: {one["cause"] for one in process.health.values()} == {"", "process ended"},
        )
        lost = {name for name, one in process.health.items() if one["cause"]}
        assert len(lost) == 2
        process.wait_for("all again", lambda: all_watched(process, named))
        assert other in processes(process), "its neighbour was not touched"
        assert len(processes(process)) == 2
        after = windows(process)
        assert all(after[name] > before[name] for name in named.keys() - lost)
        died = {one["camera"] for one in process.alerts if one["reason"] == "monitor died"}
        assert died <= lost
        assert process.end() == 0
        starts = [one["id"] for one in process.alerts if one["event"] == "start"]
        ends = [one["id"] for one in process.alerts if one["event"] == "end"]
        assert sorted(starts) == sorted(ends), "each that started has ended, once"
        assert "Traceback" not in process.said


def test_a_shard_that_hangs_is_begun_anew(tmp_path: Path, server: RtspServer, model: Path) -> None:
    named = cameras(server, 2)
    with har_monitor(named, model, folder=tmp_path, workers=2) as process:
        process.wait_for("all", lambda: all_watched(process, named))
        frozen = min(processes(process))
        os.kill(frozen, signal.SIGSTOP)
        process.wait_for("its end", lambda: frozen not in processes(process))
        assert "has not said how it does" in process.said
        process.wait_for("all again", lambda: all_watched(process, named))
        assert process.end() == 0


def test_the_processes_end_with_a_parent_that_is_killed(
    tmp_path: Path, server: RtspServer, model: Path
) -> None:
    named = cameras(server, 2)
    with har_monitor(named, model, folder=tmp_path, workers=2) as process:
        process.wait_for("all", lambda: all_watched(process, named))
        left = set(processes(process))
        assert len(left) == 2
        process.popen.kill()
        process.popen.wait(LIMIT_S)
        end_s = time.monotonic() + LIMIT_S
        while any(Path(f"/proc/{pid}").exists() for pid in left):
            assert time.monotonic() < end_s
            time.sleep(0.05)


def test_a_camera_that_ends_its_process_again_and_again_is_found_and_put_apart(
    tmp_path: Path, server: RtspServer, model: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(POISON)
    path = {"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    good = cameras(server, 5)
    named = {**good, "bad": "rtsp://poison/cam"}
    with har_monitor(named, model, folder=tmp_path, environment=path, workers=2) as process:
        process.wait_for(
            "it is found", lambda: "camera bad: ends the process that watches it" in process.said
        )

        def others_are_watched() -> bool:
            return all(
                one["state"] == "live" for name, one in process.health.items() if name in good
            )

        process.wait_for("the others", others_are_watched)
        before = windows(process)
        process.wait_for(
            "more of all others",
            lambda: all(windows(process)[name] > before[name] + 10 for name in good),
        )
        assert not re.search(r"camera c\d: ends the process", process.said)
        assert process.health["bad"]["state"] != "live"
        assert process.end() == 0


def test_cameras_come_and_go_while_the_others_are_watched(
    tmp_path: Path, server: RtspServer, model: Path
) -> None:
    named = cameras(server, 4)
    with har_monitor(named, model, folder=tmp_path, workers=2) as process:
        process.wait_for("all", lambda: all_watched(process, named))
        both = set(processes(process))
        before = windows(process)
        later = {name: url for name, url in named.items() if name != "c0"} | {"new": server.url}
        write_config(process.config, later, workers=2)
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for("the new one", lambda: all_watched(process, later))
        assert set(processes(process)) == both
        after = windows(process)
        assert all(after[name] > before[name] for name in ("c1", "c2", "c3")), "none began anew"
        (end,) = [
            one
            for one in process.alerts
            if one["camera"] == "c0" and one["reason"] == "camera removed"
        ]
        assert end["event"] == "end"
        write_config(process.config, {"c1": server.url}, workers=2)
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for("one process", lambda: len(processes(process)) == 1)
        process.wait_for("one camera", lambda: windows(process).keys() == {"c1"})
        write_config(process.config, named, workers=2)
        process.popen.send_signal(signal.SIGHUP)
        process.wait_for("all of them", lambda: all_watched(process, named))
        assert len(processes(process)) == 2
        assert process.end() == 0
        assert "Traceback" not in process.said
