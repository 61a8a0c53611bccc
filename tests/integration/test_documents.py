"""The README and the documents tell the truth about the commands."""

import ast
import json
import re
from pathlib import Path

import pytest
import typer.main

import export.cli
import monitor.cli.app
import monitor.cli.cluster
import monitor.cli.events
import monitor.cli.init
import monitor.cli.notify
import monitor.cli.passwd
import monitor.cli.probe
import monitor.cli.scan
import monitor.cli.site_page
import train.cli.evaluate
import train.cli.train
from monitor.config.mqtt import MqttOptions
from monitor.config.notifications import (
    AppriseOptions,
    AtMostOptions,
    JournaldOptions,
    NotifyOptions,
    RuleOptions,
    SpanOptions,
    SyslogOptions,
    WebhookOptions,
)
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.events.alert import AlertEvent
from monitor.states import CameraState, EndReason, LeaseState, OpenFailure, SkipReason
from testkit import ROOT
from train.data.layouts import find_clips
from train.recipe.options import Recipe

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
COMMANDS = {
    "har-monitor": (monitor.cli.app.app, "docs/configuration.md", "| option |"),
    "har-monitor init": (
        monitor.cli.init.app,
        "docs/set-up.md",
        "| `har-monitor init` option |",
    ),
    "har-monitor probe": (
        monitor.cli.probe.app,
        "docs/set-up.md",
        "| `har-monitor probe SOURCE` option |",
    ),
    "har-scan": (monitor.cli.scan.app, "docs/scan.md", "| `har-scan ARCHIVE` option |"),
    "har-train": (train.cli.train.app, "docs/training.md", "| `har-train` option |"),
    "har-evaluate": (train.cli.evaluate.app, "docs/training.md", "| `har-evaluate MODEL` option |"),
    "har-export": (
        export.cli.app,
        "docs/training.md",
        "| `har-export MODEL.keras MODEL.onnx` option |",
    ),
}
APPS = {name: app for name, (app, _, _) in COMMANDS.items()} | {
    "har-events": monitor.cli.events.app
}
OTHERS = {  # of har-monitor
    "cluster": monitor.cli.cluster.app,
    "init": monitor.cli.init.app,
    "notify": monitor.cli.notify.app,
    "page": monitor.cli.site_page.app,
    "passwd": monitor.cli.passwd.app,
    "probe": monitor.cli.probe.app,
}
LONGEST = 150  # lines of the README


def test_the_schema_of_the_alerts_is_the_one_in_the_code() -> None:
    found = json.loads((ROOT / "docs" / "alert.schema.json").read_text())
    assert found == AlertEvent.model_json_schema()


def test_the_table_of_the_alerts_has_every_field_and_no_other() -> None:
    table = (
        PAGES["docs/alerts.md"].split("| field | meaning |\n|---|---|\n")[1].partition("\n\n")[0]
    )
    fields = [
        name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])
    ]
    assert sorted(fields) == sorted(AlertEvent.model_json_schema()["properties"])


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= LONGEST


@pytest.mark.parametrize(("app", "page", "head"), COMMANDS.values(), ids=COMMANDS)
def test_each_command_has_a_row_for_every_option_and_no_other(
    app: typer.Typer, page: str, head: str
) -> None:
    table = PAGES[page][PAGES[page].index(head) :].partition("\n\n")[0]
    documented = {
        option
        for row in table.splitlines()[2:]
        for option in re.findall(r"`(--?[a-z-]+)`", row.split("|")[1])
    }
    options = {
        name
        for parameter in typer.main.get_command(app).params
        if not getattr(parameter, "hidden", False)
        for name in [*parameter.opts, *parameter.secondary_opts]
        if name.startswith("-")
    }
    assert documented == options - {"--help"}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_uses_options_that_exist(page: str) -> None:
    for line in re.findall(r"^(har-\w+ .*?)(?:  +#.*)?$", PAGES[page], re.MULTILINE):
        name = line.split()[0]
        app = OTHERS.get(line.split()[1], APPS[name])
        command = typer.main.get_command(app)
        parameters = [*command.params]
        for word in line.split()[1:]:
            if (sub := getattr(command, "commands", {}).get(word)) is not None:
                parameters += sub.params
        known = {
            option
            for parameter in parameters
            if not getattr(parameter, "hidden", False)
            for option in [*parameter.opts, *parameter.secondary_opts]
        }
        assert {word for word in line.split() if word.startswith("--")} <= known, line


