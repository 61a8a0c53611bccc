"""har-monitor with metrics, and without, as a user starts it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from testkit import ROOT
from testkit.models import motion_model
from testkit.patience import LIMIT_S
from testkit.process import COMMAND

ALONE = """
import sys
from monitor.cli.app import app
app(sys.argv[1:], standalone_mode=False)
unneeded = "prometheus_client", "http.server", "monitor.cli.notifications"
sys.exit(any(name in sys.modules for name in unneeded))
"""


def started(
    folder: Path, command: list[str], film: Path, *more: str, **options: object
) -> subprocess.CompletedProcess[str]:
    """It watches a film, to its end."""
    config = folder / "monitor.yaml"
    cameras = [{"name": "film", "source": str(film)}]
    model = motion_model(folder / "motion.onnx")
    config.write_text(
        yaml.safe_dump({"cameras": cameras, "defaults": {"model": str(model)}, **options})
    )
    return subprocess.run(
        [*command, "--headless", "--config", str(config), "--log", "alerts.jsonl", *more],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def test_an_address_in_use_is_one_line_and_nothing_is_watched(
    tmp_path: Path, fight_clip: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = started(tmp_path, COMMAND, fight_clip, metrics={"port": port})
    assert done.returncode == 1
    assert done.stderr == (
        f"error: metrics 127.0.0.1:{port}: address already in use; metrics.port names another\n"
    )
    assert not (tmp_path / "alerts.jsonl").exists()


def test_without_metrics_nothing_of_them_is_loaded(tmp_path: Path, fight_clip: Path) -> None:
    done = started(tmp_path, [sys.executable, "-c", ALONE], fight_clip)
    assert done.returncode == 0, done.stderr
    assert "metrics are at" not in done.stderr


@pytest.mark.parametrize(
    ("metrics", "line"),
    [
        ({}, "metrics  at http://127.0.0.1:8471/metrics"),
        ({"host": "::1", "port": 9200}, "metrics  at http://[::1]:9200/metrics"),
        (
            {"host": "0.0.0.0", "port": 0},
            "metrics  at any free port of 0.0.0.0; no password: whoever reaches it can read them",
        ),
        (None, None),
    ],
    ids=["as it is", "another", "any port, for others", "none"],
)
def test_the_check_says_where_they_will_be(
    tmp_path: Path, fight_clip: Path, metrics: dict[str, object] | None, line: str | None
) -> None:
    done = started(tmp_path, COMMAND, fight_clip, "--check", metrics=metrics)
    assert done.returncode == 0, done.stderr
    said = [one for one in done.stdout.splitlines() if one.startswith("metrics")]
    assert said == ([] if line is None else [line])
