"""Host names looked up within a limit: the system's own call knows none, and FFmpeg uses it."""

import socket
import threading


def resolve(host: str, limit_s: float) -> bool:
    """Whether a host's name has an address; TimeoutError where none is told within the limit.

    The call that waits on is left to its thread, which ends when the system gives up.
    """
    found: list[bool] = []

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError):  # UnicodeError: a label that is too long
            found.append(False)
        else:
            found.append(True)

    asking = threading.Thread(target=ask, name=f"resolve-{host}", daemon=True)
    asking.start()
    asking.join(limit_s)
    if not found:
        raise TimeoutError
    return found[0]
