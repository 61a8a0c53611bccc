"""What is in deploy/ suits the command and the project as they are."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from monitor.cli import site_page
from monitor.cli.app import app
from monitor.config.options import MonitorOptions
from monitor.config.outputs import MetricsOptions, WebOptions
from monitor.config.shard import Shard, of_shard
from monitor.config.yaml_file import load
from testkit import ROOT

UNIT = ROOT / "deploy" / "har-monitor.service"
SHARD_UNIT = ROOT / "deploy" / "har-monitor@.service"
PAGE_UNIT = ROOT / "deploy" / "har-monitor-page.service"
KUBERNETES = ROOT / "deploy" / "kubernetes.yaml"
CONTAINERFILE = ROOT / "deploy" / "Containerfile"


def options(command: typer.Typer) -> set[str]:
    """Those that a command has."""
    return {
        name
        for parameter in typer.main.get_command(command).params
        for name in [*parameter.opts, *parameter.secondary_opts]
    }


OPTIONS = options(app)


@pytest.mark.parametrize(
    "path", [UNIT, SHARD_UNIT, PAGE_UNIT], ids=["whole", "shard", "page of all shards"]
)
@pytest.mark.parametrize("page", [False, True], ids=["for this machine", "page for others"])
def test_systemd_finds_nothing_wrong_with_the_unit(page: bool, path: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        reason = "no systemd-analyze: apt-get install systemd (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    unit = tmp_path / path.name.replace("@", "@1")
    installed = path.read_text().replace("/opt/har-monitor/bin/har-monitor", sys.executable)
    if page:
        assert installed.count("\n#LoadCredential=") == 3
        installed = installed.replace("\n#LoadCredential=", "\nLoadCredential=")
    unit.write_text(installed)
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    exposed = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", exposed.stdout)
    assert found is not None, exposed.stderr
    assert float(found[1]) <= 2.0, "of ten; an unprotected service has 9.6"


def test_the_unit_lets_copies_of_clips_be_made_at_low_priority() -> None:
    """`os.nice` is setpriority, one of the calls that are refused before."""
    filters = re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert filters.index("setpriority") > filters.index("~@privileged @resources")


def words(kind: str) -> list[str]:
    """The JSON list behind ENTRYPOINT, CMD or the like."""
    (found,) = re.findall(rf"^{kind}.*?(\[.*\])$", CONTAINERFILE.read_text(), re.MULTILINE)
    listed: list[str] = json.loads(found)
    return listed


def started(unit: Path) -> list[str]:
    """The command that a unit starts."""
    (line,) = re.findall(r"^ExecStart=((?:.*\\\n)*.*)$", unit.read_text(), re.MULTILINE)
    return shlex.split(line.replace("\\\n", " "))


def test_both_give_the_command_options_that_it_has() -> None:
    service = started(UNIT)
    container = words("ENTRYPOINT") + words("CMD")
    check = words("HEALTHCHECK")
    for command in (service, container, check):
        assert command[0].endswith("har-monitor")
        assert {word for word in command if word.startswith("--")} <= OPTIONS
    assert container[container.index("--health") + 1] == check[check.index("--health") + 1]


def test_what_is_kept_lies_in_the_volume() -> None:
    container = words("ENTRYPOINT")
    (volume,) = re.findall(r"^VOLUME (.*)$", CONTAINERFILE.read_text(), re.MULTILINE)
    log = Path(container[container.index("--log") + 1])
    assert log.parent == Path(volume)  # beside it are the event store and the evidence
    service = UNIT.read_text()
    assert re.search(r"^StateDirectory=har-monitor$", service, re.MULTILINE)
    assert "--log /var/lib/har-monitor/" in service


def test_the_port_of_the_page_is_the_one_of_the_container() -> None:
    ports = re.findall(r"^EXPOSE (\d+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert ports == [str(WebOptions().port)]


def test_the_extras_of_the_container_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_the_container_is_built_from_what_is_here_and_does_not_run_as_root() -> None:
    text = CONTAINERFILE.read_text()
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists()
    assert text.index("\nUSER har-monitor") < text.index("\nENTRYPOINT")


def settings(unit: Path) -> list[str]:
    return [line for line in unit.read_text().splitlines() if re.match(r"[A-Z]\w+=|\[", line)]


def test_the_unit_of_a_shard_is_the_other_one_with_its_shard() -> None:
    own = [line for line in settings(SHARD_UNIT) if line not in settings(UNIT)]
    assert own == [
        "Description=Human-activity monitor, shard %i",
        "EnvironmentFile=/etc/har-monitor/site.env",
        "RestartSec=500ms",
        "StateDirectory=har-monitor-%i",
        "RuntimeDirectory=har-monitor-%i",
    ]
    missing = [line for line in settings(UNIT) if line not in settings(SHARD_UNIT)]
    assert len(missing) == 4, "description, pause and folders"
    command = started(SHARD_UNIT)
    assert command[-2:] == ["--shard", "%i/${SHARDS}"]
    assert [word.replace("har-monitor-%i", "har-monitor") for word in command[:-2]] == started(UNIT)


def test_the_unit_of_the_page_is_that_of_a_shard_less_what_only_watching_needs() -> None:
    own = [line for line in settings(PAGE_UNIT) if line not in settings(UNIT)]
    assert own == [
        "Description=Human-activity monitor, the page of all shards",
        f"ExecStart={' '.join(started(PAGE_UNIT)[:4])} \\",
        "StateDirectory=har-monitor-page",
    ]
    missing = [line.partition("=")[0] for line in settings(UNIT) if line not in settings(PAGE_UNIT)]
    assert missing == [
        "Description",
        "ExecStart",
        "ExecReload",
        "StateDirectory",
        "RuntimeDirectory",
        "SystemCallFilter",  # setpriority: it makes no copies of clips
    ]


def test_the_page_of_all_shards_has_the_options_it_is_given_and_writes_where_it_may() -> None:
    command = started(PAGE_UNIT)
    assert command[1] == "page"
    assert {word for word in command if word.startswith("--")} <= options(site_page.app)
    config = command.index("--config") + 1
    assert command[config] == started(SHARD_UNIT)[started(SHARD_UNIT).index("--config") + 1]
    assert Path(command[command.index("--log") + 1]).parent == Path("/var/lib/har-monitor-page")


def test_users_and_certificate_of_the_page_are_where_its_unit_puts_them(tmp_path: Path) -> None:
    text = PAGE_UNIT.read_text()
    (written,) = re.findall(r"^#   web:\n(?:#     .*\n)+", text, re.MULTILINE)
    path = tmp_path / "site.yaml"
    path.write_text(re.sub(r"^#   ", "", written, flags=re.MULTILINE))
    web = load(path, MonitorOptions).web
    assert web is not None
    loaded = re.findall(r"^#LoadCredential=([^:]+):", text, re.MULTILINE)
    folder = Path("/run/credentials", PAGE_UNIT.name)
    assert [web.users, web.certificate, web.key] == [folder / name for name in loaded]


def manifests() -> dict[tuple[str, str], Any]:
    """Those for Kubernetes, by kind and name."""
    found = yaml.safe_load_all(KUBERNETES.read_text())
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> MonitorOptions:
    """What the pods are told; the passwords come from the Secret."""
    for name in ("DOOR_PASSWORD", "DB_PASSWORD"):
        monkeypatch.setenv(name, "a-password")
    path = folder / "monitor.yaml"
    path.write_text(manifests()["ConfigMap", "har-monitor"]["data"]["monitor.yaml"])
    return load(path, MonitorOptions)


def test_the_pods_are_the_shards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pods = manifests()["StatefulSet", "har-monitor"]["spec"]
    (container,) = pods["template"]["spec"]["containers"]
    assert {word for word in container["args"] if word.startswith("--")} <= OPTIONS
    assert "--no-page" in container["args"], "a pod of its own has the page of all"
    assert pods["ordinals"]["start"] == 1
    assert container["env"][0]["name"] == "POD_INDEX"
    shards = [
        Shard.parse(container["args"][-1].replace("$(POD_INDEX)", str(number)))
        for number in range(1, pods["replicas"] + 1)
    ]
    assert [shard.number for shard in shards] == list(range(1, shards[0].count + 1))

    whole = configured(tmp_path, monkeypatch)
    parts = [[one.name for one in of_shard(whole, shard).cameras] for shard in shards]
    assert parts == [["door"], ["kitchen"], ["garage"]]

    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    (volume,) = re.findall(r"^VOLUME (.*)$", CONTAINERFILE.read_text(), re.MULTILINE)
    assert mounts["data"] == volume
    config = Path(container["args"][container["args"].index("--config") + 1])
    assert Path(mounts["configuration"]) == config.parent
    health = words("ENTRYPOINT")[words("ENTRYPOINT").index("--health") + 1]
    assert container["readinessProbe"]["exec"]["command"][-1] == health
    assert health in container["livenessProbe"]["exec"]["command"][-1]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_a_pod_has_the_page_of_all_shards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = manifests()
    page = found["Deployment", "har-monitor-page"]["spec"]
    pod = page["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert set(mounts) == {one["name"] for one in pod["volumes"]}

    command = container["command"]
    assert command[:2] == ["har-monitor", "page"]
    assert {word for word in command if word.startswith("--")} <= options(site_page.app)
    config = Path(command[command.index("--config") + 1])
    assert Path(mounts["configuration"]) == config.parent
    log = Path(command[command.index("--log") + 1])
    settings = site_page.site_settings(
        configured(tmp_path, monkeypatch).with_needed_sinks(), config, log
    )
    assert settings.log.parent == Path(mounts["data"])
    claim = {one["name"]: one for one in pod["volumes"]}["data"]["persistentVolumeClaim"]
    assert ("PersistentVolumeClaim", claim["claimName"]) in found
    assert page["strategy"] == {"type": "Recreate"}, "it has the volume alone"

    assert settings.users == Path(mounts["users"], "users.json")
    assert settings.host == "0.0.0.0"
    assert "har-monitor-page" in settings.hosts, "as the Service is called"
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert ports == {"page": settings.port, "metrics": MetricsOptions().port}
    service = found["Service", "har-monitor-page"]["spec"]
    assert {one["targetPort"]: one["port"] for one in service["ports"]} == ports
    labels = page["template"]["metadata"]["labels"]
    assert service["selector"] == labels == page["selector"]["matchLabels"]

    shards = found["StatefulSet", "har-monitor"]["spec"]["template"]
    assert container["image"] == shards["spec"]["containers"][0]["image"]
    assert container["envFrom"] == shards["spec"]["containers"][0]["envFrom"]
    assert container["securityContext"] == shards["spec"]["containers"][0]["securityContext"]
    assert pod["securityContext"] == shards["spec"]["securityContext"]
    assert labels.items().isdisjoint(shards["metadata"]["labels"].items()), "none is the other"
    policy = found["NetworkPolicy", "har-monitor"]["spec"]
    assert policy["podSelector"]["matchLabels"] == shards["metadata"]["labels"]
    (rule,) = policy["ingress"]
    assert rule == {"from": [{"podSelector": {"matchLabels": labels}}]}, "at any port"
