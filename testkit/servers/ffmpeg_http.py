"""An HTTP camera with sound: MPEG-TS made by FFmpeg, from its beginning for each visitor."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def transport_stream(pictures_s: float, *encoding: str) -> Iterator[str]:
    """The URL of a stream whose sound goes on for ever, and whose pictures for `pictures_s`."""
    picture = f"testsrc2=size=128x96:rate=25:duration={pictures_s}"
    inputs = ("-re", "-f", "lavfi", "-i", picture, "-re", "-f", "lavfi", "-i", "sine")
    video = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25")
    # FFmpeg's limit of waiting for the other stream, so that sound alone is sent at once.
    output = ("-max_interleave_delta", "1", "-flush_packets", "1", "-f", "mpegts", "pipe:1")
    command = ("ffmpeg", "-v", "quiet", *inputs, *video, *encoding, "-c:a", "mp2", *output)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Have FFmpeg write until the visitor hangs up."""
            self.send_response(200)
            self.end_headers()
            subprocess.run(command, stdin=subprocess.DEVNULL, stdout=self.connection.fileno())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # so that its close waits for every handler

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="ffmpeg-http")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/cam"
        finally:
            server.shutdown()
            thread.join()
