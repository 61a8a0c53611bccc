"""Archives and folds by the tasks of a real Ray of two nodes: what comes out is the same."""

import json
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from testkit import ROOT
from testkit.clips import make_clips
from testkit.films import repeated
from testkit.patience import LIMIT_S
from testkit.process import script
from testkit.servers.ray import RayCluster, ray_cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

BUS = ROOT / "monitor" / "samples" / "bus.mp4"  # 18.7 s, with a fight


@pytest.fixture(scope="module")
def ray() -> Iterator[RayCluster]:
    with ray_cluster("tasks") as cluster:
        for name in ("a", "b"):
            cluster.start(name)
        yield cluster


@pytest.fixture
def fits(tmp_path: Path, ray: RayCluster) -> "Callable[..., Path]":
    """Runs har-train on a few clips; the folder of the run."""
    data = make_clips(tmp_path / "clips")
    recipe = tmp_path / "train.yaml"
    recipe.write_text(
        "clip: {frames: 4, size: 16, fps: 10}\nbatch: 4\nvalidation_share: 0.5\n"
        "patience: null\nbackground: [dark]\nepochs: 2\n"
    )

    def fit(out: str, *arguments: str) -> Path:
        command = [
            *script("har-train"), "--data", str(data), "--out", out, "--config", str(recipe),
            "--cache", "cache", "--folds", *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=tmp_path, env=ray.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        (tmp_path / f"{out}.said").write_text(done.stderr)
        return tmp_path / out

    return fit


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    repeated(folder / "long.mp4", BUS, 4)
    (folder / "short.mp4").symlink_to(BUS)
    (folder / "bad.mp4").write_text("no video")
    return folder


def begin(films: Path, out: str, ray: RayCluster, *arguments: str) -> "subprocess.Popen[str]":
    command = [
        *script("har-scan"), "films", "--out", f"{out}.parquet", "--log", f"{out}.jsonl",
        "--segment-s", "10", *arguments,
    ]  # fmt: skip
    return subprocess.Popen(
        command,
        cwd=films.parent,
        env=ray.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
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
    fits: Callable[..., Path], ray: RayCluster
) -> None:
    here, there = fits("here"), fits("there", "--cluster", ray.address)
    said = there.with_suffix(".said").read_text()
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
    assert (
        "finished before"
        in fits("there", "--cluster", ray.address).with_suffix(".said").read_text()
    )


def weights(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "model.keras") as model:
        return model.read("model.weights.h5")


def report(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "metrics.json").read_text())
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
        wait_for(lambda: len(kept(films)) > len(before), again)
        ray.nodes.pop("b").kill()
        assert before.items() <= kept(films).items()
        printed, said = again.communicate()
    assert again.returncode == 1
    assert "node b is gone: others do its tasks" in said
    assert "times as fast as real time, by 2 CPUs of 1 nodes" in said
    assert "Traceback" not in said
    assert printed == ""
    assert alerts(films, "cluster") == alerts(films, "here")
    for name in (".parquet", ".files.parquet"):
        found = (films.parent / f"cluster{name}").read_bytes()
        assert found == (films.parent / f"here{name}").read_bytes()
    states = pq.read_table(films.parent / "cluster.files.parquet").column("state").to_pylist()
    assert states == ["failed", "scanned", "scanned"]
