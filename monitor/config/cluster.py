"""The options of a site that a Ray cluster watches."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from monitor.config.base import Options
from monitor.config.shard import MOST


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{path}: a whole path is needed, such as /var/lib/har-monitor")
    return path


class ClusterOptions(Options):
    """How --cluster shares a site's cameras out among the machines of a Ray cluster."""

    shards: int = Field(ge=1, le=MOST, strict=True)  # processes that share the cameras of each zone
    # Of each machine: alert logs and whatever else its shards write, a folder for each of them.
    folder: Annotated[Path, AfterValidator(_absolute)] = Path("/var/lib/har-monitor/cluster")
