"""The alerts of cameras that are idle most of the time are those of cameras that never are."""

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.idle.films import FPS, Encoding, Laid, activity, corridor, encode, film
from monitor.config.options import MonitorOptions
from monitor.events.alert import AlertEvent
from monitor.mailbox import Mailbox
from monitor.pipeline.monitor import Monitor
from monitor.recognition.classifier import OnnxClassifier
from monitor.records import Prediction, Skipped
from monitor.states import SkipReason
from testkit.patience import Stopwatch
from testkit.servers.rtsp import rtsp_server

SIZE, TILE = (480, 270), (150, 112)
FIGHT_S = 6.0  # longer than any group of pictures here
LATER_S = 0.5  # than a group of pictures
# Of other source videos each; the shipped model, which was trained on them, knows each.
FIGHTS = {"fi021": (5, 15), "fi053": (165, 15), "fi117": (325, 15), "fi149": (85, 145)}
CAMERAS = {
    "H.264, 2 s": Encoding(),
    "H.264, 2 s, constant rate": Encoding(kbps=600),
    "H.264, 1 s, B frames": Encoding(group=25, b_frames=3),
    "H.265, 2 s, open groups": Encoding("hevc", b_frames=3, open_groups=True),
    "H.265, 1 s": Encoding("hevc", group=25),
}


@pytest.fixture(autouse=True)
def _no_window_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(box: Mailbox[object], key: str, item: object) -> None:
        box.put(key, item)

    monkeypatch.setattr(Mailbox, "put_latest", put)


def fights(data: Path, path: Path, starts_s: Sequence[float], how: Encoding) -> float:
    """Write a film in which one fight after another begins at these times; its seconds."""
    laid = [
        Laid(
            activity(data / f"fight-surv/fight/{name}.mp4", TILE, FIGHT_S),
            [(round(start_s * FPS), round(FIGHT_S * FPS))],
            *FIGHTS[name],
        )
        for name, start_s in zip(FIGHTS, starts_s, strict=False)
    ]
    seconds = starts_s[-1] + FIGHT_S + 4
    encode(path, film(corridor(data, SIZE), laid, seconds), how)
    return seconds


@dataclass
class SeenStream:
    """What a monitor said of a stream, and when."""

    name = "kept"

    alerts: list[tuple[float, AlertEvent]] = field(default_factory=list)
    windows: dict[tuple[str, float], Prediction] = field(default_factory=dict)
    idle: int = 0
    began_s: float = float("inf")  # the clock at the stream's time 0, and some milliseconds

    def write(self, alert: AlertEvent) -> None:
        """Take an alert, as a sink."""
        self.alerts.append((time.monotonic(), alert))

    def close(self) -> None:
        """Nothing is open."""

    def note(self, window: Prediction | Skipped) -> None:
        """Take a window."""
        self.began_s = min(self.began_s, time.monotonic() - window.end_s)
        if isinstance(window, Prediction):
            self.windows[window.region, round(window.end_s, 2)] = window
        self.idle += isinstance(window, Skipped) and window.reason == SkipReason.IDLE

    @property
    def starts(self) -> list[tuple[str | None, str, float]]:
        """Region, label and start of each activity that was alerted."""
        return [
            (activity.region, activity.label, activity.start_s)
            for _, activity in self.alerts
            if activity.end_s is None
        ]

    @property
    def lateness_s(self) -> list[float]:
        """Of each alert, from the end of the window that decided it."""
        return [
            now_s - self.began_s - activity.decided_s
            for now_s, activity in self.alerts
            if activity.end_s is None
        ]


def monitor_of(source: str, watched: SeenStream, *, idle: bool, realtime: bool = False) -> Monitor:
    """A monitor of the places in which fights are laid."""
    width, height = TILE[0] / SIZE[0], TILE[1] / SIZE[1]
    boxes = {name: (left / SIZE[0], top / SIZE[1]) for name, (left, top) in FIGHTS.items()}
    regions = [
        {"name": name, "box": [left, top, left + width, top + height]}
        for name, (left, top) in boxes.items()
    ]
    options = MonitorOptions.model_validate(
        {
            "cameras": [{"name": "a", "source": source, "regions": regions}],
            "defaults": {"decode": {"idle": idle}},
            "realtime": realtime,
        }
    )
    return Monitor(options, OnnxClassifier(), [watched], on_window=watched.note)


