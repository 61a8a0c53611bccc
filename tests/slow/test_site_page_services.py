"""The page of all shards as its services start it: systemd's unit, and the pod of Kubernetes."""

import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from testkit import ROOT
from testkit.fakes import wait_until
from testkit.pages import served
from testkit.patience import LIMIT_S
from testkit.process import COMMAND, write_config
from testkit.servers.ffmpeg_live import free_port
from testkit.servers.postgres import Postgres, postgres
from tests.integration.test_deploy import PAGE_UNIT, manifests, started
from tests.slow.test_read_only import contained, in_the_container

pytestmark = pytest.mark.slow


@pytest.fixture
def database() -> Iterator[Postgres]:
    with free_port(socket.SOCK_STREAM) as port, postgres(port) as server:
        yield server


def asked(url: str, **headers: str) -> int:
    """The status of an answer."""
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def address(said: str, what: str) -> str:
    """Where something is served, for this machine."""
    (found,) = re.findall(rf"{what} at (\S+?)/?$", said, re.MULTILINE)
    return str(found).replace("0.0.0.0", "127.0.0.1")


def test_the_unit_serves_the_page_and_tells_systemd_how_the_site_does(
    tmp_path: Path, database: Postgres
) -> None:
    etc, state = tmp_path / "etc", tmp_path / "state"
    etc.mkdir()
    state.mkdir()
    sinks: list[dict[str, Any]] = [
        {"type": "log"},  # beside the configuration, where the service must not write
        {"type": "evidence", "folder": "${STATE_DIRECTORY}/evidence"},
        {"type": "store", "url": database.tcp_url, "site": "warehouse"},
    ]
    cameras = {"door": "rtsp://192.0.2.10/stream2", "kitchen": "rtsp://192.0.2.11/stream2"}
    write_config(etc / "monitor.yaml", cameras, sinks=sinks, web={"port": 0}, metrics={"port": 0})
    places = {"/etc/har-monitor/": f"{etc}/", "/var/lib/har-monitor-page/": f"{state}/"}
    command = [*COMMAND, *started(PAGE_UNIT)[1:]]
    for of_service, here in places.items():
        command = [word.replace(of_service, here) for word in command]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(LIMIT_S)
        given = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "STATE_DIRECTORY": str(state),
            "PYTHONPATH": str(ROOT),
        }
        with served(tmp_path, command, signal.SIGTERM, **given) as page:
            told = [systemd.recv(4096).decode() for _ in range(3)]
            assert told == [
                "READY=1",
                "STATUS=0 of 2 cameras watched; 0 of 0 shards heard of",
                "WATCHDOG=1",
            ]
            assert asked(f"{page.url}/readyz") == asked(f"{page.url}/") == 200, "once it is ready"
            assert asked(address(page.said, "metrics are")) == 200
            while systemd.recv(4096).decode() != "WATCHDOG=1":  # it comes again and again
                pass
    assert [path.name for path in etc.iterdir()] == ["monitor.yaml"]
    assert [path.name for path in state.iterdir()] == ["page.reviews.jsonl"]


def test_the_pod_serves_the_page_to_the_cluster_and_answers_its_probes(
    tmp_path: Path, database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = manifests()
    (container,) = found["Deployment", "har-monitor-page"]["spec"]["template"]["spec"]["containers"]
    users = tmp_path / "users.json"
    passwd = [*COMMAND, "passwd", "ann", "--role", "admin", "--users", str(users)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(passwd, input="a long password\n", text=True, check=True, env=environment)
    text = found["ConfigMap", "har-monitor"]["data"]["monitor.yaml"]
    options = yaml.safe_load(text.replace("@database/har", f"@127.0.0.1:{database.port}/postgres"))
    options["web"] |= {"port": 0, "users": str(users)}
    options["metrics"]["port"] = 0
    (tmp_path / "monitor.yaml").write_text(yaml.safe_dump(options))
    for name in ("DOOR_PASSWORD", "DB_PASSWORD"):
        monkeypatch.setenv(name, "s3cret")

    with contained(in_the_container(container["command"], tmp_path), tmp_path) as page:
        url = address(page.said, "the page is")
        probes = [container[kind]["httpGet"] for kind in ("readinessProbe", "livenessProbe")]
        for probe in probes:
            headers = {one["name"]: one["value"] for one in probe["httpHeaders"]}
            wait_until(
                lambda where=f"{url}{probe['path']}", as_=headers: asked(where, **as_) == 200
            )
            assert asked(f"{url}{probe['path']}", Host="192.0.2.7:8470") == 403, "a pod's address"
        assert asked(f"{url}/login", Host="har-monitor-page:8470") == 200
        assert asked(f"{url}/api/v1/events") == 401, "it asks who that is"
        assert asked(address(page.said, "metrics are")) == 200
        assert page.end() == 0
    assert "s3cret" not in page.said
    assert "Traceback" not in page.said
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["page.reviews.jsonl"]
