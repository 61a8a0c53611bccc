"""A site on a Ray cluster of this machine, by default of three shards, and the files it writes."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.config.shard import Shard
from monitor.store.store import EventStore
from testkit.films import looped, repeated
from testkit.pages import SAMPLE
from testkit.patience import LIMIT_S
from testkit.process import COMMAND, write_config
from testkit.servers.postgres import Postgres
from testkit.servers.ray import RayCluster
from testkit.servers.rtsp import rtsp_server

SHARDS = 3
NAMES = [f"c{n}" for n in range(20)]
CAMERAS = [  # two of each shard
    name
    for number in range(1, SHARDS + 1)
    for name in list(filter(Shard(number, SHARDS).has, NAMES))[:2]
]


@contextmanager
def busy_camera(folder: Path) -> Iterator[str]:
    """The address of a camera in front of which something begins and ends every few seconds."""
    act = "fps=25,scale=320:180,trim=duration=4,tpad=stop_mode=clone:stop_duration=4"
    once = looped(folder / "once.mp4", SAMPLE, 1, act, "libx264", "-g", "25", "-bf", "0")
    with rtsp_server(repeated(folder / "film.mp4", once, 60)) as server:
        yield server.url


@dataclass
class Running:
    """A process of a shard, by the files that it writes."""

    folder: Path

    @property
    def node(self) -> str:
        """Where it runs."""
        return self.folder.parts[-3]

    @property
    def number(self) -> int:
        """Of its shard."""
        return int(self.folder.parts[-2].removeprefix("shard-"))

    @property
    def pid(self) -> int:
        """Of its first process."""
        found: int = json.loads((self.folder / "process.json").read_text())["pid"]["number"]
        return found

    @property
    def health(self) -> dict[str, Any]:
        """What it says of itself; empty if it has said nothing yet."""
        try:
            found: dict[str, Any] = json.loads((self.folder / "health.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    @property
    def epoch(self) -> int:
        """Of its lease; 0 if it has said nothing yet."""
        found: int = (self.health.get("lease") or {}).get("epoch") or 0
        return found

    @property
    def watches(self) -> bool:
        """Whether it says, of just now, that it has the lease and watches all cameras."""
        health = self.health
        if not health or time.monotonic() - health["monotonic_s"] > 3:
            return False
        return health["lease"]["state"] == "held" and all(c["watched"] for c in health["cameras"])


@dataclass
class Site:
    """A site, its cluster, its database and its configuration."""

    ray: RayCluster
    database: Postgres
    config: Path
    count: int = SHARDS

    def write(self, camera: str, model: Path, **more: Any) -> None:
        """Write its configuration, in which all cameras are this one."""
        self.write_cameras(dict.fromkeys(CAMERAS, camera), model, **more)

    def write_cameras(self, cameras: Mapping[str, str], model: Path, **more: Any) -> None:
        """Write its configuration, with cameras by their names."""
        write_config(
            self.config,
            cameras,
            model=str(model),
            cluster={"shards": self.count, "folder": str(self.ray.folder / "shards")},
            sinks=[{"type": "log"}, {"type": "store", "url": self.database.url, "site": "home"}],
            **more,
        )

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """Run har-monitor, which ends with this exit code, or any; what it said."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--config", str(self.config)],
            env=self.ray.environment,
            capture_output=True,
            text=True,
        )
        assert code in (None, done.returncode), f"{arguments}: {done.stdout}{done.stderr}"
        assert "s3cret" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def begin(self) -> str:
        """Have it watched; what the command said."""
        return self.run("--cluster", self.ray.address)

    def ask(self, *arguments: str, code: int | None = 0) -> str:
        """Run har-monitor cluster; what it said."""
        return self.run("cluster", *arguments, "--address", self.ray.address, code=code)

    @property
    def shards(self) -> list[Running]:
        """Those that are to run, on any node."""
        found = (self.ray.folder / "shards" / "home").glob("*/shard-*/*/process.json")
        return [Running(path.parent) for path in sorted(found)]

    def watched(self, *nodes: str) -> list[Running] | None:
        """The one process of each shard that watches on these nodes; None if one lacks."""
        found = [one for one in self.shards if one.node in nodes and one.watches]
        return found if sorted(one.number for one in found) == self._numbers else None

    @property
    def _numbers(self) -> list[int]:
        return list(range(1, self.count + 1))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The whole lines of all alert logs."""
        logs = (self.ray.folder / "shards" / "home").glob("*/*/*/alerts.jsonl")
        lines = [line for log in logs for line in log.read_text().splitlines(keepends=True)]
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, what: str, condition: Callable[[], Any]) -> Any:
        """Until a condition holds, which `what` names; what it gave."""
        began_s = time.monotonic()
        while not (found := condition()):
            assert time.monotonic() - began_s < 2 * LIMIT_S, f"{what}\n{self.said}"
            time.sleep(0.2)
        return found

    @property
    def said(self) -> str:
        """What processes and actors wrote last."""
        outputs = sorted(self.ray.folder.glob("shards/home/*/*/*/output"))
        parts = [f"{path}:\n{path.read_text(errors='replace')[-2000:]}" for path in outputs]
        logs = sorted((self.ray.folder / "ray" / "session_latest" / "logs").glob("worker*.err"))
        return "\n".join([*parts, *(path.read_text(errors="replace")[-2000:] for path in logs)])

    def check_alerts(self) -> None:
        """None is there twice, none of an epoch comes after one of the next, none was lost."""
        store = EventStore(self.database.url)
        events = list(store.all())[::-1]
        store.close()
        for number in self._numbers:
            epochs = [one.epoch for one in events if one.shard == f"{number}/{self.count}"]
            assert epochs
            assert epochs == sorted(epochs, key=lambda epoch: epoch or 0)
        lines = self.lines
        # The end of what a lost process left open is told by the next one, and by itself.
        told = Counter((line["id"], line["event"], line["epoch"]) for line in lines)
        assert max(told.values()) == 1, told.most_common(3)
        starts = {line["id"] for line in lines if line["event"] == "start"}
        assert starts <= {event.id for event in events}
