"""How a stream is decoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import VideoFrame

    from monitor.decode.scheduler import DecodeScheduler
    from monitor.decode.tap import PacketTap


@dataclass(frozen=True)
class Decoding:
    """What of a stream is decoded, and how."""

    # Smooths the borders of blocks. Without it a picture of H.264 costs a fifth less, and averaged
    # down to a model's size it is off by 0.06 grey levels.
    loop_filter: bool = True
    # A scene that has been still for a while is only looked at in its key frames, where these are
    # at most so many seconds apart; None: everything is decoded at all times.
    idle_max_delay_s: float | None = None
    context_s: float = 0.0  # how far before a movement its first window begins: so much is decoded
    turn_s: float = 0.0  # that is seen of it at least, each time it has its turn
    hardware: str | None = None  # FFmpeg's name of what decodes; None: the cores
    # Shared by all streams that must not fall behind; None: of a file.
    scheduler: DecodeScheduler | None = None
    suspicious: Callable[[], bool] = lambda: False  # whether it may show an activity just now
    alert_s: float = 0.0  # that is seen beyond it then: from the first window to the alert
    tap: PacketTap | None = None  # is shown the packets of a network stream
    looked_at: Callable[[], bool] = lambda: False  # whether somebody sees it: then nothing is idle
    on_still: Callable[[VideoFrame], object] = lambda picture: (
        None
    )  # takes key frames of idle scenes


FULL = Decoding()
