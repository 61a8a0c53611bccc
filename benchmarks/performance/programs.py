"""The programs that are measured: how each is started, and what it says about its work."""

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.performance.models import Models
from benchmarks.performance.plan import ProgramName
from monitor.config.options import merged

_ROOT = Path(__file__).parents[2]
TITLES: dict[ProgramName, str] = {
    "tutorial": "OpenCV, Keras for every frame",
    "keras": "OpenCV, Keras",
    "opencv": "OpenCV, tf2onnx",
    "opencv-grab": "OpenCV, only sampled frames retrieved, tf2onnx",
    "ffmpeg-pipes": "an FFmpeg process for each camera, tf2onnx",
    "decode": "ffmpeg -f null",
    "har-monitor": "har-monitor",
}
_PEERS: dict[ProgramName, tuple[str, ...]] = {
    "tutorial": ("opencv", "--every-frame"),
    "keras": ("opencv",),
    "opencv": ("opencv",),
    "opencv-grab": ("opencv", "--grab"),
    "ffmpeg-pipes": ("ffmpeg_pipes",),
}
# The other programs probe their streams, too. Without probing the first frames would be lost.
_DECODE = ("ffmpeg", "-v", "error", "-threads", "1", "-rtsp_transport", "tcp", "-i")
_NOWHERE = ("-fps_mode", "passthrough", "-f", "null", "-")
_SUMMARY = re.compile(r"camera (\S+): \w+: (\d+) frames?, (\d+) windows?, (\d+) alerts?(.*)$")
_DROPPED = re.compile(r"(\d+) dropped: ([a-z ]+)")

Line = tuple[float, str]  # when it came, in monotonic seconds, and its text


@dataclass(frozen=True)
class Task:
    """What a program has to do."""

    sources: Sequence[str]
    models: Models
    folder: Path  # for its files
    settings: dict[str, Any] = field(default_factory=dict)  # more of har-monitor's configuration
    tell_windows: bool = False  # peers report every window


@dataclass(frozen=True)
class Done:
    """What one camera of a program did."""

    frames: int
    windows: int
    seconds: float
    dropped: dict[str, int]


def commands(program: ProgramName, task: Task) -> list[list[str]]:
    """The commands, one process each, that do a task."""
    if program == "decode":
        return [[*_DECODE, source, *_NOWHERE] for source in task.sources]
    if program == "har-monitor":
        return [[str(Path(sys.executable).with_name("har-monitor")), "--config", _config(task)]]
    module, *options = _PEERS[program]
    network = task.models.keras if program in ("tutorial", "keras") else task.models.onnx
    options += ["--tell-windows"] if task.tell_windows else []
    peer = [sys.executable, "-m", f"benchmarks.performance.peers.{module}", str(network)]
    return [[*peer, *options, *task.sources]]


def environment() -> dict[str, str]:
    """The environment variables of the programs."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1"}
    return dict(os.environ) | quiet


def watching(program: ProgramName, lines: Sequence[Line]) -> int:
    """How many cameras have begun, as far as its lines say."""
    if program == "har-monitor":
        return sum(": watching " in text for _, text in lines)
    return sum(event["event"] == "watching" for _, event in told(lines))


def done(program: ProgramName, lines: Sequence[Line], ended_s: float) -> list[Done]:
    """What each camera did until the program was told to end; empty for decoding alone."""
    if program != "har-monitor":
        ends = [event for _, event in told(lines) if event["event"] == "end"]
        return [Done(**camera, dropped={}) for camera in ends[0]["cameras"]] if ends else []
    began = {
        text.partition("camera ")[2].partition(":")[0]: at_s
        for at_s, text in lines
        if ": watching " in text
    }
    found = []
    for _, text in lines:
        if summary := _SUMMARY.search(text):
            name, frames, windows, _, rest = summary.groups()
            dropped = {cause.strip(): int(count) for count, cause in _DROPPED.findall(rest)}
            seconds = ended_s - began[name]
            found.append(Done(int(frames), int(windows), seconds, dropped))
    return found


def told(lines: Sequence[Line]) -> list[tuple[float, dict[str, Any]]]:
    """The events that a peer reported, with the times at which they came."""
    return [(at_s, json.loads(text)) for at_s, text in lines if text.startswith('{"event"')]


def _config(task: Task) -> str:
    path = task.folder / "monitor.yaml"
    cameras = [{"name": f"c{n}", "source": source} for n, source in enumerate(task.sources)]
    settings = {
        "cameras": cameras,
        "defaults": {"model": str(task.models.monitor)},
        "display": False,
        "sinks": [{"type": "log", "path": str(task.folder / "alerts.jsonl")}],
    }
    path.write_text(yaml.safe_dump(merged(settings, task.settings)))
    return str(path)
