"""Connections to the page: a socket stays open, and one that asks for nothing does not."""

import socket
import time
from pathlib import Path

from websockets.sync.client import connect

from monitor.cli.page import REQUEST_S
from monitor.web.process import WebProcess
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from tests.monitor.web.test_process import answer, settings


def test_a_connection_has_a_limit_for_its_request_and_a_websocket_has_none(tmp_path: Path) -> None:
    links: list[socket.socket] = []
    process = WebProcess(settings(tmp_path), links.append)
    try:
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        host, port = process.url.removeprefix("http://").rstrip("/").split(":")
        url = f"ws://{host}:{port}/live"
        with (
            socket.create_connection((host, int(port))) as silent,
            socket.create_connection((host, int(port))) as half,
            connect(url, origin=f"http://{host}:{port}") as browser,  # type: ignore[arg-type]
        ):
            began_s = time.monotonic()
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            for connection in (silent, half):
                connection.settimeout(LIMIT_S)
                assert connection.recv(1) == b"", "it is closed"
            assert time.monotonic() - began_s >= REQUEST_S - 1
            deadline_s = time.monotonic() + 6.0
            received = 0
            while time.monotonic() < deadline_s:
                browser.recv(timeout=LIMIT_S)  # every 5 s, though nothing happens
                received += 1
            assert received > 0
    finally:
        process.close()
        for link in links:
            link.close()
