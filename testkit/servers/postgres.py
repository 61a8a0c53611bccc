"""A PostgreSQL server of one's own, on a socket in a folder: Debian's."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from testkit.patience import LIMIT_S


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    folder: Path
    programs: Path
    port: int | None = None  # of this machine; None: it has a socket in the folder alone

    @property
    def url(self) -> str:
        """Of its database; the password is never asked for."""
        port = "" if self.port is None else f"&port={self.port}"
        return f"postgresql://har:s3cret@/postgres?host={self.folder}{port}"

    @property
    def tcp_url(self) -> str:
        """The same, reached by the port."""
        return f"postgresql://har:s3cret@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """End it at once; connections break."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listening = "" if self.port is None else f"127.0.0.1 -p {self.port}"
        options = f"-k {self.folder} -c listen_addresses={listening} -c fsync=off"
        self._control("start", "-o", options, "-l", str(self.folder / "log"))

    def _control(self, order: str, *more: str) -> None:
        run(self.programs / "pg_ctl", order, "-w", "-D", self.folder / "data", *more)


def run(*command: object) -> None:
    """Run one of its programs; as the user postgres, if this is root, whom it refuses."""
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*as_user, *map(str, command)],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would be held open by the server
        stderr=subprocess.DEVNULL,
        timeout=LIMIT_S,
    )


@contextmanager
def postgres(port: int | None = None) -> Iterator[Postgres]:
    """A new server with an empty database; skips the test if it is not installed, but not in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        reason = "no PostgreSQL: apt-get install postgresql (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="har-postgres-", dir="/tmp"))  # a short path: a socket
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        server = Postgres(folder, found[-1].parent, port)
        run(
            server.programs / "initdb", "-D", folder / "data", "-U", "har", "-A", "trust",
            "--no-sync", "-E", "UTF8", "--locale", "C",
        )  # fmt: skip
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
