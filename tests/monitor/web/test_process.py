"""The page's process: started again if it dies, ended with the watching, never in its way."""

import os
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from monitor.display.hub import Hub
from monitor.errors import MonitorError
from monitor.link import pack
from monitor.store.skips import skip_spans
from monitor.store.states import StateSpan, state_spans
from monitor.store.store import EventStore
from monitor.web.feed import LiveFeed
from monitor.web.pictures import LivePictures
from monitor.web.process import WebProcess
from monitor.web.settings import CameraSettings, WebSettings
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S
from testkit.servers.certificates import Certificates
from testkit.terminal import full_pipe


def settings(folder: Path, **changes: object) -> WebSettings:
    values: dict[str, object] = {
        "host": "127.0.0.1", "port": 0, "hosts": (), "store": str(folder / "events.sqlite"),
        "log": folder / "alerts.jsonl", "evidence": folder / "evidence", "models": (),
        "cameras": (CameraSettings(name="door", source="x", live=True, regions=()),),
        "configuration": "", "since": "2026-05-04T00:00:00Z",
    }  # fmt: skip
    return WebSettings.model_validate(values | changes)


def answer(url: str) -> str:
    """What the page answers; empty while nothing does."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            text: str = response.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def served(settings: WebSettings, connect: Callable[[socket.socket], None]) -> WebProcess:
    """A process that serves these."""
    process = WebProcess(settings.host, settings.port)
    process.serve(settings, connect)
    return process


@pytest.fixture
def links() -> Iterator[list[socket.socket]]:
    made: list[socket.socket] = []
    yield made
    for link in made:
        link.close()


@pytest.fixture
def process(tmp_path: Path, links: list[socket.socket]) -> Iterator[WebProcess]:
    made = served(settings(tmp_path), links.append)
    yield made
    made.close()
    made.close()


@pytest.mark.expects_errors
def test_a_process_that_dies_is_started_again_at_the_same_address(
    process: WebProcess, links: list[socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: answer(process.url + "healthz") == "ok\n")
    first, url = process.pid, process.url
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: process.pid != first and answer(url + "healthz") == "ok\n")

    assert len(links) == 2, "the new one has a link of its own"
    assert "the page's process ended with code -9; it is started again in 1 s" in caplog.text


@pytest.mark.expects_errors
def test_other_settings_are_served_by_the_same_process_and_by_the_next(
    tmp_path: Path, process: WebProcess, links: list[socket.socket]
) -> None:
    wait_until(lambda: "door" in answer(process.url))
    yard = CameraSettings(name="yard", source="y", live=True, regions=())
    feed, first = LiveFeed(lambda send: LivePictures(Hub(), lambda camera: None, send)), process.pid
    feed.connect(links[0])
    feed.renew(settings(tmp_path, cameras=(yard,)))
    wait_until(lambda: "yard" in answer(process.url))
    assert process.pid == first

    process.renew(settings(tmp_path, cameras=(yard,)))
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: process.pid != first and "yard" in answer(process.url))
    feed.close()


@pytest.mark.expects_errors
def test_it_ends_with_the_process_that_watches(
    process: WebProcess, links: list[socket.socket]
) -> None:
    wait_until(lambda: answer(process.url + "healthz") == "ok\n")
    child = process._process
    assert child is not None
    links[0].close()
    wait_until(lambda: child.poll() is not None)
    assert child.returncode == 0


def test_a_standard_error_that_nobody_reads_does_not_hold_it_up(tmp_path: Path) -> None:
    saved = os.dup(2)
    with full_pipe() as (_, writer):
        os.dup2(writer, 2)
        links: list[socket.socket] = []
        process = served(settings(tmp_path), links.append)
        wait_until(lambda: process.pid is not None)
        os.dup2(saved, 2)
        os.close(saved)
        wait_until(lambda: answer(process.url + "healthz") == "ok\n")
        address = urlsplit(process.url)
        for _ in range(3):
            with socket.create_connection((address.hostname, address.port), LIMIT_S) as babbler:
                babbler.sendall(b"no request\r\n\r\n")  # the server logs it
                babbler.recv(1000)
        assert answer(process.url + "healthz") == "ok\n"
        process.close()
        for link in links:
            link.close()


def test_it_records_what_was_not_classified_and_why(
    process: WebProcess, links: list[socket.socket], tmp_path: Path
) -> None:
    wait_until(lambda: answer(process.url + "healthz") == "ok\n")
    store = EventStore(settings(tmp_path).store)

    def states() -> list[StateSpan]:
        return state_spans(
            store, datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
        )

    for number, (count, cause) in enumerate(((0, "gaps"), (7, "no windows"), (9, "gaps"))):
        counted = {"name": "door", "windows": 2 * count, "dropped": {"gaps": count}}
        door = {"state": "live", "cause": cause, "score": 0.0, "open": []}
        message = {"type": "state", "health": {"cameras": [counted]}, "states": {"door": door}}

        def noted(number: int = number, message: bytes = pack(message)) -> bool:
            links[0].sendall(message)  # one that comes while another is noted is passed over
            return len(states()) > number

        wait_until(noted)
    process.close()

    spans = skip_spans(  # several, if it takes minutes
        store, ["door"], datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    )
    assert {span.reason for span in spans} == {"gaps"}
    assert sum(span.windows for span in spans) == 9
    assert sum(span.total for span in spans) == 27
    assert [one.cause for one in states()] == ["", "no windows", ""], "others are only counted"
    store.close()


def test_it_ends_at_once_if_there_is_nothing_to_serve() -> None:
    process = WebProcess("127.0.0.1", 0)
    wait_until(lambda: process.pid is not None)
    child = process._process
    assert child is not None
    process.close()
    assert child.poll() is not None


def test_ctrl_c_in_the_terminal_is_not_for_it(process: WebProcess) -> None:
    wait_until(lambda: process.pid is not None)
    assert process.pid is not None
    assert os.getpgid(process.pid) != os.getpgid(0), "as it begins"
    wait_until(lambda: answer(process.url + "healthz") == "ok\n")
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(process.pid, number)
    time.sleep(0.3)
    assert answer(process.url + "healthz") == "ok\n"


def test_with_a_certificate_it_speaks_tls(
    tmp_path: Path, links: list[socket.socket], certificates: Certificates
) -> None:
    certificate, key = certificates.server
    process = served(settings(tmp_path, certificate=certificate, key=key), links.append)
    try:
        assert process.url.startswith("https://")
        context = ssl.create_default_context(cafile=str(certificates.ca))
        url = process.url + "healthz"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(url, timeout=5, context=context) as response:
                    return bool(response.read() == b"ok\n")
            except (urllib.error.URLError, ConnectionError):
                return False

        wait_until(answers)
    finally:
        process.close()


def test_an_address_in_use_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            MonitorError, match=f"web 127.0.0.1:{port}: address already in use; --web"
        ):
            WebProcess("127.0.0.1", port)
