"""Host names looked up within a limit: the system's own call knows none, and FFmpeg uses it."""

import socket
import threading
import time

_AGAIN_S = 0.25
# What says that no name server could tell, and not that there is no such name.
_PASSING = (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_MEMORY)


def resolve(host: str, limit_s: float) -> bool:
    """Whether a host's name has an address; TimeoutError if none is told within the limit.

    While no name server can be reached it is asked again. The call that waits on is left to its
    thread, which ends when the system gives up.
    """
    found: list[bool] = []
    deadline_s = time.monotonic() + limit_s

    def ask() -> None:
        while not found and time.monotonic() < deadline_s:
            try:
                socket.getaddrinfo(host, None)
            except UnicodeError:  # a label that is too long
                found.append(False)
            except OSError as error:
                if isinstance(error, socket.gaierror) and error.errno not in _PASSING:
                    found.append(False)
                else:
                    time.sleep(_AGAIN_S)
            else:
                found.append(True)

    asking = threading.Thread(target=ask, name=f"resolve-{host}", daemon=True)
    asking.start()
    asking.join(limit_s)
    if not found:
        raise TimeoutError
    return found[0]
