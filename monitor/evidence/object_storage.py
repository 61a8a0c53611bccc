"""Object storage, by fsspec: files are put there, listed and read.

Nothing here is imported without the option; the keys are those of the environment, as each kind of
storage has its own: AWS_ACCESS_KEY_ID and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.config.object_url import ObjectUrl
from monitor.errors import ConfigError, MonitorError
from monitor.evidence.places import RemoteFile
from monitor.names import printable
from monitor.sources.address import redact

if TYPE_CHECKING:
    from obstore.fsspec import FsspecStore

CONNECT_S = 3.0
_RETRIES = 1  # of a request, at once; whoever asks tries again later
_PACKAGES = ("fsspec", "obstore")
_CODE = re.compile(r"<Code>(\w{1,80})</Code>")  # of an answer of S3
_REQUEST = re.compile(r".*Error performing [A-Z]+ (\S+) in .*? - (.*)", re.DOTALL)
_HOST = re.compile(r"[a-z]+://[^/?\s]+")
_LONGEST = 200  # characters of a reason


class StorageError(MonitorError):
    """Object storage does not do now what it is asked for; perhaps later."""


def check_packages(url: str) -> None:
    """ConfigError if what reaches object storage is not installed."""
    if any(find_spec(name) is None for name in _PACKAGES):
        raise ConfigError(f"evidence: copy_to {url}: needs pip install 'har-monitor[objects]'")


class ObjectStorage:
    """What lies below one URL; any thread may call it. All errors are StorageError."""

    def __init__(self, url: str, request_s: float) -> None:
        """`request_s`: that a request may take, of which a large file needs several."""
        self._url = ObjectUrl.parse(url)
        self._request_s = request_s
        self._files: FsspecStore | None = None

    def __str__(self) -> str:
        return str(self._url)

    def put(self, path: Path, name: str) -> None:
        """Put a file there, whole or not at all; an older one of this name is replaced."""
        with self._told():
            self._opened().put_file(str(path), self._path(name))

    def list(self, folder: str) -> Mapping[str, RemoteFile]:
        """The files of a folder, by their names without it; none if there is no such folder."""
        with self._told():
            storage = self._opened()
            try:
                found = storage.ls(self._path(folder), detail=True)
            except FileNotFoundError:
                return {}
        return {
            (name := one["name"].rpartition("/")[2]): self._file(f"{folder}/{name}", one)
            for one in found
            if one["type"] == "file"
        }

    def _file(self, name: str, about: dict[str, object]) -> RemoteFile:
        def read(start: int, end: int) -> bytes:
            with self._told():
                data: bytes = self._opened().cat_file(self._path(name), start=start, end=end)
                return data

        return RemoteFile(size=int(str(about["size"])), tag=str(about["e_tag"]), read=read)

    def _path(self, name: str) -> str:
        return f"{self._url.root}/{name}".rstrip("/")

    def _opened(self) -> FsspecStore:
        """Opened when it is first needed: the import takes a moment."""
        if self._url.scheme == "file" and not Path(self._url.root).is_dir():
            # It is not made: what is to be mounted there is not, and the disk is another.
            raise StorageError(f"{self._url}: there is no such folder")
        if self._files is None:
            from obstore.fsspec import FsspecStore

            # fsspec gives the same object to whoever gives the same options, whatever the keys are.
            options: dict[str, Any] = {"protocol": self._url.scheme, "skip_instance_cache": True}
            if self._url.scheme != "file":
                limit = timedelta(seconds=self._request_s)
                connect = timedelta(seconds=CONNECT_S)
                options["client_options"] = {
                    "allow_http": True,  # if the environment names such an address
                    "connect_timeout": connect,
                    "timeout": limit,
                }
                options["retry_config"] = {"max_retries": _RETRIES, "retry_timeout": limit}
            self._files = FsspecStore(**options)
        return self._files

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors inside the block become one line."""
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            raise StorageError(f"{self._url}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What an error says, in a few words, without any key."""
    text = str(error).partition("\n\nDebug source")[0]
    request = _REQUEST.fullmatch(text)
    said = text if request is None else request[2]
    if request is not None and "error sending request" in said:
        host = _HOST.match(request[1])
        said = f"{'it' if host is None else host[0]} does not answer"
    said = said.removeprefix("Server returned non-2xx status code: ")
    if (code := _CODE.search(said)) is not None:
        said = f"{said.partition(':')[0]}: {code[1]}"
    return printable(redact(" ".join(said.split())))[:_LONGEST]
