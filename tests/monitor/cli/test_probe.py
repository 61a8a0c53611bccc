"""har-monitor probe, as it is typed."""

import json
import subprocess
from pathlib import Path

from testkit import ROOT
from testkit.process import COMMAND
from testkit.servers.rtsp import rtsp_server
from testkit.servers.tcp import refusing_port


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "probe", *arguments],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )


def test_a_film_is_described(fight_clip: Path) -> None:
    done = run(str(fight_clip))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["video", "480×360,", "30.0", "frames", "a", "second"] in lines
    assert ["✓", "nothing", "here", "will", "hurt"] in lines


def test_a_stream_is_described_for_programs(fight_clip: Path) -> None:
    with rtsp_server(fight_clip, user="ann", password="hunter2") as server:
        done = run(server.url, "--seconds", "3", "--json")
    found = json.loads(done.stdout)
    assert found["source"] == server.url.replace("hunter2", "***")
    assert (found["codec"], found["width"], found["clock"]) == ("h264", 480, "good")
    assert found["advice"][0]["found"].startswith("key frames are more than 3 s apart")
    assert "hunter2" not in done.stdout + done.stderr


def test_what_cannot_be_watched_is_an_error_in_a_line(fight_clip: Path) -> None:
    with refusing_port() as port:
        done = run(f"rtsp://ann:hunter2@127.0.0.1:{port}/")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: rtsp://ann:***@127.0.0.1:{port}/: refused: connection refused\n"
    )
    with rtsp_server(fight_clip, user="ann", password="hunter2") as server:
        done = run(server.url.replace("hunter2", "hunter3"))
    assert done.returncode == 1
    assert "authentication: " in done.stderr
    assert "hunter" not in done.stderr
    done = run("ftp://h/x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
