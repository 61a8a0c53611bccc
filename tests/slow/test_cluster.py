"""A site on three Ray nodes, with PostgreSQL and a real camera: as it is meant, and in faults."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from monitor.cluster.ray_controller import LEASE
from monitor.lease.keeper import LeaseKeeper
from monitor.store.lease import Holder, Leases
from monitor.store.store import EventStore
from monitor.web.site import SiteReader, SiteView
from testkit.models import motion_model
from testkit.servers.postgres import postgres
from testkit.servers.ray import ray_cluster
from testkit.site import SHARDS, Running, Site, busy_camera

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "motion.onnx")


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with busy_camera(tmp_path_factory.mktemp("film")) as address:
        yield address


@pytest.fixture
def site(tmp_path: Path, camera: str, model: Path) -> Iterator[Site]:
    with postgres() as database, ray_cluster("home") as ray:
        found = Site(ray, database, tmp_path / "site.yaml")
        found.write(camera, model)
        yield found


def test_a_site_is_begun_grows_changes_shrinks_and_ends(
    site: Site, camera: str, model: Path
) -> None:
    for name in ("a", "b"):
        site.ray.start(name)
    store = EventStore(site.database.url)
    another = Holder("another", "the Ray cluster at 192.0.2.9:6379")
    keeper = LeaseKeeper(Leases(store), LEASE, another)
    assert keeper.acquire()
    keeper.keep(print)
    with ThreadPoolExecutor(1) as beginning:
        begun = beginning.submit(site.begin)
        by = f"the site's shards are placed by {another.described}; this cluster stands by"
        site.wait_for("its place behind another", lambda: by in site.ask("status", code=1))
        assert site.shards == []
        keeper.close()
        said = begun.result()
    store.close()
    assert "3/3" in said
    first = site.wait_for("all cameras", lambda: site.watched("a", "b"))
    assert {one.node for one in first} == {"a", "b"}

    site.ray.start("c")
    grown = site.wait_for("one shard a node", lambda: _spread(site.watched("a", "b", "c")))
    moved = [one for one in grown if one.node == "c"]
    assert len(moved) == 1
    assert moved[0].epoch == 2, site.said
    assert sorted(one.pid for one in grown if one.node != "c") == sorted(
        one.pid for one in first if one.number != moved[0].number
    ), "only one had to move"

    before = {one.number: one.epoch for one in grown}
    site.write(camera, model, health="elsewhere.json", web={})
    site.begin()
    changed = site.wait_for("the changed configuration", lambda: site.watched("a", "b", "c"))
    assert {one.number: one.epoch for one in changed} == {
        number: epoch + 1 for number, epoch in before.items()
    }
    assert {one.node for one in changed} == {"a", "b", "c"}
    store = EventStore(site.database.url)
    reader = SiteReader(store)
    view = site.wait_for("all of them for the page", lambda: _listening(reader.read()))
    assert {one.shard: one.pid for one in view.shards} == {
        f"{one.number}/{SHARDS}": one.pid for one in changed
    }
    assert {one.node for one in view.shards} == {"a", "b", "c"}
    store.close()

    assert "c has no shards" in site.ask("drain", "c")
    site.wait_for("all cameras on two nodes", lambda: site.watched("a", "b"))
    assert "leaving" in site.ask("status")
    assert "no node is named d; nodes: a, b, c" in site.ask("drain", "d", code=2)

    pids = [one.pid for one in site.shards]
    site.ask("stop")
    for pid in pids:  # it has ended, but whoever adopted it may not have asked how yet
        stat = Path("/proc", str(pid), "stat")
        with suppress(OSError):
            assert stat.read_text().rpartition(")")[2].split()[0] == "Z"
    assert "it does not run in this cluster" in site.ask("status", code=1)
    site.check_alerts()

    site.write(camera, model, zone="north")
    with ThreadPoolExecutor(1) as beginning:
        begun = beginning.submit(site.begin)
        unreached = "zone north: no node reaches them"
        site.wait_for("a node that lacks", lambda: unreached in site.ask("status", code=None))
        assert site.shards == []
        site.ray.start("d", zone="north")
        assert "3/3" in begun.result()
    assert {one.node for one in site.watched("a", "b", "c", "d") or ()} == {"d"}
    site.write(camera, model)
    said = site.run("--cluster", site.ray.address, code=2)
    assert "to change cluster.shards, cluster.folder or which zones there are, end it" in said
    site.ask("stop")


def test_nodes_freeze_thaw_and_die_and_the_head_is_lost(site: Site) -> None:
    for name in ("a", "b", "c"):
        site.ray.start(name)
    site.begin()
    first = site.wait_for("all cameras", lambda: site.watched("a", "b", "c"))
    pids = {one.number: one.pid for one in first}

    for name in ("ShardController", "ShardAgent"):
        actors = [pid for node in site.ray.nodes.values() for pid in node.actors(name)]
        assert len(actors) == (1 if name == "ShardController" else 3)
        for pid in actors:
            os.kill(pid, signal.SIGKILL)
    os.kill(first[0].pid, signal.SIGKILL)
    again = site.wait_for("the one that was killed", lambda: _epochs(site, {first[0].number: 2}))
    others = {one.number: one.pid for one in again if one.number != first[0].number}
    assert others.items() < pids.items(), "they are the same"

    frozen = next(one for one in again if one.node == "b")
    pid = frozen.pid

    site.ray.nodes["b"].signal(signal.SIGSTOP)
    taken = site.wait_for("the cameras of b elsewhere", lambda: site.watched("a", "c"))
    (pid_now,) = (one.pid for one in taken if one.number == frozen.number)
    title = Path("/proc", str(pid_now), "cmdline").read_bytes()
    assert title.startswith(b"har-monitor --config"), "it was a spare process"
    logged = (frozen.folder / "alerts.jsonl").read_text()
    site.ray.nodes["b"].signal(signal.SIGCONT)
    site.wait_for("the end of the process on b", lambda: not Path("/proc", str(pid)).exists())
    assert "was taken over" in (frozen.folder / "output").read_text()
    assert (frozen.folder / "alerts.jsonl").read_text() == logged
    site.check_alerts()

    site.ray.nodes.pop("b").kill()
    site.ray.start("b")  # the same machine, with another Ray
    site.wait_for("a shard on each node", lambda: _spread(site.watched("a", "b", "c")))
    site.ray.nodes.pop("c").kill()
    shards = site.wait_for("the cameras of c elsewhere", lambda: site.watched("a", "b"))

    pids = {one.number: one.pid for one in shards}
    for node in site.ray.nodes.values():
        node.kill_ray()
    site.ray.nodes.clear()
    time.sleep(5)
    assert {one.number: one.pid for one in site.watched("a", "b") or ()} == pids, "they watch on"
    site.ray.port = 0
    for name in ("a", "b"):
        site.ray.start(name)
    site.begin()
    assert {one.number: one.pid for one in site.watched("a", "b") or ()} == pids, "the same ones"
    site.ask("stop")
    site.check_alerts()


def test_a_ray_that_asks_nobody_for_a_token_is_refused(site: Site) -> None:
    site.ray.start("a", {"RAY_AUTH_MODE": "disabled"})
    said = site.run("--cluster", site.ray.address, code=2)
    assert "node a: its Ray was started with RAY_AUTH_MODE=disabled; token is needed" in said
    assert not (site.ray.folder / "shards").exists()


def _listening(view: SiteView) -> SiteView | None:
    """What the page over all shards knows, once each is heard of and listens."""
    return view if len(view.places) == len(view.shards) == SHARDS else None


def _epochs(site: Site, epochs: dict[int, int]) -> list[Running] | None:
    """The shards, once these have these epochs."""
    shards = site.watched("a", "b", "c") or []
    known = {one.number: one.epoch for one in shards}
    return shards if epochs.items() <= known.items() else None


def _spread(shards: list[Running] | None) -> list[Running] | None:
    """The shards, if each is on a node of its own."""
    return shards if shards and len({one.node for one in shards}) == SHARDS else None
