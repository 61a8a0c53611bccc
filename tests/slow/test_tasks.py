"""Archives and folds by the tasks of a real Ray of two nodes: what comes out is the same."""

import json
import logging
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from monitor import __version__
from monitor.cluster import ray_nodes
from monitor.cluster.ray_nodes import Trial
from monitor.cluster.ray_pool import TaskPool
from monitor.cluster.ray_session import joined_for_tasks
from monitor.errors import MonitorError
from monitor.jobs import Outcome
from testkit import ROOT
from testkit.clips import make_clips
from testkit.films import repeated
from testkit.patience import LIMIT_S
from testkit.process import script
from testkit.servers.ray import RayCluster, ray_cluster
from testkit.tasks import NODE, die_on_node, read_on_node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUS = ROOT / "monitor" / "samples" / "bus.mp4"  # 18.7 s, with a fight


@pytest.fixture(scope="module")
def ray() -> Iterator[RayCluster]:
    with ray_cluster("tasks") as cluster:
        for name in ("a", "b"):
            cluster.start(name, {NODE: name})
        yield cluster


@pytest.fixture
def har_train(tmp_path: Path, ray: RayCluster) -> "Callable[..., subprocess.Popen[str]]":
    """Begins har-train on a few clips."""
    data = make_clips(tmp_path / "clips")
    recipe = tmp_path / "train.yaml"
    recipe.write_text(
        "arch: lrcn\nclip: {frames: 4, size: 64, fps: 10}\nbatch: 4\nvalidation_share: 0.5\n"
        "patience: null\nbackground: [dark]\nepochs: 1\n"
    )

    def begin(out: str, *arguments: str) -> "subprocess.Popen[str]":
        command = [
            *script("har-train"), "--data", str(data), "--out", out, "--config", str(recipe),
            "--cache", f"cache-{out}", "--folds", *arguments,
        ]  # fmt: skip
        return begun(tmp_path, ray, command)

    return begin


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    repeated(folder / "long.mp4", BUS, 24)
    (folder / "short.mp4").symlink_to(BUS)
    (folder / "bad.mp4").write_text("no video")
    return folder


def begin(films: Path, out: str, ray: RayCluster, *arguments: str) -> "subprocess.Popen[str]":
    command = [
        *script("har-scan"), "films", "--out", f"{out}.parquet", "--log", f"{out}.jsonl",
        "--segment-s", "10", *arguments,
    ]  # fmt: skip
    return begun(films.parent, ray, command)


def begun(folder: Path, ray: RayCluster, command: list[str]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=ray.environment, stdout=pipe, stderr=pipe, text=True
    )


def kept(films: Path) -> dict[Path, int]:
    """The segments that are done, and when they were written."""
    found = films.parent.glob("cluster.parquet.parts/*/segment-*.json")
    return {path: path.stat().st_mtime_ns for path in found}


def alerts(films: Path, out: str) -> list[str]:
    """All that is found, but when it was."""
    lines = (films.parent / f"{out}.jsonl").read_text().splitlines()
    return sorted(json.dumps(json.loads(line) | {"time": None}) for line in lines)


