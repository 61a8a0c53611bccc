"""The options of where things go: the sinks, the page and the metrics."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from monitor.config.base import Options
from monitor.config.object_url import ObjectPlace
from monitor.errors import ConfigError
from monitor.listening import LOCAL_ADDRESSES
from monitor.names import Name
from monitor.paths import Place, placed


class AlertLogOptions(Options):
    """A sink: the alert log, JSON lines."""

    type: Literal["log"] = "log"
    path: Place = Path("alerts.jsonl")  # "-" is standard output
    max_mib: float = Field(64, gt=0, le=65536)  # a larger file becomes PATH.1, that PATH.2, ...
    keep: int = Field(5, ge=1, le=1000)  # rotated files


class ConsoleOptions(Options):
    """A sink: lines on standard error."""

    type: Literal["console"] = "console"


class EvidenceOptions(Options):
    """A sink: a clip, a snapshot and a filmstrip of each activity, FOLDER/DATE/CAMERA/ID.*."""

    type: Literal["evidence"] = "evidence"
    folder: Place = Path("evidence")
    # Object storage into which all of it is copied, such as s3://BUCKET/PREFIX; null: none.
    copy_to: ObjectPlace | None = None
    pre_roll_s: float = Field(5, ge=0, le=60)  # before the activity begins
    post_roll_s: float = Field(5, ge=0, le=60)  # after it has ended
    ring_mib: float = Field(40, gt=0, le=1024)  # of packets kept of each camera; less pre-roll then
    rolling_min: float = Field(0, ge=0, le=10080)  # minutes kept of every stream; 0: none
    max_gib: float = Field(10, gt=0, le=65536)  # of all evidence; the oldest is deleted
    keep_days: float = Field(30, gt=0, le=36500)  # older evidence is deleted
    min_free_gib: float = Field(1, ge=0, le=65536)  # of the disk; evidence is deleted, then ends


DEFAULT_STORE = "events.sqlite"


def _store_place(where: str, info: ValidationInfo) -> str:
    try:
        return where if "://" in where else placed(where, info.context or "")
    except ConfigError as error:
        raise ValueError(str(error)) from None


# A SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.
StoreUrl = Annotated[str, AfterValidator(_store_place)]


class StoreOptions(Options):
    """A sink: the event store."""

    type: Literal["store"] = "store"
    # A SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE.
    url: Annotated[str, AfterValidator(_store_place)] = Field(
        DEFAULT_STORE, min_length=1, repr=False
    )
    site: Name | None = None  # whose cameras --shard shares out; no two sites share a store


SinkOptions = Annotated[
    AlertLogOptions | ConsoleOptions | EvidenceOptions | StoreOptions, Field(discriminator="type")
]


# Where something listens: a name or an address of this machine.
Host = Annotated[str, Field(pattern=r"^[0-9A-Za-z.:-]{1,253}$")]
Port = Annotated[int, Field(ge=0, le=65535, strict=True)]  # 0: any that is free
HostName = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,253}$")]


class WebOptions(Options):
    """The page, in a process of its own beside the watching."""

    host: Host = "127.0.0.1"
    port: Port = 8470
    hosts: tuple[HostName, ...] = ()  # other names by which browsers may call it
    users: Place | None = None  # file of har-monitor passwd; null: whoever is at this machine
    certificate: Place | None = None  # of TLS, PEM, with the chain
    key: Place | None = None  # of the certificate
    plain_http: bool = False  # true: no TLS though others may look, such as behind a proxy
    add_cameras: bool = False  # true: admins add cameras on the page, in the file of --config

    @model_validator(mode="after")
    def _lets_nobody_in(self) -> "WebOptions":
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        if self.host in LOCAL_ADDRESSES:
            return self
        if self.users is None:
            raise ValueError(f"host {self.host}: others may look, so users are needed")
        if self.certificate is None and not self.plain_http:
            raise ValueError(
                f"host {self.host}: passwords would be sent as they are; "
                "certificate and key are needed, or plain_http: true behind a proxy with TLS"
            )
        return self


class MetricsOptions(Options):
    """The metrics, for Prometheus. Whoever reaches the address may read them."""

    host: Host = "127.0.0.1"
    port: Port = 8471
