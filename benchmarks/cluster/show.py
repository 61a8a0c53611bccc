"""python -m benchmarks.cluster.show: three Ray nodes on this machine, of which one is killed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from testkit.models import motion_model
from testkit.servers.postgres import postgres
from testkit.servers.ray import ray_cluster
from testkit.site import CAMERAS, SHARDS, Site, busy_camera


def main() -> None:
    """Begin a site, kill a node, and say what becomes of its cameras."""
    with (
        tempfile.TemporaryDirectory() as own,
        postgres() as database,
        busy_camera(Path(own)) as camera,
        ray_cluster("home") as ray,
    ):
        site = Site(ray, database, Path(own) / "site.yaml")
        site.write(camera, motion_model(Path(own) / "motion.onnx"))
        for name in ("one", "two", "three"):
            with _step(f"ray start of node {name}"):
                ray.start(name)
        with _step(f"har-monitor --cluster: {len(CAMERAS)} cameras in {SHARDS} shards"):
            typer.echo(site.begin())
        shards = site.wait_for("all cameras", lambda: site.watched("one", "two", "three"))
        victim = next(one for one in shards if one.node != "one")
        typer.echo(f"shard {victim.number} is watched on {victim.node}, epoch {victim.epoch}")
        ray.nodes.pop(victim.node).kill()
        with _step(f"node {victim.node} is killed, with all that ran on it; watched elsewhere"):
            left = [name for name in ("one", "two", "three") if name != victim.node]
            shards = site.wait_for("all cameras elsewhere", lambda: site.watched(*left))
        now = next(one for one in shards if one.number == victim.number)
        typer.echo(f"shard {now.number} is watched on {now.node}, epoch {now.epoch}")
        typer.echo(site.ask("status"))
        site.ask("stop")
        site.check_alerts()
        typer.echo("no alert is twice in the store, and none that was written is missing in it")


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Say what was done, and how long it took."""
    began_s = time.monotonic()
    yield
    typer.echo(f"{what}: {time.monotonic() - began_s:.1f} s")


if __name__ == "__main__":
    typer.run(main)
