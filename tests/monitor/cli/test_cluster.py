"""har-monitor --cluster and har-monitor cluster, as they are typed, where no Ray runs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit import ROOT
from testkit.patience import LIMIT_S
from testkit.process import COMMAND

STORE = {"type": "store", "url": "postgresql://har:s3cret@db/har", "site": "home"}
SITE: dict[str, Any] = {
    "cameras": [{"name": f"c{n}", "source": f"rtsp://192.0.2.{n}/x"} for n in range(8)],
    "cluster": {"shards": 2},
    "sinks": [{"type": "log"}, STORE],
}
STATUS = ("cluster", "status", "--address", "127.0.0.1:1")


def run(
    folder: Path, *arguments: str, site: dict[str, Any] | None = None, mode: str = "token"
) -> tuple[int, str]:
    """The exit code, and what it said."""
    (folder / "site.yaml").write_text(yaml.safe_dump(SITE if site is None else site))
    done = subprocess.run(
        [*COMMAND, *arguments, "--config", "site.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "RAY_AUTH_MODE": mode},
    )
    assert "s3cret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cluster": None}, "site.yaml: cluster is needed, such as cluster: {shards: 4}"),
        ({"sinks": [{"type": "log"}]}, "a sink of the type store is needed, with site and the url"),
        ({"sinks": [STORE | {"url": "events.sqlite"}]}, "a PostgreSQL server that all machines"),
        ({"sinks": [STORE | {"site": None}]}, "a sink of the type store is needed, with site"),
        ({"save_video": "v.mp4"}, "site.yaml: save_video: not with --cluster: each of its shards"),
        ({"cameras": []}, "site.yaml: no cameras"),
        ({"cluster": {"shards": 0}}, "cluster.shards: input should be greater than or equal to 1"),
        ({"cluster": {"shards": 2, "folder": "here"}}, "here: a whole path is needed, such as"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_site_that_no_cluster_could_watch_is_refused_in_a_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    code, found = run(tmp_path, "--cluster", site=SITE | changes)
    assert (code, said in found) == (2, True), found


@pytest.mark.parametrize("command", [("--cluster", "127.0.0.1:1"), STATUS])
def test_a_ray_that_lets_in_whoever_reaches_it_is_refused(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    code, said = run(tmp_path, *command, mode="disabled")
    assert code == 2
    assert "--cluster: RAY_AUTH_MODE=token is not set: without it, whoever reaches Ray runs" in said


def test_where_no_ray_answers_that_is_said_at_once(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--cluster", "127.0.0.1:1")
    assert (code, said) == (1, "error: --cluster 127.0.0.1:1: connection refused\n")
    code, said = run(tmp_path, "--cluster", "ray://127.0.0.1:1")
    assert (code, said) == (
        2,
        "error: --cluster ray://127.0.0.1:1: HOST:PORT of Ray's head is needed\n",
    )


def test_other_options_belong_into_the_file(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--cluster", "127.0.0.1:1", "--model", "fight")
    assert (code, said) == (
        2,
        "error: --cluster 127.0.0.1:1: it takes --config, and everything else from that file\n",
    )


def test_the_number_of_shards_is_the_one_of_the_configuration(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--check", "--shard", "1/3")
    assert (code, said) == (
        2,
        "error: --shard 1/3: cluster.shards is 2: that many are needed\n",
    )


def test_without_ray_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(SITE))
    program = (
        "import sys; sys.modules['ray'] = None; "
        "from monitor.cli.app import app; app(sys.argv[1:], standalone_mode=False)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--cluster", "--config", "site.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    assert done.stderr.endswith("error: --cluster needs Ray: pip install har-monitor[cluster]\n")
