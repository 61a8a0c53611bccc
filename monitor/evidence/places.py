"""Where the files of an event are: in the folder of this machine, or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from monitor.errors import MonitorError
from monitor.evidence.folder import EventFiles, EvidenceFacts, event_files

PART_BYTES = 1 << 20  # that is read at once


class EventKey(Protocol):
    """What of an event says where its files are."""

    @property
    def id(self) -> str:
        """What its files are called."""

    @property
    def camera(self) -> str:
        """In whose folder they are."""

    @property
    def at(self) -> datetime:
        """On which day it began."""

    @property
    def shard(self) -> str | None:
        """I/N of who recorded it; None if that was no shard."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that is not on this machine."""

    size: int  # bytes
    tag: str  # another one, if the file has changed
    read: Callable[[int, int], bytes] = field(repr=False)  # from a byte up to another; MonitorError

    def parts(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """What lies between two bytes, little by little; MonitorError."""
        last = self.size if end is None else end
        for begin in range(start, last, PART_BYTES):
            yield self.read(begin, min(begin + PART_BYTES, last))


class Elsewhere(Protocol):
    """A place beside the folder of this machine; any thread may ask."""

    def prepare(self, events: Sequence[EventKey]) -> None:
        """Find out what it has of events that are asked for next, if that is faster together."""

    def names(self, event: EventKey) -> Collection[str]:
        """The files that it has of an event; none, if it does not answer."""

    def find(self, event: EventKey, name: str) -> RemoteFile | None:
        """One of them; MonitorError if it does not answer."""


@dataclass(frozen=True)
class EvidenceFinder:
    """Finds the files of events: in the folder, else at the first other place that has them."""

    folder: Path
    elsewhere: Sequence[Elsewhere] = ()
    # Of a node of a cluster: its folder, and the pattern of those where its shards keep evidence.
    beside: tuple[Path, str] | None = None

    def files(self, event: EventKey) -> EventFiles | None:
        """Where they are, or would be, on this machine; None for an id that can have none."""
        of_event = event.camera, event.id, event.at
        try:
            files = event_files(self.folder, *of_event)
        except ValueError:
            return None
        if files.there:
            return files
        others = (event_files(folder, *of_event) for folder in self._others())
        return next((one for one in others if one.there), files)

    @property
    def folders(self) -> list[Path]:
        """Where evidence lies on this machine; the first is the folder."""
        return list(dict.fromkeys((self.folder, *self._others())))

    def _others(self) -> Iterator[Path]:
        if self.beside is not None:
            node, pattern = self.beside
            yield from node.glob(pattern)

    def prepare(self, events: Sequence[EventKey]) -> None:
        """Find out at once what there is of events that are asked for next."""
        left = [event for event in events if not ((files := self.files(event)) and files.there)]
        for place in self.elsewhere if left else ():
            place.prepare(left)

    def find(self, event: EventKey, path: Path) -> Path | RemoteFile | None:
        """A file of `files`, wherever it is; MonitorError if it is perhaps where nobody answers."""
        if path.is_file():
            return path
        fault: MonitorError | None = None
        for place in self.elsewhere:
            try:
                if (found := place.find(event, path.name)) is not None:
                    return found
            except MonitorError as error:
                fault = error
        if fault is not None:
            raise fault
        return None

    def there(self, event: EventKey, paths: Collection[Path]) -> frozenset[Path]:
        """Those files of an event that there are; if none is here, those elsewhere."""
        here = frozenset(path for path in paths if path.is_file())
        for place in () if here else self.elsewhere:
            if names := place.names(event):
                return frozenset(path for path in paths if path.name in names)
        return here

    def facts(self, event: EventKey) -> EvidenceFacts:
        """What is known of them; nothing if there is nothing, or nobody answers."""
        files = self.files(event)
        if files is None:
            return EvidenceFacts()
        try:
            found = self.find(event, files.facts_file)
            if isinstance(found, RemoteFile):
                return EvidenceFacts.model_validate_json(b"".join(found.parts()))
        except (MonitorError, ValidationError):
            return EvidenceFacts()
        return files.facts
