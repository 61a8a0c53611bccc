"""The alert log read back: activities that were started and never ended."""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from monitor.events.alert import SCHEMA, AlertEvent
from monitor.events.log_file import rotated

_LONGEST = 1 << 16  # bytes of a line; ours are far below

Record = dict[str, Any]


def records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Every alert of some lines; what is none is passed over, for others may have written there."""
    for line in lines:
        if len(line) > _LONGEST:
            continue
        try:
            found = json.loads(line, parse_float=_number, parse_constant=_number)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and found.get("schema") == SCHEMA:
            yield found


def _number(text: str) -> float | None:
    """JSON knows neither NaN nor infinity; others write them all the same."""
    value = float(text)
    return value if math.isfinite(value) else None


def unended(found: Iterable[Record]) -> list[Record]:
    """The starts that no end follows, in their order."""
    opened: dict[str, Record] = {}
    for record in found:
        match record:
            case {"event": "start", "id": str(name)}:
                opened[name] = record
            case {"event": "end", "id": str(name)}:
                opened.pop(name, None)
    return list(opened.values())


def orphans(path: Path) -> list[AlertEvent]:
    """The starts without an end in a log and in the one that was rotated last.

    OSError if a log cannot be read.
    """
    return list(
        _alerts(
            unended(
                record
                for place in (rotated(path, 1), path)
                if place.is_file()
                for record in read_records(place)
            )
        )
    )


def newest_alerts(path: Path, most_bytes: int, since_s: float) -> Iterator[AlertEvent]:
    """What a log and the one that was rotated last say in their last bytes, in their order.

    Files that were not written since then (of `time.time`) are not read. OSError if a log cannot
    be read.
    """
    for place in (rotated(path, 1), path):
        if place.is_file() and place.stat().st_mtime > since_s:
            yield from _alerts(read_records(place, most_bytes))


def _alerts(found: Iterable[Record]) -> Iterator[AlertEvent]:
    for record in found:
        with suppress(ValueError):  # somebody else's line
            alert = AlertEvent.model_validate(record)
            alert.model_dump_json()  # so can its end
            yield alert


def read_records(path: Path, most_bytes: int | None = None) -> Iterator[Record]:
    """Every alert of a log, or its last bytes, as it was written; OSError if that fails."""
    with path.open("rb") as file:
        if most_bytes is not None and (skipped := path.stat().st_size - most_bytes) > 0:
            file.seek(skipped)
            file.readline(_LONGEST + 1)  # the rest of a line; or it is none, and passed over
        yield from records(_lines(file))


def _lines(file: Any) -> Iterator[bytes]:
    """Lines, of which one that is too long comes in parts: no line can fill the memory."""
    while line := file.readline(_LONGEST + 1):
        yield line
