"""Where activities go."""

from typing import Protocol

from monitor.records import Activity


class Sink(Protocol):
    """Takes activities as they start and end; every call is made on one thread, the sink's own."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def waiting(self) -> int:
        """Activities that it was given and could not write yet."""

    @property
    def lost(self) -> int:
        """Activities that it was given and never will write."""

    def write(self, activity: Activity) -> None:
        """Take an activity: one that started where `end_s` is None, else one that ended."""

    def flush(self) -> None:
        """Try again what could not be written; called about once a second."""

    def close(self) -> None:
        """Finish writing; twice is fine."""
