"""What a camera's capture shows the evidence: packets, or pictures where packets make no clip."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.errors import SinkError
from monitor.evidence.encoder import Fitter, PictureEncoder, Rate
from monitor.evidence.ring import PacketRing
from monitor.throttle import LogThrottle

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream

log = logging.getLogger(__name__)

# No browser plays it in MP4, HTTP cameras keep no times of it, and a ring of it would be short.
ENCODED = frozenset(("mjpeg",))
FPS = 15.0  # at most: what people do is plain to see, and more costs more
SIDE_PX = 1280  # at most: the cost grows with the pixels, and more show little more
PRESET = "ultrafast"  # two fifths of the CPU time of veryfast, for three fifths more bytes
REST_S = 10.0  # without a picture the thread ends, and its encoder with it
RETRY_S = 60.0  # from a failure of the encoder to the next try


@dataclass(frozen=True)
class _Waiting:
    """A picture that is to be encoded."""

    picture: VideoFrame
    time_s: float  # on the camera's axis
    connection: int


class CameraTap:
    """A tap that fills the ring of one camera, with its own packets or with H.264 made of it.

    Webcams have no packets, and MJPEG makes no clip that plays: their pictures are encoded, on a
    thread that takes the newest one. If encoding is late, pictures are dropped and counted. The
    thread ends by itself when no picture comes: a camera that has left leaves none behind.
    """

    def __init__(
        self, camera: str, ring: PacketRing, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ring = ring
        self.dropped = 0  # pictures, because a newer one came before they were encoded
        self._camera = camera
        self._clock = clock
        self._throttle = LogThrottle(log, clock)
        self._encodes = True  # a webcam never connects
        self._rate = Rate(FPS)
        self._fitter = Fitter(SIDE_PX)
        self._resting_s = 0.0  # the clock before which nothing is tried again
        self._encoder: PictureEncoder | None = None  # of the thread
        self._encoder_connection = 0
        self._changed = threading.Condition()  # and the lock of what follows
        self._connection = 0  # counts them
        self._newest: _Waiting | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def connect(self, stream: VideoStream) -> None:
        """A connection begins: its packets follow."""
        with self._changed:
            self._connection += 1
            self._newest = None
            self._encodes = stream.codec_context.codec.canonical_name in ENCODED
            if not self._encodes:
                self.ring.connect(stream)

    def take(self, packet: Packet[VideoStream], pts_s: float | None) -> None:
        """The next packet, with its pts in seconds, if it has one."""
        if not self._encodes:
            self.ring.take(packet, pts_s)

    def align(self, offset_s: float) -> None:
        """The camera's time axis is, from here on, so many seconds ahead of the pts."""
        if not self._encodes:
            self.ring.align(offset_s)

    def see(self, picture: VideoFrame, time_s: float) -> None:
        """Leave a picture for the encoder, if one is needed."""
        if not self._encodes or self._clock() < self._resting_s or not self._rate.wants(time_s):
            return
        try:
            # Here, and not on the thread: two must never scale the same picture at once.
            fitted = self._fitter.fit(picture)
            self._leave(_Waiting(fitted, time_s, self._connection))
        except SinkError as error:
            self._fail(error)

    def close(self) -> None:
        """Encode what waits, and end; twice is fine."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _leave(self, waiting: _Waiting) -> None:
        with self._changed:
            if self._closed:
                return
            if self._newest is not None:
                self.dropped += 1
                text = f"camera {self._camera}: encoding is late: its clips lack pictures"
                self._throttle.log(logging.INFO, "late", text)
            self._newest = waiting
            if self._thread is None:
                name = f"encode {self._camera}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # there are too many threads
                    self._newest = None
                    raise SinkError(f"no thread can be had to encode it: {error}") from None
                self._thread = thread
            self._changed.notify()

    def _run(self) -> None:
        try:
            while (waiting := self._next()) is not None:
                try:
                    self._encode(waiting)
                except SinkError as error:
                    self._encoder = None
                    self._fail(error)
        except BaseException:  # a fault of the program: the next picture begins a new thread
            with self._changed:
                self._encoder = None
                self._thread = None
            raise

    def _next(self) -> _Waiting | None:
        """The newest picture; None at the end, or if none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._closed, REST_S)
            waiting, self._newest = self._newest, None
            if waiting is None:
                self._encoder = None
                self._thread = None
            return waiting

    def _encode(self, waiting: _Waiting) -> None:
        size = waiting.picture.width, waiting.picture.height
        encoder, begins = self._encoder, False
        of_before = self._encoder_connection != waiting.connection
        if encoder is None or encoder.size != size or of_before:
            encoder, begins = PictureEncoder(*size, PRESET), True
            self._encoder, self._encoder_connection = encoder, waiting.connection
        packets = encoder.encode(waiting.picture, waiting.time_s)
        with self._changed:
            if waiting.connection != self._connection:  # it has ended meanwhile
                return
            if begins:
                self.ring.connect(encoder.template)
                self.ring.align(0.0)
            for packet in packets:
                self.ring.take(packet, waiting.time_s)

    def _fail(self, error: SinkError) -> None:
        self._resting_s = self._clock() + RETRY_S
        text = f"camera {self._camera}: its clips and its video lack pictures: {error}"
        self._throttle.log(logging.WARNING, "failed", text)
