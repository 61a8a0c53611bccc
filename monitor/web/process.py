"""The process of the page, at an address that is bound here."""

from __future__ import annotations

import socket
from collections.abc import Callable

from monitor.child import ChildProcess
from monitor.errors import MonitorError
from monitor.paths import describe_os_error
from monitor.web.settings import WebSettings

END_S = 5.0  # that it has to end


class WebProcess(ChildProcess):
    """Runs `python -m monitor.cli.page`, and hands each new one a link to the feed.

    The address is bound here, so that one that is in use is an error at the start; MonitorError.
    """

    def __init__(self, host: str, port: int) -> None:
        self._listening = _listen(host, port)
        super().__init__("monitor.cli.page", "the page's process", "page", END_S, [self._listening])

    def serve(self, settings: WebSettings, connect: Callable[[socket.socket], None]) -> None:
        """Serve this; `connect` is given the link to each process that does; to be called once."""
        self._scheme = "http" if settings.certificate is None else "https"
        self.give(settings.model_dump_json(), connect)

    @property
    def url(self) -> str:
        """Where the page is."""
        host, port = self._listening.getsockname()[:2]
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    def renew(self, settings: WebSettings) -> None:
        """Start the next process with other settings; this one is told of them over its link."""
        self.change(settings.model_dump_json())

    def close(self) -> None:
        """End the process; twice is fine."""
        super().close()
        self._listening.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        told = describe_os_error(f"web {host}:{port}", error)
        raise MonitorError(f"{told}; --web HOST:PORT names another") from None
    return listening
