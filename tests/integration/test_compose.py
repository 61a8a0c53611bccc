"""What tries everything out together lets nobody else in, holds no secret, and suits the code."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from monitor.config.mqtt import MqttOptions
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from testkit import ROOT

DEPLOY = ROOT / "deploy"
TRIAL = DEPLOY / "trial"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> MonitorOptions:
    """The configuration of har-monitor there."""
    monkeypatch.setenv("DB_PASSWORD", "a-password")
    return load(TRIAL / "monitor.yaml", MonitorOptions)


def mounts(service: str) -> list[tuple[str, str]]:
    """What is mounted, a path here or the name of a volume, and where."""
    pairs = [volume.split(":") for volume in SERVICES[service].get("volumes", ())]
    return [(pair[0], pair[1]) for pair in pairs]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_next_to_nothing(service: str) -> None:
    options = SERVICES[service]
    assert options["read_only"] is True
    assert options["cap_drop"] == ["ALL"]
    assert options["security_opt"] == ["no-new-privileges:true"]
    assert options.get("user", "0").split(":")[0] not in ("0", "root") or "build" in options
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc"} & set(options)


@pytest.mark.parametrize("service", SERVICES)
def test_a_port_is_published_to_this_machine_alone(service: str) -> None:
    for port in SERVICES[service].get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_mounted_is_there_and_stays_as_it_is(service: str) -> None:
    for volume in SERVICES[service].get("volumes", ()):
        source, _, options = volume.partition(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists()
            assert options.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


def test_no_secret_is_written_down() -> None:
    for service, options in SERVICES.items():
        for name, value in options.get("environment", {}).items():
            if "PASSWORD" in name:
                assert re.fullmatch(r"\$\{\w+:\?.+\}", value), f"{service}: {name}"
    ignored = ["git", "check-ignore", "--quiet", "deploy/.env"]
    assert subprocess.run(ignored, cwd=ROOT).returncode == 0


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_is_named_without_the_host_of_a_registry(service: str) -> None:
    image = SERVICES[service].get("image", "here/built:1")
    assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?:[A-Za-z0-9.-]+", image)


def test_har_monitor_reaches_the_others_and_writes_into_its_volume(options: MonitorOptions) -> None:
    assert options.store is not None
    assert options.evidence is not None
    named = [urlsplit(camera.source).hostname for camera in options.cameras]
    named.append(urlsplit(options.store.url).hostname)
    assert options.notify is not None
    named += [one.host for one in options.notify.targets if isinstance(one, MqttOptions)]
    assert "broker" in named
    assert set(named) <= set(SERVICES)
    assert set(SERVICES["monitor"]["depends_on"]) >= set(named)
    assert ("monitor", "/data") in mounts("monitor")
    written = [log.path for log in options.logs] + [options.evidence.folder]
    assert {path.parent for path in written} == {Path("/data")}


def test_the_page_is_at_the_port_that_is_published(options: MonitorOptions) -> None:
    assert options.web is not None
    assert f"127.0.0.1:{options.web.port}:{options.web.port}" in SERVICES["monitor"]["ports"]


def test_prometheus_reads_har_monitor(options: MonitorOptions, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        reason = "no promtool: apt-get install prometheus (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    text = (TRIAL / "prometheus.yml").read_text()
    (rules,) = yaml.safe_load(text)["rule_files"]
    (mounted,) = [here for here, there in mounts("prometheus") if there == rules]
    config = tmp_path / "prometheus.yml"
    config.write_text(text.replace(rules, str((DEPLOY / mounted).resolve())))
    done = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert options.metrics is not None
    assert f"targets: [monitor:{options.metrics.port}]" in text


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    (source,) = yaml.safe_load((TRIAL / "grafana-datasources.yml").read_text())["datasources"]
    assert urlsplit(source["url"]).hostname in SERVICES
    (provider,) = yaml.safe_load((TRIAL / "grafana-dashboards.yml").read_text())["providers"]
    (folder,) = [h for h, there in mounts("grafana") if there == provider["options"]["path"]]
    boards = [json.loads(path.read_text()) for path in (DEPLOY / folder).glob("*.json")]
    assert [board["title"] for board in boards] == ["har-monitor"]


def test_the_camera_plays_the_sample(options: MonitorOptions) -> None:
    (path,) = yaml.safe_load((TRIAL / "mediamtx.yml").read_text())["paths"].items()
    name, order = path[0], path[1]["runOnInit"].split()
    assert [urlsplit(camera.source).path for camera in options.cameras] == [f"/{name}"]
    played = order[order.index("-i") + 1]
    assert ("../monitor/samples/bus.mp4", played) in mounts("camera")
    # The same order, of one second, to nowhere.
    local = [word.replace(played, str(ROOT / "monitor/samples/bus.mp4")) for word in order]
    here = [*local[: local.index("-f")], "-t", "1", "-f", "null", "-"]
    assert subprocess.run(here, capture_output=True).returncode == 0
