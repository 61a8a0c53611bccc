"""har-monitor passwd: the users of the page."""

import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, get_args

import typer
from pydantic import ValidationError
from rich.console import Console

from monitor.cli.command import Command, exit_codes, start_logging
from monitor.cli.interrupt import interruptible
from monitor.errors import ConfigError, MonitorError
from monitor.web.users import RoleName, UserEntry, UsersFile, hash_password, new_token

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ROLES = get_args(RoleName)


@app.command(cls=Command)
def main(
    name: Annotated[str, typer.Argument(help="Of the user.", show_default=False)],
    users: Annotated[
        Path, typer.Option(help="File of users, as named by web.users of the configuration.")
    ] = Path("users.json"),
    role: Annotated[
        str | None,
        typer.Option(help="viewer, reviewer or admin.", show_default="viewer, or as it was"),
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(
            help="The only cameras that the user sees. Once per camera.",
            show_default="all, or as it was",
        ),
    ] = None,
    token: Annotated[
        bool, typer.Option("--token", help="Make a token for a program, in place of a password.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the user.")] = False,
) -> None:
    """Add a user of the page, or change one: the password is asked for, or read from a pipe."""
    console = Console(stderr=True)
    # Ctrl-C at the question for the password gives the terminal back as it was.
    with exit_codes(console), interruptible(lambda: None):
        start_logging(console, verbose=False)
        known = UsersFile.read(users)
        before = known.users.get(name)
        if remove:
            if before is None:
                raise ConfigError(f"users {users}: no user {name}")
            known.without(name).write(users)
            typer.echo(f"{name} is removed")
            return
        if role is not None and role not in ROLES:
            raise ConfigError(f"--role {role}: allowed: {', '.join(ROLES)}")
        made, kept = new_token() if token else (None, None)
        entry = {
            "role": role or (before.role if before else "viewer"),
            "cameras": camera or (before.cameras if before else None),
            "password": None if token else hash_password(_password()),
            "token": kept,
        }
        try:
            changed = known.with_user(name, UserEntry.model_validate(entry))
        except ValidationError as error:
            raise ConfigError(f"{name}: {error.errors()[0]['msg'].lower()}") from None
        changed.write(users)
        if made is not None:
            typer.echo(made)
        typer.echo(f"{name} is {changed.users[name].role} in {users}", err=True)


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass("Password: ")
    if getpass("Again: ") != password:
        raise MonitorError("the two passwords differ")
    return password
