"""Addresses of this machine at which something is served."""

import socket

from monitor.errors import MonitorError
from monitor.paths import describe_os_error

LOCAL_ADDRESSES = ("127.0.0.1", "::1", "localhost")


def listen(what: str, host: str, port: int, hint: str) -> socket.socket:
    """A socket that listens, for whom `what` names; MonitorError, with a hint, if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        told = describe_os_error(f"{what} {host}:{port}", error)
        raise MonitorError(f"{told}; {hint}") from None
    return listening


def authority(host: str, port: int) -> str:
    """A host and a port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def local_address(host: str, port: int) -> str:
    """The address of this machine from which another one is reached; MonitorError if none is."""
    try:
        for family, kind, _, _, there in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as trial:
                trial.connect(there)  # a datagram's: nothing is sent
                found: str = trial.getsockname()[0]
                return found
    except OSError as error:
        raise MonitorError(describe_os_error(f"{host}:{port}", error)) from None
    raise MonitorError(f"{host}:{port}: it has no address")
