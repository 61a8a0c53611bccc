"""Object storage of one's own that speaks S3: moto's server."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from testkit.patience import LIMIT_S

BUCKET = "evidence"
_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
_SET_UP = 4  # requests for which no right is needed: those of `start`


@dataclass
class ObjectServer:
    """A server with one bucket; if it checks keys, only its user may do anything."""

    log: Path
    port: int
    checks_keys: bool = False
    key: str = "any"
    secret: str = field(default="s3cret", repr=False)
    _popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """What those need who use it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }

    def start(self) -> None:
        """Start it, and make the bucket and the user."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        environment = dict(os.environ)
        if self.checks_keys:
            environment["INITIAL_NO_AUTH_ACTION_COUNT"] = str(_SET_UP)
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        end_s = time.monotonic() + LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                break
            except OSError:
                assert self._popen.poll() is None, self.log.read_text()
                assert time.monotonic() < end_s
                time.sleep(0.02)
        self._client("s3").create_bucket(Bucket=BUCKET)
        if self.checks_keys:
            self._make_user()

    def _make_user(self) -> None:
        iam = self._client("iam")
        iam.create_user(UserName="har")
        made = iam.create_access_key(UserName="har")["AccessKey"]
        iam.put_user_policy(UserName="har", PolicyName="all", PolicyDocument=json.dumps(_POLICY))
        self.key, self.secret = made["AccessKeyId"], made["SecretAccessKey"]

    def objects(self) -> dict[str, bytes]:
        """All that is in the bucket, by name."""
        client = self._client("s3")
        found = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        names = [one["Key"] for page in found for one in page.get("Contents", ())]
        return {name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names}

    def puts(self) -> list[str]:
        """The names of what was put there, in order, as the server has logged it."""
        put = re.compile(rf'"PUT /{BUCKET}/(\S+) HTTP[^"]*" 200')
        return [unquote(found[1]) for found in put.finditer(self.log.read_text())]

    def stop(self) -> None:
        """End it; what it holds is lost."""
        if self._popen is not None:
            self._popen.kill()
            self._popen.wait(LIMIT_S)
            self._popen = None

    def _client(self, service: str) -> Any:
        import boto3  # takes a third of a second, and only tests that need it pay

        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
        )


@contextmanager
def object_server(
    folder: Path, *, checks_keys: bool = False, running: bool = True
) -> Iterator[ObjectServer]:
    """A server, which is started if it is to run from the start."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = ObjectServer(folder / "s3.log", port, checks_keys)
    if running:
        server.start()
    try:
        yield server
    finally:
        server.stop()
