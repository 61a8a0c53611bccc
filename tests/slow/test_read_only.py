"""har-monitor as in the container: the root is read-only, and nobody has any capability."""

import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testkit import ROOT
from testkit.patience import LIMIT_S
from testkit.process import COMMAND, Process, write_config
from tests.integration.test_deploy import words

pytestmark = pytest.mark.slow

NOT_PERMITTED = 77
SAMPLE = ROOT / "monitor" / "samples" / "bus.mp4"
# Of all that is mounted, the first argument alone stays writable, and /dev/shm, as in a container.
ALONE = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount -t tmpfs tmpfs /dev/shm || exit 77
for place in $(findmnt -rn -o TARGET); do
    case $place in "$1" | /dev/shm) ;; *) mount -o remount,bind,ro "$place" 2>/dev/null ;; esac
done
if touch "$1/../writable" 2>/dev/null; then exit 77; fi
cd "$1" && shift && exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


def in_the_container(command: list[str], folder: Path) -> list[str]:
    """The command of the container file, with what lies in the container in a folder instead."""
    assert command[0] == "har-monitor"
    places = {"/etc/har-monitor/": f"{folder}/", "/data": f"{folder}/data"}
    for of_container, here in places.items():
        command = [word.replace(of_container, here) for word in command]
    return [*COMMAND, *command[1:]]


@contextmanager
def contained(command: list[str], folder: Path) -> Iterator[Process]:
    """Run a command whose folder `data` alone is writable; the test is skipped if it cannot."""
    data = folder / "data"
    data.mkdir()
    with (folder / "output").open("wb") as output:
        popen = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", ALONE, "sh", str(data), *command],
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    process = Process(folder, popen)
    try:
        process.wait_for("a line", lambda: popen.poll() or "the page is at" in process.said)
        if popen.poll() == NOT_PERMITTED or process.said.startswith("unshare: "):
            reason = f"needs mounts of its own: {process.said}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        yield process
    finally:
        popen.kill()
        popen.wait(LIMIT_S)


def test_all_that_it_writes_is_in_the_volume(tmp_path: Path) -> None:
    data = tmp_path / "data"
    web = {"host": "0.0.0.0", "port": 0, "users": str(data / "users.json"), "plain_http": True}
    write_config(tmp_path / "monitor.yaml", {"bus": str(SAMPLE)}, web=web, realtime=True)
    health = in_the_container(words("HEALTHCHECK"), tmp_path)
    passwd = [*COMMAND, "passwd", "ann", "--role", "admin", "--users", str(data / "users.json")]

    with contained(in_the_container(words("ENTRYPOINT") + words("CMD"), tmp_path), tmp_path) as one:

        def inside(command: list[str], given: str = "") -> int:
            entered = ["nsenter", f"--target={one.popen.pid}", "--mount", *command]
            return subprocess.run(entered, input=given, text=True, capture_output=True).returncode

        one.wait_for("an alert", lambda: (data / "alerts.jsonl").read_text() != "")
        one.wait_for("good health", lambda: inside(health) == 0)
        assert inside(passwd, "a long password\n") == 0
        (url,) = re.findall(r"the page is at (\S+)$", one.said, re.M)
        local = url.replace("0.0.0.0", "127.0.0.1")
        with urllib.request.urlopen(f"{local}login", timeout=LIMIT_S) as answer:
            assert b"<form" in answer.read()
        assert one.end() == 0
    assert "Traceback" not in one.said
    lines = [json.loads(line) for line in (data / "alerts.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "end"] * (len(lines) // 2)
    assert (data / "events.sqlite").is_file()
    assert len(list(data.glob("evidence/*/bus/*.jpg"))) > 0
    assert {path.name for path in tmp_path.iterdir()} == {"data", "monitor.yaml", "output"}
