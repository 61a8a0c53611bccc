"""A site on three Ray nodes of this machine, with real streams, that is made to fail at random."""

from __future__ import annotations

import logging
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.cluster_soak.faults import NODES, Fault, Saboteur, kinds
from benchmarks.cluster_soak.judge import (
    ACT_S,
    STILL_S,
    RecordedEvent,
    gaps,
    judge_acts,
    judge_records,
    watched,
)
from benchmarks.cluster_soak.results import Failure, Memory, Soak
from benchmarks.machine import machine
from benchmarks.results import now
from monitor import __version__
from monitor.errors import MonitorError
from monitor.states import EndReason
from monitor.store.event import Event
from monitor.store.store import EventStore
from testkit.drops import Held
from testkit.films import looped
from testkit.models import metadata, motion_model
from testkit.pages import SAMPLE
from testkit.servers.lasting_rtsp import LastingCameras, lasting_cameras
from testkit.servers.postgres import postgres
from testkit.servers.ray import ray_cluster
from testkit.site import Site

log = logging.getLogger(__name__)

CAMERAS, SHARDS = 24, 6
FPS = 15
# What begins and ends every few seconds, with a key frame every second.
_FILM = (
    f"fps={FPS},scale=320:180,trim=duration={ACT_S:g},"
    f"tpad=stop_mode=clone:stop_duration={STILL_S:g}"
)
_FRAMES = 5  # of a window of the model, half a second
_REST_S = 10.0  # for which the site watches before the first fault, and after the last


def soak(minutes: float, seed: int, said: Path) -> Soak:
    """Watch for so many minutes; what processes wrote goes to the file `said`."""
    names = [f"camera-{number:02}" for number in range(1, CAMERAS + 1)]
    draw = random.Random(seed)
    faults: list[Fault] = []
    memory: list[Memory] = []
    failure = ""
    with _site(names) as (site, cameras):
        for node in NODES:
            site.ray.start(node)
        site.begin()
        log.info("%d cameras are watched; faults for %g minutes", CAMERAS, minutes)
        began_s = time.time()
        saboteur = Saboteur(site, names, draw)
        time.sleep(_REST_S)
        memory.append(_memory(site, began_s))
        for kind, rest_s in kinds(draw):
            time.sleep(rest_s)
            if time.time() - began_s > minutes * 60:
                break
            try:
                faults.append(saboteur.do(kind))
            except (AssertionError, RuntimeError, OSError, MonitorError) as error:
                failure = f"{kind}: {error}".splitlines()[0]
                log.error("it cannot go on: %s", failure)
                break
            memory.append(_memory(site, began_s))
            log.info("%s %s: well after %.1f s", kind, faults[-1].what, faults[-1].well_s)
        time.sleep(_REST_S)
        ended_s = time.time()
        try:
            site.ask("stop")
        except (AssertionError, MonitorError) as error:
            failure = failure or f"cluster stop: {error}".splitlines()[0]
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_text(site.said)
        lines, tracebacks = site.lines, _tracebacks(site)
        events = [_recorded(event) for event in _events(site)]
    looks = {name: watched(camera, faults) for name, camera in cameras.cameras.items()}
    acts = {
        name: _acts(cameras, camera.delay_s, began_s, ended_s)
        for name, camera in cameras.cameras.items()
    }
    return Soak(
        date=now(),
        version=__version__,
        machine=machine(),
        minutes=minutes,
        lasted_min=round((ended_s - began_s) / 60, 1),
        seed=seed,
        cameras=CAMERAS,
        shards=SHARDS,
        nodes=len(NODES),
        failures=tuple(
            Failure(
                kind=fault.kind,
                what=fault.what,
                at_s=round(fault.at_s - began_s, 1),
                well=fault.well_s is not None,
            )
            for fault in faults
        ),
        acts=judge_acts(
            {name: (acts[name], looks[name]) for name in names},
            {name: [one.start_s for one in events if one.camera == name] for name in names},
            began_s,
        ),
        records=judge_records(lines, events),
        gaps=tuple(
            gap for name in names for gap in gaps(name, looks[name], faults, began_s, ended_s)
        ),
        memory=tuple(memory),
        tracebacks=tracebacks,
        broke_off=failure,
    )


@contextmanager
def _site(names: list[str]) -> Iterator[tuple[Site, LastingCameras]]:
    """A site whose nodes are not begun yet; all that runs for it ends with the block."""
    with tempfile.TemporaryDirectory() as own:
        folder = Path(own)
        codec = ("libx264", "-g", str(FPS), "-keyint_min", str(FPS), "-sc_threshold", "0")
        film = looped(folder / "film.mp4", SAMPLE, 1, _FILM, *codec, "-bf", "0")
        model = motion_model(folder / "motion.onnx", metadata(frames=_FRAMES))
        with (
            lasting_cameras(film, FPS, names) as cameras,
            postgres() as database,
            ray_cluster("home") as ray,
        ):
            site = Site(ray, database, folder / "site.yaml", SHARDS)
            site.write_cameras({name: cameras.url(name) for name in names}, model, stream={})
            yield site, cameras


def _acts(
    cameras: LastingCameras, delay_s: float, began_s: float, ended_s: float
) -> Sequence[float]:
    """The starts of the acts before a camera that lie wholly within this time."""
    found = []
    at_s = cameras.began_s + delay_s
    while at_s + ACT_S < ended_s:
        if at_s >= began_s:
            found.append(at_s)
        at_s += cameras.period_s
    return found


def _memory(site: Site, began_s: float) -> Memory:
    """What is held just now by each kind of process, of which the largest counts."""
    nodes = site.ray.nodes.values()
    kinds = {
        "shard": [one.pid for one in site.shards],
        "agent": [pid for node in nodes for pid in node.actors("ShardAgent")],
        "controller": [pid for node in nodes for pid in node.actors("ShardController")],
    }
    found = {kind: max(map(_held_mib, pids), default=0.0) for kind, pids in kinds.items()}
    return Memory(at_s=round(time.time() - began_s, 1), mib=found)


def _held_mib(pid: int) -> float:
    try:
        return round(Held.by(pid).memory_mib, 1)
    except (OSError, KeyError):
        return 0.0  # it has ended


def _tracebacks(site: Site) -> int:
    outputs = site.ray.folder.glob("shards/home/*/*/*/output*")
    return sum(path.read_text(errors="replace").count("Traceback") for path in outputs)


def _events(site: Site) -> list[Event]:
    store = EventStore(site.database.url)
    try:
        return list(store.all())
    finally:
        store.close()


def _recorded(event: Event) -> RecordedEvent:
    assert event.start_time is not None  # of a camera
    assert event.epoch is not None
    return RecordedEvent(
        id=event.id,
        camera=event.camera,
        epoch=event.epoch,
        start_s=event.start_time.timestamp(),
        end_s=None if event.end_time is None else event.end_time.timestamp(),
        died=event.reason is EndReason.MONITOR_DIED,
    )
