"""Addresses of local networks and of this machine, which a foreign name must not lead to."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from monitor.notify.notification import TargetError

# Whose last 32 bits are an IPv4 address: NAT64, and SIIT.
_TRANSLATED = IPv6Network("64:ff9b::/96"), IPv6Network("::ffff:0:0:0/96")
# Of a local network, though the standard library does not say so: NAT64's own, and site-local.
_LOCAL = IPv6Network("64:ff9b:1::/48"), IPv6Network("fec0::/10")


def is_public(text: str) -> bool:
    """Whether an address is of the internet, and of one machine there."""
    address = ip_address(text.partition("%")[0])
    meant: list[IPv4Address | IPv6Address] = [address]
    if isinstance(address, IPv6Address):
        meant += _within(address)
    return not any(_is_local(one) for one in meant)


def _is_local(address: IPv4Address | IPv6Address) -> bool:
    known = any(address in network for network in _LOCAL)
    return known or address.is_multicast or not address.is_global


def _within(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _TRANSLATED):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    elif int(address) >> 32 == 0:  # ::a.b.c.d, as it was once written
        found.append(IPv4Address(int(address)))
    return [one for one in found if one is not None]


def resolved(host: str, port: int, *, allow_private: bool) -> list[str]:
    """The addresses of a host that may be connected to; TargetError if there is none.

    Whoever connects must use these, and not ask for the name again.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no name of a host"
        raise TargetError(f"{host}: {reason.lower()}") from None
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    allowed = [one for one in addresses if allow_private or is_public(one)]
    if not allowed:
        found = host if host == addresses[0] else f"{host}: {addresses[0]}"
        raise TargetError(f"{found} is no address of the internet; allow_private: true allows it")
    return allowed
