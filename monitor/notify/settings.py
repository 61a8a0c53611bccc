"""What the notifier's process is told of the configuration."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from monitor.config.notifications import NotifyOptions


class NotifySettings(BaseModel):
    """All that notifications need; it has secrets: it is written with the context `REVEALED`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    notify: NotifyOptions
    store: str = Field(repr=False)  # as an EventStore takes it; may hold a password
    log: Path | None  # the alert log beside the store
    evidence: Path | None  # the folder of snapshots; null: there are none
    copies: str | None = None  # object storage to which they are copied, a URL
    # Who this is to the other notifiers of the store, identity and words: one of them notifies at a
    # time, under a lease. Null: the store has no other.
    holder: tuple[str, str] | None = None
