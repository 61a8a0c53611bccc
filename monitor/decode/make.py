"""Makes the decoder that suits a stream's options."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from av import Packet, VideoStream

from monitor.decode.decoder import Decoder, FullDecoder
from monitor.decode.idle import MIN_PACKETS, IdleDecoder
from monitor.decode.options import Decoding
from monitor.decode.scheduled import HasTime, ScheduledDecoder
from monitor.decode.scheduler import DecodeScheduler
from monitor.decode.stillness import Stillness

if TYPE_CHECKING:
    from monitor.decode.scheduled import BeginIdle


def make_decoder(
    stream: VideoStream, decoding: Decoding, clock: Callable[[], float] = time.monotonic
) -> Decoder:
    """A decoder for a stream of which nothing was decoded yet."""
    # One thread: frame threads add a frame of delay each, and the cores belong to other cameras.
    stream.codec_context.thread_type = "NONE"
    if not decoding.loop_filter:
        stream.codec_context.options = {"skip_loop_filter": "all"}
    full = FullDecoder(stream, clock)

    def scheduled(
        scheduler: DecodeScheduler,
        begin: Callable[[HasTime], Decoder],
        begin_idle: BeginIdle | None = None,
        may_idle: Callable[[float, int], bool] = lambda gop_s, packets: False,
    ) -> Decoder:
        return ScheduledDecoder(
            begin,
            full,
            scheduler,
            clock,
            begin_idle,
            may_idle=may_idle,
            turn_s=decoding.turn_s,
            suspicious=decoding.suspicious,
            alert_s=decoding.alert_s,
        )

    delay_s = decoding.idle_max_delay_s
    if delay_s is None:
        if decoding.scheduler is None:
            return full
        return scheduled(decoding.scheduler, lambda has_time: full)

    def begin(has_time: HasTime = lambda: True) -> IdleDecoder:
        looked_at, on_still = decoding.looked_at, decoding.on_still
        return IdleDecoder(full, delay_s, decoding.context_s, clock, looked_at, on_still, has_time)

    if decoding.scheduler is None:
        return begin()

    def begin_idle(
        has_time: HasTime, key: Packet[VideoStream], pts_s: float, scene: Stillness
    ) -> Decoder:
        return begin(has_time).begin_idle(key, pts_s, scene)

    def may_idle(gop_s: float, packets: int) -> bool:
        wanted = gop_s <= delay_s and packets >= MIN_PACKETS
        return wanted and full.are_pts and not decoding.looked_at()

    return scheduled(decoding.scheduler, begin, begin_idle, may_idle)
