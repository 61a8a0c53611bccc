"""Where a file can be parted: at key frames, by its packets alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

import av
from av import Packet, VideoStream

from monitor.decode.ffmpeg import UNTIMED, open_file, reason, video_stream
from monitor.decode.pts import FramePts
from monitor.decode.timestamps import TimestampRepair
from monitor.errors import SourceOpenError
from monitor.scan.job import ModelFile, Plan, PlanJob, Segment, Start
from monitor.scan.models import load_model
from monitor.sources.file import FileSource, KeyFrame, declared_s, frame_rate, packets_from
from monitor.states import OpenFailure
from monitor.windows.buffer import WindowBuffer

WHOLE = (Segment(),)
# Of a segment: a file that is hardly longer is not parted, and a shorter rest is no segment.
_LONGEST, _LEAST = 1.5, 0.25
_REORDERED = 32  # packets, of which no codec shows the first one later than the last


def plan_file(job: PlanJob, model: ModelFile) -> Plan:
    """How a file is scanned; SourceOpenError if it is no video that can be read.

    Only a file that is to be parted is read for it, and none of it is decoded. What the packets
    promise is a guess: whoever joins the segments checks that they fit.
    """
    film, path = job.film, job.film.path
    source = FileSource(path)
    source.open()
    source.close()
    film.check_unchanged()
    with open_file(path) as container:
        stream = video_stream(container)
        assert stream is not None  # or it could not have been opened
        said_s = declared_s(container, stream)
    if 0 < said_s <= _LONGEST * job.segment_s:
        return Plan(WHOLE, said_s)
    windows = film.camera.windows
    spec = load_model(model).metadata.clip
    borders: list[Start] = []
    try:
        for start in starts(path, WindowBuffer("", spec, windows.stride, windows.max_gap_s)):
            if start.time_s - (borders[-1].time_s if borders else 0.0) >= job.segment_s:
                borders.append(start)
    except av.FFmpegError as error:
        if not borders:
            raise SourceOpenError(f"{path}: {reason(error)}", OpenFailure.INVALID) from None
    if borders and said_s and said_s - borders[-1].time_s < _LEAST * job.segment_s:
        borders.pop()
    ends = [*(start.time_s for start in borders), None]
    return Plan(tuple(map(Segment, (None, *borders), ends)), said_s)


def starts(path: Path, buffer: WindowBuffer, after: Start | None = None) -> Iterator[Start]:
    """The key frames of a file, or of its rest, where reading can begin; FFmpeg's errors.

    They end where nothing can be told from packets alone: where times are missing, or fall. Time
    passes for the buffer as it does for those that see the pictures.
    """
    with open_file(path) as container:
        stream = video_stream(container)
        assert stream is not None  # or it could not have been opened
        stamps = FramePts(stream)
        if container.format.name in UNTIMED or not stamps.are_pts:
            return
        count, fps = 0, frame_rate(stream).fps
        times = TimestampRepair(str(path), lambda: count / fps)
        origin_s = last_s = first_s = None
        packets: Iterator[Packet[VideoStream]] = container.demux(stream)
        if after is not None:
            packets = packets_from(stream, after.key.pts)
            origin_s, last_s = after.key.origin_s, after.key.last_s
            times.resume(origin_s, last_s)
            buffer.resume(after.place)
            first_s = stamps.seconds(after.key.pts)
        for pts, is_key in _as_shown(packets):
            pts_s = stamps.seconds(pts)
            if pts_s is None:
                return
            if first_s is not None and pts_s < first_s:
                continue
            if origin_s is None:
                origin_s = pts_s
            time_s = times.of(pts_s)
            count += 1
            if time_s is None:
                continue
            if last_s is not None:
                if time_s < last_s:
                    return
                if is_key and time_s == pts_s - origin_s:
                    yield Start(KeyFrame(pts, origin_s, last_s), buffer.place, time_s)
            buffer.skip(time_s)
            last_s = time_s


def _as_shown(packets: Iterable[Packet[VideoStream]]) -> Iterator[tuple[int, bool]]:
    """The pts of packets, and whether they are key frames, in the order in which they are shown.

    What comes before the first key frame cannot be decoded. It ends where a packet has no pts.
    """
    waiting: list[tuple[int, bool]] = []
    begun = False
    for packet in packets:
        begun = begun or packet.is_keyframe
        if not (begun and packet.size) or packet.is_discard:
            continue
        if packet.pts is None:
            return
        heapq.heappush(waiting, (packet.pts, packet.is_keyframe))
        if len(waiting) > _REORDERED:
            yield heapq.heappop(waiting)
    while waiting:
        yield heapq.heappop(waiting)
