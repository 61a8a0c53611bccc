"""How pages are served: uvicorn, and what keeps it well."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor.errors import ConfigError
from monitor.notify.tls import cause_of
from monitor.throttle import LogThrottle
from monitor.web.live import LiveState

log = logging.getLogger(__name__)

REQUEST_S = 10.0  # that a new connection has for its first request


def quieten() -> None:
    """Let uvicorn say little, and nothing again and again."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_Seldom())


def serving(
    app: ASGIApp, certificate: Path | None = None, key: Path | None = None
) -> uvicorn.Config:
    """How an application is served; ConfigError for a certificate that cannot be used."""
    config = uvicorn.Config(
        app,
        log_config=None,
        http=_Connection,
        access_log=False,
        timeout_graceful_shutdown=1,
        ws_per_message_deflate=False,  # JPEGs do not get smaller
        server_header=False,
        limit_concurrency=1000,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:  # which SSLError is, too
        what = f"web: certificate {certificate}, key {key}"
        raise ConfigError(f"{what}: {cause_of(error)}") from None
    return config


class _Seldom(logging.Filter):
    """Makes repeated lines of the server one counted line: every refused connection brings one."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle(log)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged, with how often it came."""
        text = self._throttle.due(str(record.msg), record.getMessage())
        if text is not None:
            record.msg, record.args = text, None
        return text is not None


class Server(uvicorn.Server):
    """Takes these signals for its end; then it lets go of those who wait for changes."""

    def __init__(self, config: uvicorn.Config, live: LiveState, *signals: signal.Signals) -> None:
        super().__init__(config)
        self._live = live
        self._signals = signals

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; open sockets first, which would else be cut off."""
        await self._live.end()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Inside the block the server ends by them."""
        for number in self._signals:
            signal.signal(number, self.handle_exit)
        yield


class _Connection(H11Protocol):
    """Closes a connection on which no whole request comes for some time."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self.loop.call_later(REQUEST_S, self._give_up)

    def _give_up(self) -> None:
        if self.transport is None or self.transport.get_protocol() is not self:  # a WebSocket now
            return
        if self.cycle is None:
            self.transport.close()
