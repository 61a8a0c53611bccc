"""What the commands say of themselves, and the man pages that are made of it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
import typer.main

import export.cli
import monitor.cli.app
import monitor.cli.events
import monitor.cli.scan
import train.cli.evaluate
import train.cli.train
from monitor import __version__
from monitor.__main__ import OTHER_COMMANDS

_COMMANDS = {
    "har-monitor": monitor.cli.app.app,
    "har-events": monitor.cli.events.app,
    "har-scan": monitor.cli.scan.app,
    "har-train": train.cli.train.app,
    "har-evaluate": train.cli.evaluate.app,
    "har-export": export.cli.app,
}
_EXIT_CODES = {
    "0": "It did what it was asked to.",
    "1": "Something failed; one line says what.",
    "2": "An option or the configuration is wrong.",
    "130": "Ctrl-C ended it.",
}


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    names: tuple[str, ...]
    metavar: str  # what stands for its value; empty for a switch
    help: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that it takes; empty if there is no list of them."""
        listed = "|" in self.metavar and "%" not in self.metavar  # that is a format of times
        return tuple(self.metavar.strip("<>").split("|")) if listed else ()

    @property
    def shown(self) -> str:
        """Its names and its value, as in the help."""
        return ", ".join(self.names) + (f" {self.metavar}" if self.metavar else "")


@dataclass(frozen=True)
class Manual:
    """What a command says of itself."""

    name: str
    about: str  # paragraphs
    usage: str  # behind the name
    arguments: tuple[tuple[str, str], ...]  # name and help of each
    options: tuple[Option, ...]
    commands: tuple["Manual", ...]  # within it

    @property
    def summary(self) -> str:
        """Its first sentence, without the point."""
        return re.split(r"\.(?:\s|$)", self.about, maxsplit=1)[0]

    @property
    def every_option(self) -> tuple[Option, ...]:
        """Those of it and of the commands within it, by their names: each means the same there."""
        own = {option.names: option for option in self.options}
        inner = {option.names: option for one in self.commands for option in one.every_option}
        return tuple((inner | own).values())


def manuals() -> tuple[Manual, ...]:
    """Those of every command."""
    return tuple(described(name, app) for name, app in _COMMANDS.items())


def described(name: str, app: typer.Typer) -> Manual:
    """What a command of this name says of itself."""
    return _manual(name, typer.main.get_command(app))


def _manual(name: str, command: Any) -> Manual:
    context = command.context_class(command, info_name=name)
    arguments, options = [], []
    for parameter in command.get_params(context):
        if (record := parameter.get_help_record(context)) is None:  # a hidden one
            continue
        # Typer puts what it says of a default that is no value in brackets.
        words = re.sub(r"\[default: \((.*)\)\]", r"[default: \1]", record[1])
        if parameter.param_type_name == "argument":
            arguments.append((record[0].partition(" ")[0], words.removesuffix("  [required]")))
        else:
            names = (*parameter.opts, *parameter.secondary_opts)
            metavar = record[0].rpartition(names[-1])[2].strip()
            metavar = re.sub(r"^<(?:list\[)?(\w+)(?:\]| range)?>$", r"<\1>", metavar)
            options.append(Option(names, metavar, words))
    inner = dict(getattr(command, "commands", {}))
    if name == "har-monitor":  # it watches without naming a command, so Typer knows of no others
        apps = {
            one: import_module(f"monitor.cli.{module}").app
            for one, module in OTHER_COMMANDS.items()
        }
        inner |= {one: typer.main.get_command(app) for one, app in apps.items()}
    return Manual(
        name,
        command.help or "",
        " ".join(command.collect_usage_pieces(context)).replace("{", "").replace("}", ""),
        tuple(arguments),
        tuple(options),
        tuple(_manual(one, of) for one, of in inner.items()),
    )


def man_page(manual: Manual) -> str:
    """Its page in section 1, as roff."""
    others = [name for name in _COMMANDS if name != manual.name]
    lines = [
        '.\\" Made of the help of the command by `make manual`.',
        f'.TH "{manual.name.upper()}" 1 "" "har-monitor {__version__}" "har-monitor"',
        ".SH NAME",
        f"{_roff(manual.name)} \\- {_roff(manual.summary[0].lower() + manual.summary[1:])}",
        ".SH SYNOPSIS",
        *_synopsis(manual.name, manual),
        *(line for name, one in _within(manual) for line in _synopsis(name, one)),
        ".SH DESCRIPTION",
        *_paragraphs(manual.about),
        *_tagged(manual.arguments),
        ".SH OPTIONS",
        *_tagged((option.shown, option.help) for option in manual.options),
    ]
    if manual.commands:
        lines.append(".SH COMMANDS")
    for name, one in _within(manual):
        lines += [f".SS {_roff(name)}", *_paragraphs(one.about)]
        lines += _tagged(one.arguments)
        lines += _tagged((option.shown, option.help) for option in one.options)
    lines += [".SH EXIT STATUS", *_tagged(_EXIT_CODES.items())]
    lines += [".SH SEE ALSO", ",\n".join(f".BR {_roff(name)} (1)" for name in others)]
    return "\n".join(lines) + "\n"


def _within(manual: Manual) -> Iterator[tuple[str, Manual]]:
    """The commands within one, and those within these, by all of their words."""
    for one in manual.commands:
        yield f"{manual.name} {one.name}", one
        yield from ((f"{manual.name} {name}", inner) for name, inner in _within(one))


def _synopsis(name: str, manual: Manual) -> list[str]:
    return [f".B {_roff(name)}", _roff(manual.usage), ".br"]


def _paragraphs(text: str) -> list[str]:
    return [line for part in text.split("\n\n") for line in (".PP", _roff(" ".join(part.split())))]


def _tagged(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """A paragraph for each, under its name."""
    return [line for tag, text in pairs for line in (".TP", f".B {_roff(tag)}", _roff(text))]


def _roff(text: str) -> str:
    """Text of which roff takes nothing for an order."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
