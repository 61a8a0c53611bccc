"""Event stores: one in a file, one in a PostgreSQL server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from monitor.store.database import place
from monitor.store.store import EventStore
from testkit.servers.postgres import Postgres, postgres


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Postgres]:
    """A PostgreSQL server that outlives a test, with what the test left in it."""
    with postgres() as running:
        yield running


@pytest.fixture
def server(shared_server: Postgres) -> Postgres:
    """A PostgreSQL server without a table."""
    engine = sa.create_engine(place(shared_server.url))
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return shared_server


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty store."""
    if request.param == "sqlite":
        return str(tmp_path / "events.sqlite")
    url: str = request.getfixturevalue("server").url
    return url


@pytest.fixture
def store(where: str) -> Iterator[EventStore]:
    """An empty store."""
    opened = EventStore(where)
    yield opened
    opened.close()
