"""A place in object storage, as it is written in the configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator

from monitor.errors import ConfigError
from monitor.names import is_printable
from monitor.sources.address import redact_argument

ALLOWED = "s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER"
_SCHEMES = ("s3", "gs", "az", "file")
_BUCKET = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{1,221}")


@dataclass(frozen=True)
class ObjectUrl:
    """Where objects lie: a bucket, and what their names begin with; or a folder."""

    scheme: str
    root: str  # BUCKET/PREFIX, or the folder

    def __str__(self) -> str:
        return f"{self.scheme}://{self.root}"

    @classmethod
    def parse(cls, text: str) -> ObjectUrl:
        """What is written as `text`; ConfigError, which shows no password, if it is none."""
        shown = f"{redact_argument(text):.200}"
        try:
            parts = urlsplit(text)
        except ValueError:
            raise ConfigError(f"{shown}: not a valid URL; allowed: {ALLOWED}") from None
        if parts.scheme not in _SCHEMES or not is_printable(text):
            raise ConfigError(f"{shown}: allowed: {ALLOWED}")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise ConfigError(
                f"{shown}: no user, password or parameter may stand in it: keys belong into the "
                f"environment; allowed: {ALLOWED}"
            )
        path = parts.path.strip("/")
        if any(part in ("", ".", "..") for part in path.split("/")) and path:
            raise ConfigError(f"{shown}: its path holds an empty part, or . or ..")
        if parts.scheme == "file":
            if parts.netloc or not path:
                raise ConfigError(f"{shown}: a whole path is needed: file:///FOLDER")
            return cls(parts.scheme, f"/{unquote(path)}")
        if _BUCKET.fullmatch(parts.netloc) is None:
            raise ConfigError(f"{shown}: no bucket of this name can be; allowed: {ALLOWED}")
        return cls(parts.scheme, f"{parts.netloc}/{path}".rstrip("/"))


def _checked(text: str) -> str:
    try:
        ObjectUrl.parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return text


ObjectPlace = Annotated[str, AfterValidator(_checked)]  # an ObjectUrl, as it was written