def assert_same_alerts(full: SeenStream, found: SeenStream, fights: int) -> None:
    assert len(full.starts) == fights
    assert len(found.starts) == fights
    for one, other in zip(full.starts, found.starts, strict=True):
        assert one[:2] == other[:2]
        assert other[2] == pytest.approx(one[2], abs=0.01)
    assert not full.idle
    assert found.idle


@pytest.mark.parametrize("how", CAMERAS.values(), ids=CAMERAS)
def test_a_file_gives_the_same_alerts_to_the_hundredth_of_a_second(
    how: Encoding, shared_data: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    fights(shared_data, path, (15.3, 37.1, 59.9), how)
    full, found = SeenStream(), SeenStream()
    monitor_of(str(path), full, idle=False).run()
    monitor_of(str(path), found, idle=True).run()
    assert_same_alerts(full, found, 3)
    ends = [activity.end_s for _, activity in full.alerts]
    assert [activity.end_s for _, activity in found.alerts] == pytest.approx(ends, abs=0.01)
    assert found.windows.keys() <= full.windows.keys()
    for place, prediction in found.windows.items():
        assert prediction.scores == full.windows[place].scores
    for place in full.windows.keys() - found.windows.keys():
        assert full.windows[place].scores["fight"] < 0.5, f"the window that ends at {place}"


def test_alerts_over_rtsp_are_at_most_a_group_and_half_a_second_late(
    shared_data: Path, tmp_path: Path
) -> None:
    cameras = {name: CAMERAS[name] for name in ("H.264, 1 s, B frames", "H.265, 2 s, open groups")}
    watched = {(name, idle): SeenStream() for name in cameras for idle in (False, True)}
    with ExitStack() as stack:
        monitors: list[Monitor] = []
        for number, (name, how) in enumerate(cameras.items()):
            path = tmp_path / f"{number}.mp4"
            seconds = fights(shared_data, path, (16.1, 38.1), how)  # after a key frame
            url = stack.enter_context(rtsp_server(path, codec=how.codec)).url
            monitors += [monitor_of(url, watched[name, idle], idle=idle) for idle in (False, True)]
        watch = Stopwatch()
        threads = [threading.Thread(target=monitor.run) for monitor in monitors]
        for thread in threads:
            thread.start()
        time.sleep(seconds - 1)
        for monitor in monitors:
            monitor.stop()
        for thread in threads:
            thread.join()
        held_up_s = watch.late_s
    for monitor in monitors:
        (status,) = monitor.cameras
        assert not status.reconnects
    for name, how in cameras.items():
        full, found = watched[name, False], watched[name, True]
        assert_same_alerts(full, found, 2)
        for at_once_s, late_s in zip(full.lateness_s, found.lateness_s, strict=True):
            assert late_s - at_once_s <= how.group / FPS + LATER_S + held_up_s
        assert found.windows.keys() <= full.windows.keys()
        for place, prediction in found.windows.items():
            assert prediction.scores == full.windows[place].scores


def test_a_file_at_its_own_speed_gives_the_same_alerts(shared_data: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    fights(shared_data, path, (15.3,), CAMERAS["H.264, 2 s"])
    full, found = SeenStream(), SeenStream()
    monitor_of(str(path), full, idle=False).run()
    began_s, watch = time.monotonic(), Stopwatch()
    monitor_of(str(path), found, idle=True, realtime=True).run()
    assert time.monotonic() - began_s > 23.8
    assert watch.seconds < 26.8
    assert_same_alerts(full, found, 1)
    times = [now_s for now_s, _ in found.alerts]
    assert all(one <= other for one, other in pairwise(times))
