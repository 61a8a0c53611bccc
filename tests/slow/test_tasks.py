"""Archives and folds by the tasks of a real Ray of two nodes: what comes out is the same."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from testkit import ROOT
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
