"""What the process of the page is told when it starts; it reads no configuration itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from monitor.records import PictureBox


class RegionSettings(BaseModel):
    """A region of a camera's picture."""

    model_config = ConfigDict(frozen=True)

    name: str
    corners: tuple[tuple[float, float], ...]  # fractions of the picture
    bounds: PictureBox


class ModelSettings(BaseModel):
    """A model of a camera."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    sha256: str


class ShadowSettings(BaseModel):
    """The two models of a camera of which one is tried out."""

    model_config = ConfigDict(frozen=True)

    model: ModelSettings  # raises the alerts just now
    shadow: ModelSettings  # is tried out
    promoted: bool  # whether they have changed places: the configuration names them the other way


class CameraSettings(BaseModel):
    """A camera that is watched."""

    model_config = ConfigDict(frozen=True)

    name: str
    source: str  # without credentials
    live: bool  # no file
    regions: tuple[RegionSettings, ...]
    tried: ShadowSettings | None = None
    labels: tuple[str, ...] = ()  # that its model alerts of


class WebSettings(BaseModel):
    """All that the page needs to know; it goes over a pipe, for it may hold a password.

    What the configuration says anew of cameras and models comes later over the link.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    port: int
    hosts: tuple[str, ...]  # names by which it may be called, beside its address
    users: Path | None = None  # their file; None: whoever is at this machine
    certificate: Path | None = None  # of TLS, with its key
    key: Path | None = None
    store: str = Field(repr=False)
    log: Path  # the alert log, beside which the reviews are
    evidence: Path
    copies: str | None = None  # object storage to which evidence is copied, a URL
    min_free_gib: float = 0.0  # of its disk: copies of clips leave so much
    rolling_min: float = 0.0  # minutes recorded of each stream
    adding: bool = False  # whether admins may add cameras
    cameras: tuple[CameraSettings, ...]
    models: tuple[tuple[str, str], ...]  # what --check says of them: name and text
    configuration: str  # in force, without secrets; YAML
    since: AwareDatetime  # when that began
    lease: tuple[str, int] | None = None  # under which the cameras are watched: name and epoch
    # Of a node of a cluster: its folder, and where its shards have their evidence in it.
    beside: tuple[Path, str] | None = None
    site: bool = False  # it is the page over all shards: others watch the cameras

    @property
    def of_shard(self) -> str:
        """What the page over all shards is told of it: `ShardSettings`, JSON."""
        models = tuple(fact for fact in self.models if fact[0] != "shard")
        return ShardSettings(cameras=self.cameras, models=models).model_dump_json()


class ShardSettings(BaseModel):
    """What the page over all shards is told of one of them."""

    model_config = ConfigDict(frozen=True)

    cameras: tuple[CameraSettings, ...] = ()
    models: tuple[tuple[str, str], ...] = ()
