"""Connections to the page: a socket stays open, and one that asks for nothing does not."""

import socket
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from monitor.cli.serving import REQUEST_S
from monitor.link import pack
from monitor.web.sockets import SEND_S
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from tests.monitor.web.test_process import answer, served, settings


def test_a_connection_has_a_limit_for_its_request_and_a_websocket_has_none(tmp_path: Path) -> None:
    links: list[socket.socket] = []
    process = served(settings(tmp_path), links.append)
    try:
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        host, port = process.url.removeprefix("http://").rstrip("/").split(":")
        url = f"ws://{host}:{port}/live"
        with (
            socket.create_connection((host, int(port))) as silent,
            socket.create_connection((host, int(port))) as half,
            connect(url, origin=Origin(f"http://{host}:{port}")) as browser,
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


def test_a_thousand_connections_that_say_nothing_keep_nobody_out_for_long(tmp_path: Path) -> None:
    links: list[socket.socket] = []
    process = served(settings(tmp_path), links.append)
    silent: list[socket.socket] = []
    try:
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        pid = process.pid
        host, port = process.url.removeprefix("http://").rstrip("/").split(":")
        for _ in range(1000):
            silent.append(socket.create_connection((host, int(port)), timeout=LIMIT_S))
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        assert process.pid == pid, "it is the same process"
        for connection in silent:
            connection.settimeout(LIMIT_S)
            assert connection.recv(1) == b"", "it is closed"
    finally:
        for connection in silent:
            connection.close()
        process.close()
        for link in links:
            link.close()


def test_a_browser_that_never_reads_is_cut_off_and_others_go_on(tmp_path: Path) -> None:
    links: list[socket.socket] = []
    process = served(settings(tmp_path), links.append)
    ended = threading.Event()
    try:
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        host, port = process.url.removeprefix("http://").rstrip("/").split(":")
        feeding = threading.Thread(target=feed, args=(links[0], ended))
        feeding.start()
        with socket.create_connection((host, int(port))) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(
                b"GET /live?watch=door HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n"
                b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
                % ((f"{host}:{port}".encode(),) * 2)
            )
            url = f"ws://{host}:{port}/live?watch=door"
            with connect(url, origin=Origin(f"http://{host}:{port}")) as browser:
                until_s = time.monotonic() + SEND_S + 5
                while time.monotonic() < until_s:
                    assert browser.recv(timeout=LIMIT_S)
            deaf.settimeout(LIMIT_S)
            with suppress(ConnectionError):
                while deaf.recv(2**20):
                    pass  # what was under way; then it is closed
    finally:
        ended.set()
        feeding.join()
        process.close()
        for link in links:
            link.close()


def test_the_page_ends_at_once_though_somebody_looks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    links: list[socket.socket] = []
    process = served(settings(tmp_path), links.append)
    wait_until(lambda: answer(process.url + "healthz") == "ok\n")
    base = process.url.rstrip("/")
    with (
        connect(base.replace("http", "ws") + "/live", origin=Origin(base)) as browser,
        urllib.request.urlopen(base + "/api/v1/changes", timeout=LIMIT_S) as changes,
    ):
        assert browser.recv(timeout=LIMIT_S)
        assert changes.readline()
        process.close()
    for link in links:
        link.close()
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert "ERROR" not in said


def feed(link: socket.socket, ended: threading.Event) -> None:
    """Large stills of a camera, many a second."""
    head = {"type": "still", "camera": "door", "width": 960, "height": 540}
    while not ended.is_set():
        link.sendall(pack(head, b"\xff" * 200_000))
        time.sleep(0.05)
