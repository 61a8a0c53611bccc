"""A har-monitor that is killed again and again in the middle of its work."""

import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from testkit.patience import LIMIT_S
from testkit.process import har_monitor

# An activity starts or ends with nearly every window.
_QUICK = {"smoothing_s": 0, "min_s": 0, "hold_s": 0, "cooldown_s": 0, "threshold": 0.97}
_LONGEST_S = 0.2  # from an alert to the kill


@dataclass(frozen=True)
class Killed:
    """What the one alert log of all of them holds in the end."""

    kills: int
    starts: int
    torn: int  # lines that are not whole
    twice: int  # starts of activities that were open already; a film seen again has them again
    unended: int  # activities of which not every start has its one end after it
    died: int  # ends that the next monitor wrote


def kill_again(times: int, film: Path, model: Path, folder: Path, seed: int = 9) -> Killed:
    """Start it so many times on three films at once, and kill -9 it soon after an alert."""
    draw = random.Random(seed)
    log = folder / "alerts.jsonl"
    for _ in range(times):
        size = log.stat().st_size if log.exists() else 0
        with har_monitor(
            {f"c{n}": str(film) for n in range(3)}, model, folder=folder, activity=_QUICK
        ) as process:
            process.wait_for("an alert", partial(_has_grown, log, size))
            time.sleep(draw.uniform(0, _LONGEST_S))
            process.popen.kill()
            process.popen.wait(LIMIT_S)
    with har_monitor({"c0": str(film)}, model, folder=folder) as process:
        assert process.popen.wait(LIMIT_S) == 0
    return _judged(times, log.read_bytes())


def _has_grown(log: Path, size: int) -> bool:
    return log.exists() and log.stat().st_size > size


def _judged(kills: int, data: bytes) -> Killed:
    lines: list[dict[str, Any]] = []
    torn = 0 if data.endswith(b"\n") else 1
    for line in data.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            torn += 1
    events: defaultdict[str, list[str]] = defaultdict(list)
    for alert in lines:
        events[alert["id"]].append(alert["event"])
    return Killed(
        kills,
        sum(line["event"] == "start" for line in lines),
        torn,
        sum(pair == ("start", "start") for seen in events.values() for pair in pairwise(seen)),
        sum(seen != ["start", "end"] * (len(seen) // 2) for seen in events.values()),
        sum(line["reason"] == "monitor died" for line in lines),
    )
