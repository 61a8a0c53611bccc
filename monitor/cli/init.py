"""har-monitor init: from nothing to a configuration that watches."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from monitor.cli.command import (
    EXIT_USAGE,
    Command,
    exit_codes,
    hide_arguments,
    start_logging,
)
from monitor.cli.interrupt import interruptible
from monitor.errors import ConfigError
from monitor.recognition.shipped import DEFAULT, SHIPPED

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_PORT = 3702  # of WS-Discovery
_NEEDED = """\
har-monitor init asks questions, and so needs a terminal. Without one, either
give it all that it would ask for, and take the other answers by default:

  har-monitor init --yes --source door=rtsp://USER:PASSWORD@192.0.2.10/stream2

or write har-monitor.yaml yourself, and check it with --check:

  cameras:
    - name: door
      source: rtsp://watch:${CAMERA_PASSWORD}@192.0.2.10/stream2
  web: {port: 8470}

  export CAMERA_PASSWORD=...
  har-monitor --config har-monitor.yaml --check
  har-monitor --config har-monitor.yaml
"""


@app.command(cls=Command)
def main(
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="A camera, in place of looking for them: as for har-monitor, or a host that is "
            "asked by ONVIF. Once per camera; NAME=SOURCE names it.",
            show_default="what is found",
        ),
    ] = None,
    config: Annotated[Path, typer.Option(help="File to write.")] = Path("har-monitor.yaml"),
    add: Annotated[
        bool,
        typer.Option("--add", help="Add cameras to the file, of which nothing else changes."),
    ] = False,
    discover: Annotated[
        list[str] | None,
        typer.Option(
            help="Ask this address for cameras, such as in another network. Once per address.",
            metavar="HOST[:PORT]",
            show_default="all of this network",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, max=3600, help="How long each camera is watched.", show_default="15"),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing: take the default answers; do not start.")
    ] = False,
) -> None:
    """Find cameras, look at what they send, and write a configuration that watches them."""
    hide_arguments()
    console, errors = Console(highlight=False), Console(stderr=True)
    with exit_codes(errors), interruptible(console.show_cursor):
        start_logging(errors, verbose=False)
        if not yes and not (sys.stdin.isatty() and sys.stdout.isatty()):
            typer.echo(_NEEDED, err=True, nl=False)
            raise typer.Exit(EXIT_USAGE)
        places = [_place(text) for text in discover or ()]
        from monitor.cli.config_files import ConfigFiles
        from monitor.cli.dialogue import Dialogue
        from monitor.cli.setup_files import SetupFiles
        from monitor.cli.wizard import Wizard
        from monitor.recognition.models import Models

        dialogue = Dialogue(console, yes)
        files, wizard = ConfigFiles(config), Wizard(dialogue, seconds)
        setup = SetupFiles(dialogue, files)
        if add:
            known = files.read()
            metadata = Models().get(known.defaults.model).metadata
            taken = [camera.name for camera in known.cameras]
            setup.add(wizard.run(source or (), places, metadata, taken))
            return
        setup.ask_to_overwrite()
        model = dialogue.ask(
            f"What is to be recognised: {' or '.join(SHIPPED)}?",
            DEFAULT,
            lambda answer: None if answer in SHIPPED else f"one of: {', '.join(SHIPPED)}",
        )
        metadata = Models().get(SHIPPED[model]).metadata
        command = setup.write(wizard.run(source or (), places, metadata), model)
        if command is not None:
            sys.stdout.flush()
            os.execv(sys.executable, [sys.executable, "-m", "monitor", *command])


def _place(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        return text, _PORT
    if not (host and port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ConfigError(f"--discover {text}: a host or HOST:PORT is needed")
    return host, int(port)