def wait_for(condition: Callable[[], bool], scan: "subprocess.Popen[str]") -> None:
    until_s = time.monotonic() + LIMIT_S
    while not condition():
        assert scan.poll() is None, scan.communicate()[1]
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_folds_that_nodes_fit_are_those_that_this_machine_fits(
    har_train: "Callable[..., subprocess.Popen[str]]", ray: RayCluster, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    with har_train("here") as one, har_train("there", "--cluster", ray.address) as other:
        printed, said = other.communicate()
        one.communicate()
    assert (one.returncode, other.returncode, printed) == (0, 0, ""), said
    assert "folds are fitted by 4 CPUs of 2 nodes, each on 2" in said
    names = sorted(path.relative_to(here) for path in here.rglob("*"))
    assert sorted(path.relative_to(there) for path in there.rglob("*")) == names
    for folder in ("fold-0", "fold-1", "."):
        with (
            np.load(here / folder / "result.npz") as own,
            np.load(there / folder / "result.npz") as other,
        ):
            assert list(own) == list(other)
            assert all((own[name] == other[name]).all() for name in own)
        assert weights(here / folder) == weights(there / folder)
    assert report(here) == report(there)


def weights(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "model.keras") as model:
        return model.read("model.weights.h5")


def report(run: Path) -> dict[str, Any]:
    """All of it, but when it was made."""
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
    return found | {"created": None, "model": found["model"] | {"created": None}}


@pytest.fixture
def apart(ray: RayCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    """A process that may give orders to the Ray: it is told how before it imports Ray."""
    for name, value in ray.environment.items():
        if name.startswith("RAY_"):
            monkeypatch.setenv(name, value)
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        yield executor


def test_what_a_node_alone_cannot_do_another_does_and_one_that_joins_helps(
    ray: RayCluster, apart: Executor, tmp_path: Path
) -> None:
    for node in ("a", "b", "c"):
        (tmp_path / node).mkdir()
        for name in ("mark", "job"):
            (tmp_path / node / name).write_text(name)
    ended = apart.submit(give_tasks, ray.address, tmp_path)
    while not ended.done() and not (tmp_path / "done by a").exists():
        time.sleep(0.05)
    ray.start("c", {NODE: "c"})
    ended.result()


def give_tasks(address: str, folder: Path) -> None:
    said: list[str] = []
    logging.basicConfig(handlers=[handler := logging.Handler()])
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    with joined_for_tasks(address):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ray_nodes, "__version__", "0.0")
            with pytest.raises(MonitorError) as caught:
                TaskPool(Trial(read_on_node, lambda: "mark"), folder)
        assert str(caught.value).startswith("no node can be given tasks: node ")
        assert str(caught.value).count(f"it has har-monitor {__version__}; 0.0 is needed") == 2
        said.clear()

        pool: TaskPool[int] = TaskPool(Trial(read_on_node, lambda: "mark"), folder)
        assert pool.described == "4 CPUs of 2 nodes"
        for path in (folder / "b").iterdir():
            path.unlink()
        assert {node for node, _ in done(pool, "job", 8)} == {"a"}
        assert said == [f"node b is given no tasks: {folder / 'b' / 'mark'}: cannot be read"]
        assert done(pool, "none", 1) == [f"{folder / 'a' / 'none'}: cannot be read"]
        pool.start(0, die_on_node, None)
        (died,) = ended(pool)
        assert died.crashed
        assert died.failure.startswith("its process died: The worker died unexpectedly")

        (folder / "done by a").touch()
        until_s = time.monotonic() + LIMIT_S
        while "c" not in {node for node, _ in done(pool, "job", 8)}:
            assert time.monotonic() < until_s
        pool.close()


def done(pool: TaskPool[int], name: str, count: int) -> list[Any]:
    """What so many jobs gave, or why they failed."""
    for number in range(count):
        pool.start(number, read_on_node, name)
    return [one.failure or one.value for one in ended(pool)]


def ended(pool: TaskPool[int]) -> list[Outcome[int]]:
    """What becomes of all jobs that are under way."""
    found: list[Outcome[int]] = []
    while pool.busy:
        found += pool.outcomes(1.0)
    return found


def test_a_scan_outlives_its_driver_and_a_node_and_gives_the_same(
    films: Path, ray: RayCluster
) -> None:
    with begin(films, "here", ray, "--workers", "2") as here:
        here.communicate()
    assert here.returncode == 1
    cluster = ("--cluster", ray.address)
    with begin(films, "cluster", ray, *cluster) as scan:
        wait_for(lambda: len(kept(films)) >= 3, scan)
        scan.kill()
    before = kept(films)
    with begin(films, "cluster", ray, *cluster) as again:
        # Both nodes are at work.
        wait_for(lambda: len(kept(films).keys() - before.keys()) >= 4, again)
        ray.nodes.pop("b").kill()
        now = kept(films)  # without those of a film that is done
        assert all(now.get(path, written_ns) == written_ns for path, written_ns in before.items())
        printed, said = again.communicate()
    assert again.returncode == 1
    assert "node b is gone: others do its tasks" in said
    # A test before may have left another node.
    by = {1: "2 CPUs of 1 node", 2: "4 CPUs of 2 nodes"}[len(ray.nodes)]
    assert f"times as fast as real time, by {by}\n" in said, said
    assert "Traceback" not in said
    assert printed == ""
    assert alerts(films, "cluster") == alerts(films, "here")
    for name in (".parquet", ".files.parquet"):
        found = (films.parent / f"cluster{name}").read_bytes()
        assert found == (films.parent / f"here{name}").read_bytes()
    states = pq.read_table(films.parent / "cluster.files.parquet").column("state").to_pylist()
    assert states == ["failed", "scanned", "scanned"]
