"""The README tells the truth about the commands."""

import re
from pathlib import Path

import pytest
import typer.main

import export.cli
import monitor.cli.app
import train.cli.evaluate
import train.cli.train
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from testkit import ROOT

README = (ROOT / "README.md").read_text()
COMMANDS = {
    "har-monitor": (monitor.cli.app.app, "| option |"),
    "har-train": (train.cli.train.app, "| `har-train` option |"),
    "har-evaluate": (train.cli.evaluate.app, "| `har-evaluate MODEL` option |"),
    "har-export": (export.cli.app, "| `har-export MODEL.keras MODEL.onnx` option |"),
}


@pytest.mark.parametrize(("app", "head"), COMMANDS.values(), ids=COMMANDS)
def test_each_command_has_a_row_for_every_option_and_no_other(app: typer.Typer, head: str) -> None:
    table = README[README.index(head) :].partition("\n\n")[0]
    documented = {
        option
        for row in table.splitlines()[2:]
        for option in re.findall(r"`(--?[a-z-]+)`", row.split("|")[1])
    }
    options = {
        name
        for parameter in typer.main.get_command(app).params
        for name in [*parameter.opts, *parameter.secondary_opts]
        if name.startswith("-")
    }
    assert documented == options - {"--help"}


def test_every_command_line_of_the_readme_uses_options_that_exist() -> None:
    for line in re.findall(r"^(har-\w+ .*?)(?:  +#.*)?$", README, re.MULTILINE):
        name = line.split()[0]
        known = {
            option
            for parameter in typer.main.get_command(COMMANDS[name][0]).params
            for option in [*parameter.opts, *parameter.secondary_opts]
        }
        assert {word for word in line.split() if word.startswith("--")} <= known, line


def test_every_configuration_of_the_readme_is_right(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert blocks
    for block in blocks:
        path = tmp_path / "monitor.yaml"
        path.write_text(block.replace("rtsp://...", "rtsp://192.0.2.10/stream2"))
        load(path, MonitorOptions)


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
