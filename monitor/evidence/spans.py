"""A span that a person marked in what is recorded, kept as the evidence of an event is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
from av import Packet, VideoStream

from monitor.decode.ffmpeg import open_file, video_stream
from monitor.errors import MonitorError
from monitor.evidence.clip_recorder import packets_between
from monitor.evidence.clip_writer import begin_clip
from monitor.evidence.folder import EventFiles, EvidenceFacts
from monitor.evidence.pictures import THUMBNAIL_WIDTH, jpeg, picture_of_film
from monitor.evidence.retention import in_words, lack_of_room
from monitor.evidence.segments import NotRecorded, Segment, covers, recorded, segments_of
from monitor.mp4 import TICKS_PER_S, TIME_BASE

log = logging.getLogger(__name__)

BESIDE_S = 3.0  # that a clip shows before and after a span, as far as it is recorded
_SHORT_S = 0.5  # by which a clip may end before its span does
_LEAST_S = 0.001  # between two pictures
_MOST_TOLD = 5  # recorded times that an error names


def keep_span(
    folder: Path,
    camera: str,
    start: datetime,
    end: datetime,
    files: EventFiles,
    min_free_gib: float = 0.0,
) -> EvidenceFacts:
    """Keep clip and pictures of a span; their facts, whose axis begins with the span.

    Packets are copied, and nothing is encoded again. NotRecorded if not all of it is recorded;
    MonitorError if a file cannot be read or written, or the disk is nearly full: then none is left.
    """
    segments = _around(folder, camera, start, end)
    with _told(camera):
        if (why := lack_of_room(folder, min_free_gib)) is not None:
            raise MonitorError(f"camera {camera}: {why}")
        files.stem.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            return _keep(segments, start, end, files)
        except BaseException:
            discard(files)
            raise


def _keep(
    segments: Sequence[Segment], start: datetime, end: datetime, files: EventFiles
) -> EvidenceFacts:
    begin_s = _copy(segments, start, end, files.clip)
    middle_s = (end - start).total_seconds() / 2
    picture = picture_of_film(files.clip, middle_s - begin_s)
    if picture is None:
        raise MonitorError("nothing of it can be decoded")
    files.snapshot.write_bytes(jpeg(picture))
    files.thumbnail.write_bytes(jpeg(picture, THUMBNAIL_WIDTH))
    facts = EvidenceFacts(
        width=picture.width,
        height=picture.height,
        snapshot_s=round(middle_s, 3),
        clip_begin_s=round(begin_s, 3),
    )
    files.save(facts)
    files.keep.touch()
    return facts


@contextmanager
def _told(camera: str) -> Iterator[None]:
    """Faults of files inside the block become errors of one line."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise MonitorError(f"camera {camera}: {in_words(error)}") from None


def discard(files: EventFiles) -> None:
    """Delete what was kept of a span; what cannot be deleted is said, and stays."""
    pictures = files.snapshot, files.thumbnail
    notes = files.facts_file, files.keep, files.copied
    for path in (files.clip, files.copy, *pictures, *notes):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s: cannot be deleted: %s", path, in_words(error))


def _around(folder: Path, camera: str, start: datetime, end: datetime) -> list[Segment]:
    """The segments that show a span and what is beside it."""
    beside = timedelta(seconds=BESIDE_S)
    segments = segments_of(folder, camera)
    times = recorded(segments)
    for one in times:
        if covers(one, start, end):
            return [
                each
                for each in segments
                if one.start <= each.start <= one.end
                and each.start < end + beside
                and each.end > start - beside
            ]
    told = [f"{one.start:%Y-%m-%d %H:%M:%S} to {one.end:%Y-%m-%d %H:%M:%S}" for one in times]
    if len(told) > _MOST_TOLD:
        told = [f"{len(told) - _MOST_TOLD} earlier times", *told[-_MOST_TOLD:]]
    raise NotRecorded(
        f"camera {camera}: not all of {start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC is recorded; "
        f"recorded: {', '.join(told) or 'nothing'}"
    )


def _copy(segments: Sequence[Segment], start: datetime, end: datetime, target: Path) -> float:
    """Copy packets into one clip; what it shows first, in seconds from the start of the span.

    It begins with a key frame. Segments encoded otherwise than the one in which the span begins are
    no part of it.
    """
    last = (end - start).total_seconds()
    with ExitStack() as stack:
        template: VideoStream | None = None
        found: list[tuple[Packet[VideoStream], float]] = []
        for segment in segments:
            # They stay open: PyAV 18 crashes with the stream of one that is closed.
            try:
                container = stack.enter_context(open_file(segment.path))
            except av.FFmpegError:
                if found and segment is segments[-1]:  # it has only begun, and holds nothing yet
                    break
                raise
            stream = video_stream(container)
            assert stream is not None  # or it would not have been recorded
            begin_s = (segment.start - start).total_seconds()
            if template is not None and _encoding(stream) != _encoding(template):
                if begin_s >= last:
                    break
                if begin_s > 0:
                    raise NotRecorded(
                        f"the camera's picture changed at {segment.start:%H:%M:%S} UTC: "
                        "mark a span before or after it"
                    )
                found = []
            template = stream
            some = packets_between(
                container, stream, -BESIDE_S - begin_s, last + BESIDE_S - begin_s
            )
            own = [(packet, at_s + begin_s) for packet, at_s in some]
            # What follows is shown after what is there already, to whatever moment it was rounded.
            if found and own:
                shown_s = max(at_s for _, at_s in found) + _LEAST_S
                late_s = max(0.0, shown_s - min(at_s for _, at_s in own))
                own = [(packet, at_s + late_s) for packet, at_s in own]
            found += own
        first_s = min((at_s for _, at_s in found), default=0.0)
        newest_s = max((at_s for _, at_s in found), default=0.0)
        step_s = (newest_s - first_s) / max(1, len(found) - 1)
        if template is None or newest_s + step_s < last - _SHORT_S:
            raise NotRecorded("its last moments are not on the disk yet: try again in a moment")
        begin_clip(target, template, [_placed(one, at_s - first_s) for one, at_s in found]).close()
    return first_s


def _encoding(stream: VideoStream) -> tuple[object, ...]:
    context = stream.codec_context
    return (context.name, context.width, context.height, bytes(context.extradata or b""))


def _placed(packet: Packet[VideoStream], at_s: float) -> Packet[VideoStream]:
    """A packet with its time in a clip."""
    copied: Any = Packet(bytes(packet))
    copied.pts = round(at_s * TICKS_PER_S)
    copied.time_base = TIME_BASE
    copied.is_keyframe = packet.is_keyframe
    return copied  # type: ignore[no-any-return]
