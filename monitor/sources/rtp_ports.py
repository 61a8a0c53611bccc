"""RTP over UDP (RFC 3550): two ports of this machine, to which a camera sends."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from ipaddress import ip_address

_TRIES = 100  # to find two free ports next to each other
_BUFFER_BYTES = 1 << 20  # a key frame comes at once; the system may allow less
_MOST_BYTES = 1 << 16  # of a packet


class RtpPorts:
    """Two ports that take packets of some hosts alone."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._hosts = {host}
        self._targets: list[tuple[str, int]] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._rtp, self._rtcp = _pair(family)
        self._rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._poll = select.poll()
        self._poll.register(self._rtp, select.POLLIN)
        self._poll.register(self._rtcp, select.POLLIN)

    @property
    def numbers(self) -> tuple[int, int]:
        """The ports for packets and for reports."""
        return self._rtp.getsockname()[1], self._rtcp.getsockname()[1]

    def send_from(self, source: str, ports: tuple[int, int] | None) -> None:
        """Where the camera says that it sends from, if it does.

        What is sent there opens a firewall for what comes.
        """
        host = source if _is_address(source) else self._host
        self._hosts.add(host)
        if ports is not None and all(0 < port < 1 << 16 for port in ports):
            self._targets = [(host, port) for port in ports]

    def watch(self, camera: int) -> None:
        """Let `wait` end if something comes there, too."""
        self._poll.register(camera, select.POLLIN)

    def wait(self, seconds: float) -> set[int]:
        """Wait until something comes; what it came on."""
        return {number for number, _ in self._poll.poll(max(0.0, seconds) * 1000)}

    def packet(self) -> bytes | None:
        """What has come of the stream; None if nothing has, or from others."""
        return self._take(self._rtp)

    def report(self) -> bytes | None:
        """What has come of reports on it; None if nothing has."""
        return self._take(self._rtcp)

    def send(self, packet: bytes, report: bytes) -> None:
        """Send to both ports of the camera; it does not matter if that is lost."""
        for end, target, data in zip(
            (self._rtp, self._rtcp), self._targets, (packet, report), strict=False
        ):
            if data:
                with suppress(OSError):
                    end.sendto(data, target)

    def close(self) -> None:
        """Give the ports back."""
        self._rtp.close()
        self._rtcp.close()

    def _take(self, end: socket.socket) -> bytes | None:
        with suppress(BlockingIOError, ConnectionRefusedError):  # the second: of what was sent
            data, place = end.recvfrom(_MOST_BYTES)
            if place[0] in self._hosts:
                return data
        return None


def _is_address(text: str) -> bool:
    """Whether it is one; a name would be looked up, whoever gave it."""
    with suppress(ValueError):
        return bool(ip_address(text))
    return False


def _pair(family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
    """Two that do not block, on an even port and the one after it, as RTP asks for."""
    for _ in range(_TRIES):
        even, odd = (socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) for _ in "ab")
        with suppress(OSError):
            even.bind(("", 0))
            number = even.getsockname()[1]
            if number % 2 == 0:
                odd.bind(("", number + 1))
                return even, odd
        even.close()
        odd.close()
    raise OSError("no two UDP ports next to each other are free")
