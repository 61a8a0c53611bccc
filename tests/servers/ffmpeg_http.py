"""An HTTP camera with sound: MPEG-TS from FFmpeg's own server, for one visitor."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def transport_stream(pictures_s: float, *encoding: str) -> Iterator[str]:
    """The URL of a stream whose sound goes on for ever, and whose pictures for `pictures_s`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    picture = f"testsrc2=size=128x96:rate=25:duration={pictures_s}"
    inputs = ("-re", "-f", "lavfi", "-i", picture, "-re", "-f", "lavfi", "-i", "sine")
    video = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25")
    # FFmpeg's limit of waiting for the other stream, so that sound alone is sent at once.
    output = ("-max_interleave_delta", "1", "-flush_packets", "1", "-f", "mpegts", "-listen", "1")
    url = f"http://127.0.0.1:{port}/cam"
    command = ("ffmpeg", "-v", "error", *inputs, *video, *encoding, "-c:a", "mp2", *output, url)
    with subprocess.Popen(command) as server:
        try:
            yield url
        finally:
            server.kill()
