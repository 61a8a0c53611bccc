"""Files that are not on this machine, sent on as they come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import chain

from fastapi import HTTPException
from fastapi.responses import Response, StreamingResponse

from monitor.evidence.places import RemoteFile

_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")


def remote_response(file: RemoteFile, mime: str, headers: Mapping[str, str]) -> Response:
    """The file, or the part of it that the headers of a request ask for.

    Of more than one part, the whole file is sent, as HTTP allows. HTTPException 416 for a part that
    it does not have; MonitorError if it cannot be had.
    """
    tag = '"{}"'.format(file.tag.strip('"'))
    if headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    found = _RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or headers.get("if-range", tag) != tag:
        start, end, code = 0, file.size, 200
    else:
        start, end, code = *_part(found[1], found[2], file.size), 206
    answer = {"accept-ranges": "bytes", "etag": tag, "content-length": str(end - start)}
    if code == 206:
        answer["content-range"] = f"bytes {start}-{end - 1}/{file.size}"
    parts = file.parts(start, end)
    first = next(parts, b"")  # now: nothing is begun if it cannot be had
    return StreamingResponse(chain((first,), parts), code, answer, mime)


def _part(first: str, last: str, size: int) -> tuple[int, int]:
    """The bytes from one up to another that a range means."""
    if first:
        start, end = int(first), min(size, int(last) + 1 if last else size)
    else:
        start, end = max(0, size - int(last or 0)), size  # the last ones
    if start >= end:
        raise HTTPException(416, "there are no such bytes", {"content-range": f"bytes */{size}"})
    return start, end
