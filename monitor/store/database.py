"""The database of the event store: where it is, how it is opened, and what can go wrong."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from monitor.errors import MonitorError
from monitor.paths import describe_os_error
from monitor.store.tables import REVISION

LOCKED_S = 2.0  # that a statement waits for another process's write
CONNECT_S = 5  # that PostgreSQL has to answer
# A server that is cut off is noticed within about ten seconds: Linux itself waits a quarter of an
# hour for the answer.
_CUT_OFF = {
    "tcp_user_timeout": 10_000,  # ms
    "keepalives_idle": 4,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Nor does a client that is frozen, or cut off, hold up the others by what it has locked.
_LOCKING = (
    "SET idle_in_transaction_session_timeout = '5s'",
    "SET lock_timeout = '8s'",
)


class StoreError(MonitorError):
    """The event store cannot be used now."""


class StoreDamaged(StoreError):
    """The file of the event store is damaged, or is none."""


def place(where: str) -> URL:
    """Where a store is: the path of a SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.

    StoreError for anything else.
    """
    if "://" not in where:
        return URL.create("sqlite", database=where)
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise StoreError(f"event store: no address; {_ALLOWED}") from None
    if url.drivername not in ("postgresql", "postgres"):
        raise StoreError(f"event store {name(url)}: unknown kind {url.drivername}; {_ALLOWED}")
    return url.set(drivername="postgresql+psycopg")


_ALLOWED = "allowed: the path of a file, or postgresql://USER:PASSWORD@HOST/DATABASE"


def name(url: URL) -> str:
    """What messages call it: without its password."""
    if url.drivername == "sqlite":
        return url.database or ""
    return url.set(drivername=url.get_backend_name()).render_as_string()


def server(where: str) -> tuple[str, int] | None:
    """Host and port of a store's server; None if it is a file, or is reached by a local socket."""
    url = place(where)
    host, port = (url.query.get(key, "") for key in ("host", "port"))
    named = url.host or (host if isinstance(host, str) else host[0]).partition(",")[0]
    if url.drivername == "sqlite" or not named or named.startswith("/"):
        return None
    number = (port if isinstance(port, str) else port[0]).partition(",")[0]
    return named, url.port or int(number or _POSTGRES)


_POSTGRES = 5432  # its port, if none is named


def connect(url: URL) -> Engine:
    """The engine of an existing, new or older store, whose tables are made or brought up to date.

    StoreDamaged if the file is none, StoreError for any other fault.
    """
    sqlite = url.drivername == "sqlite"
    if sqlite:
        _make_private(Path(url.database or ""))
        engine = sa.create_engine(url, connect_args={"timeout": LOCKED_S})
        sa.event.listen(engine, "connect", _on_connect)
    else:
        try:
            limits = {"connect_timeout": CONNECT_S} | _CUT_OFF
            engine = sa.create_engine(url, connect_args=limits, pool_pre_ping=True)
            sa.event.listen(engine, "connect", _on_server_connect)
        except ModuleNotFoundError:
            raise StoreError(
                "PostgreSQL needs psycopg: pip install 'har-monitor[postgres]'"
            ) from None
    try:
        with told(url), _alone(url), engine.begin() as connection:
            if not sqlite:
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            _bring_up_to_date(connection, name(url))
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Faults of the database inside the block become errors of one line."""
    try:
        yield
    except SQLAlchemyError as error:
        text = _reason(error)
        damaged = url.drivername == "sqlite" and any(sign in text for sign in _DAMAGED)
        kind = StoreDamaged if damaged else StoreError
        raise kind(f"event store {name(url)}: {text}") from None


_LOCK = 6_212_874  # of PostgreSQL: any number, the same in every har-monitor


@contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Inside the block no other process makes the tables of a SQLite file.

    Its folder is locked, and not the file: SQLite loses its own locks if somebody closes that.
    """
    if url.drivername != "sqlite":
        yield
        return
    folder = os.open(Path(url.database or "").absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system that knows no locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# What SQLite says of a file that is damaged, or is no database.
_DAMAGED = ("not a database", "malformed", "disk image")


def _reason(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return lines[0].lower() if lines else type(cause).__name__


Identity = tuple[int, int]  # of a file


def identity(url: URL) -> Identity | None:
    """Which file the store of a URL is in just now; None if there is none, or it is a server."""
    if url.drivername != "sqlite" or url.database is None:
        return None
    try:
        found = Path(url.database).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make_private(path: Path) -> None:
    """Make the file, for its owner only: who does what and when is nobody else's business."""
    try:
        path.touch(mode=0o600)
    except OSError as error:
        raise StoreError(describe_os_error(f"event store {path}", error)) from None


def _on_connect(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    # Readers and the writer do not wait for one another. A loss of power may lose the last events,
    # which the alert log still has.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _on_server_connect(connection: Any, record: object) -> None:
    with connection.cursor() as cursor:
        for setting in _LOCKING:
            cursor.execute(setting)
    connection.commit()


def _bring_up_to_date(connection: Connection, named: str) -> None:
    tables = set(sa.inspect(connection).get_table_names())
    found = None
    if "alembic_version" in tables:
        found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    elif "events" in tables:
        raise StoreError(f"event store {named}: its table events is not of har-monitor")
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise StoreError(
            f"event store {named}: made by a newer har-monitor (revision {found}); "
            f"this one knows revision {REVISION}"
        )
    upgrade(connection)


def upgrade(connection: Connection, revision: str = REVISION) -> None:
    """Make the tables, or bring them up to date."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # also what it says when it is imported
    from alembic import command  # only if it is needed: it takes 11 MiB
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
