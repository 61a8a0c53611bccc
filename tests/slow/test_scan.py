"""har-scan as it is run: stopped in every way, on real recordings."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.performance.usage import tree
from monitor.recognition.classifier import OnnxClassifier
from monitor.scan.join import fit
from testkit import ROOT
from testkit.films import repeated
from testkit.patience import LIMIT_S
from testkit.process import script
from testkit.scans import film, planned, scanned, segments, watched

BUS = ROOT / "monitor" / "samples" / "bus.mp4"  # 18.7 s, with a fight
TIMES = 6


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    repeated(folder / "long.mp4", BUS, TIMES)
    (folder / "short.mp4").symlink_to(BUS)
    return folder


def begin(films: Path) -> "subprocess.Popen[str]":
    command = [
        *script("har-scan"), "films", "--out", "r.parquet", "--segment-s", "10", "--workers", "2",
        "--log", "alerts.jsonl",
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=films.parent, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool], scan: "subprocess.Popen[str]") -> None:
    until_s = time.monotonic() + LIMIT_S
    while not condition():
        assert scan.poll() is None
        assert time.monotonic() < until_s
        time.sleep(0.01)


def kept(films: Path) -> dict[Path, int]:
    """The segments that are done, and when they were written."""
    found = films.parent.glob("r.parquet.parts/*/segment-*.json")
    return {path: path.stat().st_mtime_ns for path in found}


def rows(films: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(films.parent / "r.parquet").to_pylist()
    return found


def alerts(films: Path) -> list[tuple[object, ...]]:
    lines = (films.parent / "alerts.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return sorted((one["id"], one["event"], one["start_s"], str(one["end_s"])) for one in found)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
def test_a_scan_that_is_stopped_goes_on_and_gives_the_same(
    how: signal.Signals, films: Path
) -> None:
    with begin(films) as scan:
        wait_for(lambda: len(kept(films)) >= 3, scan)
        workers = tree(scan.pid)[1:]
        scan.send_signal(how)
        said = scan.communicate()[1]
    if how == signal.SIGINT:
        assert scan.returncode == 130
        assert "stopped; the same command goes on from here" in said
    until_s = time.monotonic() + LIMIT_S
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    assert not (films.parent / "r.parquet").exists()
    before = kept(films)
    with begin(films) as again:
        wait_for(lambda: len(kept(films)) > len(before), again)
        assert before.items() <= kept(films).items()
        assert again.wait() == 0
    found, found_alerts = rows(films), alerts(films)
    assert len({(row["file"], row["end_s"]) for row in found}) == len(found)

    for path in films.parent.glob("r.parquet.parts/*/*"):
        path.unlink()
    (films.parent / "alerts.jsonl").unlink()
    with begin(films) as whole:
        assert whole.wait() == 0
    assert rows(films) == found
    assert alerts(films) == found_alerts
    assert len(found_alerts) >= 2


def test_a_worker_that_is_killed_costs_one_try(films: Path) -> None:
    with begin(films) as scan:
        wait_for(lambda: len(kept(films)) >= 1, scan)
        _, *workers = (pid for pid in tree(scan.pid) if "spawn_main" in _command(pid))
        subprocess.run(["kill", "-9", *map(str, workers)], check=True)
        said = scan.communicate()[1]
    assert scan.returncode == 0
    assert "its process was ended by SIGKILL, as where memory runs out: it is tried once" in said
    assert "times as fast as real time, by 2 processes" in said
    states = pq.read_table(films.parent / "r.files.parquet").column("state").to_pylist()
    assert states == ["scanned", "scanned"]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


RECORDINGS = (
    "surveillance/one-by-one-person-detection.mp4",
    "surveillance/car-detection.mp4",
    "le2i/Coffee_room_01/video43.mp4",
)


@pytest.mark.parametrize("name", RECORDINGS)
@pytest.mark.parametrize("model", ["fight", "fall"])
def test_segments_of_recordings_are_the_recordings(
    name: str, model: str, shared_data: Path
) -> None:
    classifier = OnnxClassifier(model)
    one = film(shared_data / name, decode={"idle": False})
    plan = planned(one, classifier, 10)
    assert len(plan.segments) > 1
    parts = segments(one, classifier, plan)
    assert fit(parts)
    assert scanned(parts, one, classifier) == watched(one, classifier)


def test_an_idle_scan_sees_all_that_an_idle_monitor_sees(shared_data: Path) -> None:
    classifier = OnnxClassifier()
    one = film(shared_data / RECORDINGS[0])
    parts = segments(one, classifier, planned(one, classifier, 15))
    assert fit(parts)
    found, expected = scanned(parts, one, classifier), watched(one, classifier)
    assert found.alerts == expected.alerts
    assert {facts for facts in expected.windows if facts[4]} <= set(found.windows)
