"""A second reader of a camera's packets and pictures, beside its decoder and its windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream


class PacketTap(Protocol):
    """Is shown what comes of a camera, on its capture thread, which it must not hold up.

    Packets of a stream, and pictures that were decoded, are handed over as they are, and nothing is
    copied: a tap may keep them, but must not change them.
    """

    def connect(self, stream: VideoStream) -> None:
        """A connection begins: its packets follow."""

    def take(self, packet: Packet[VideoStream], pts_s: float | None) -> None:
        """The next packet, with its pts in seconds, if it has one."""

    def align(self, offset_s: float) -> None:
        """The camera's time axis is, from here on, so many seconds ahead of the pts."""

    def see(self, picture: VideoFrame, time_s: float) -> None:
        """The next picture, with its time on the camera's axis."""
