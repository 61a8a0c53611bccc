"""A small H.264 copy of a clip, for browsers that cannot play the clip itself, which is H.265."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import av
from av import VideoStream
from av.container import InputContainer

from monitor.atomic import replacing
from monitor.decode.decoder import DecodedFrame, FullDecoder
from monitor.decode.ffmpeg import apply_rotation, open_file, reason, video_stream
from monitor.errors import SourceError
from monitor.evidence.clip_writer import ClipWriter
from monitor.evidence.encoder import Fitter, PictureEncoder, Rate

SIDE_PX, FPS = 640, 15.0  # at most: what happened is plain to see, and it is made soon
PRESET = "veryfast"  # three fifths of the bytes of ultrafast
MAX_S = 600.0  # of a clip; what comes later is left out


def make_copy(clip: Path, copy: Path) -> None:
    """Write the copy, as old as the clip was.

    SourceError if no copy can be made of it, another MonitorError if none can be written.
    """
    try:
        about = clip.stat()
        container = open_file(clip)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"the clip cannot be read: {reason(error)}") from None
    with container, replacing(copy) as temporary:
        stream = video_stream(container)
        if stream is None:
            raise SourceError("the clip holds no video")
        if stream.codec_context.name == "h264" and stream.pix_fmt in ("yuv420p", "yuvj420p"):
            raise SourceError("the clip itself is H.264, which every browser plays")
        _encode(container, stream, temporary)
        # So that retention sees no newer event, and whoever asks for it sees if the clip has grown.
        os.utime(temporary, ns=(about.st_atime_ns, about.st_mtime_ns))


def _encode(container: InputContainer, stream: VideoStream, path: Path) -> None:
    rate, fitter = Rate(FPS), Fitter(SIDE_PX)
    encoder: PictureEncoder | None = None
    writer: ClipWriter | None = None
    from_s: float | None = None
    for decoded in _pictures(container, stream):
        if decoded.pts_s is None or decoded.picture is None:
            continue
        from_s = decoded.pts_s if from_s is None else from_s
        if decoded.pts_s - from_s > MAX_S:
            break
        if not rate.wants(decoded.pts_s):
            continue
        # A camera may have changed its size: what it was first counts.
        size = None if encoder is None else encoder.size
        picture = fitter.fit(apply_rotation(decoded.picture), size)
        if encoder is None or writer is None:
            encoder = PictureEncoder(picture.width, picture.height, PRESET)
            writer = ClipWriter(path, encoder.template, reorder=0)
        writer.write(encoder.encode(picture, decoded.pts_s))
    if writer is None:
        raise SourceError("no picture of the clip can be decoded")
    writer.close()


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[DecodedFrame]:
    """All that can be decoded, up to where the file is broken."""
    stream.thread_type = "NONE"
    decoder = FullDecoder(stream)
    try:
        for packet in container.demux(stream):
            yield from decoder.decode(packet)
    except av.FFmpegError:
        pass
    yield from decoder.finish()
