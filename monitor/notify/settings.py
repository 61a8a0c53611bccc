"""What the notifier's process is told of the configuration."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from monitor.config.notifications import NotifyOptions


class NotifySettings(BaseModel):
    """All that notifications need; it has secrets: it is written with the context `REVEALED`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notify: NotifyOptions
    store: str  # as an EventStore takes it
    log: Path | None  # the alert log beside the store
    evidence: Path | None  # the folder of snapshots; null: there are none