def test_every_configuration_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "a-password")
    blocks = [
        (page, block)
        for page, text in PAGES.items()
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    ]
    assert {page for page, _ in blocks} > {"docs/training.md"}
    for page, block in blocks:
        path = tmp_path / "options.yaml"
        path.write_text(block.replace("rtsp://...", "rtsp://192.0.2.10/stream2"))
        load(path, Recipe if page == "docs/training.md" else MonitorOptions)


def test_the_page_of_notifications_has_every_option_with_its_default() -> None:
    page = PAGES["docs/notifications.md"].partition("## Silence")[0]
    rows = {
        option: row
        for row in re.findall(r"^\|.*\|$", page, re.MULTILINE)
        for option in re.findall(r"`(\w+)`", row)
    }
    models = (
        NotifyOptions, RuleOptions, SpanOptions, AtMostOptions,
        WebhookOptions, AppriseOptions, SyslogOptions, JournaldOptions,
    )  # fmt: skip
    for model in models:
        for name, field in model.model_fields.items():
            shared = model not in (NotifyOptions, RuleOptions) and name in ("type", "name")
            assert name in rows or shared, f"{model.__name__}.{name}"
            if isinstance(field.default, int | float):
                assert f" {str(field.default).lower()} " in rows[name], name


def test_the_page_of_home_assistant_has_every_option_with_its_default() -> None:
    table = PAGES["docs/home-assistant.md"].partition("## Options")[2].partition("\n\n**")[0]
    rows = {
        option: row.split("|")[2].strip().strip("`")
        for row in re.findall(r"^\|.*\|$", table, re.MULTILINE)
        for option in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert rows.keys() == MqttOptions.model_fields.keys() - {"type"}
    for name, field in MqttOptions.model_fields.items():
        if name != "type" and isinstance(field.default, int | str):
            assert rows[name] == str(field.default).lower()


def test_every_table_of_clips_is_right(tmp_path: Path) -> None:
    tables = re.findall(r"```csv\n(.*?)```", PAGES["docs/training.md"], re.DOTALL)
    for name in ("hall.mp4", "kitchen.mp4", "garden.mp4"):
        (tmp_path / name).touch()

    for name, table in zip(("clips.csv", "videos.csv"), tables, strict=True):
        (tmp_path / name).write_text(table)
        assert len(find_clips(tmp_path).labels) == 2
        (tmp_path / name).unlink()


def test_every_line_of_the_log_that_is_explained_is_in_the_code() -> None:
    table = PAGES["docs/cameras.md"].partition("| log line | read |\n|---|---|\n")[2]
    lines = re.findall(r"^\| `(.+?)`", table.partition("\n\n")[0], re.MULTILINE)
    assert lines
    texts = " ".join(
        node.value
        for path in (ROOT / "monitor").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for line in lines:
        for part in filter(None, map(str.strip, line.split("…"))):
            assert part in texts, line


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", PAGES[page])
    assert links
    for link in links:
        name, _, heading = link.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert heading in {one.lower().replace(" ", "-") for one in headings}, link


def test_the_index_leads_to_every_document() -> None:
    links = set(re.findall(r"\]\(([^)/#]+\.md)\)", PAGES["docs/README.md"]))
    assert links == {Path(page).name for page in PAGES if page.startswith("docs/")} - {"README.md"}


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for text in PAGES.values():
        for target in set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", text, re.MULTILINE)):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize(
    ("states", "page", "head"),
    [
        (CameraState, "docs/reliability.md", "| state | meaning |"),
        (OpenFailure, "docs/reliability.md", "| cause | meaning |"),
        (SkipReason, "docs/reliability.md", "| reason | meaning |"),
        (LeaseState, "docs/cluster.md", "| lease | meaning |"),
        (EndReason, "docs/alerts.md", "| reason | when |"),
    ],
)
def test_every_state_and_reason_is_in_a_table(
    states: type[CameraState | OpenFailure | SkipReason | EndReason | LeaseState],
    page: str,
    head: str,
) -> None:
    table = PAGES[page].partition(head)[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `?([^`|]+?)`? \| (.+) \|$", table, re.MULTILINE)
    assert rows == [(state.value, state.meaning) for state in states]
