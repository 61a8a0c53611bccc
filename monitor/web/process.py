"""The process of the page, at an address that is bound here."""

from __future__ import annotations

import socket
from collections.abc import Callable

from monitor.child import ChildProcess
from monitor.listening import authority, listen
from monitor.web.settings import WebSettings

END_S = 5.0  # that it has to end


class WebProcess(ChildProcess):
    """Runs `python -m monitor.cli.page`, and hands each new one a link to the feed.

    The address is bound here, so that one that is in use is an error at the start; MonitorError.
    Without one it serves no page of its own, only what the page over all shards asks for.
    """

    def __init__(self, host: str | None, port: int) -> None:
        self._listening = (
            None if host is None else listen("web", host, port, "--web HOST:PORT names another")
        )
        inherited = [] if self._listening is None else [self._listening]
        super().__init__("monitor.cli.page", "the page's process", "page", END_S, inherited)

    def serve(self, settings: WebSettings, connect: Callable[[socket.socket], None]) -> None:
        """Serve this; `connect` is given the link to each process that does; to be called once."""
        self._scheme = "http" if settings.certificate is None else "https"
        self.give(settings.model_dump_json(), connect)

    @property
    def url(self) -> str:
        """Where the page is; empty if it serves none."""
        if self._listening is None:
            return ""
        return f"{self._scheme}://{authority(*self._listening.getsockname()[:2])}/"

    def renew(self, settings: WebSettings) -> None:
        """Start the next process with other settings; this one is told of them over its link."""
        self.change(settings.model_dump_json())

    def close(self) -> None:
        """End the process; twice is fine."""
        super().close()
        if self._listening is not None:
            self._listening.close()
