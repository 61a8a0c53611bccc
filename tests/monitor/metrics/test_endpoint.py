"""Where the metrics are read, by whom, and what a reader cannot do."""

import http.client
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from monitor.errors import MonitorError
from monitor.metrics.endpoint import MOST_REQUESTS, Endpoint
from testkit.fakes import wait_until
from testkit.patience import LIMIT_S

TEXT = b"har_build_info 1\n"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """One that is served from."""
    opened = Endpoint("127.0.0.1", 0)
    opened.serve(lambda: TEXT)
    yield opened
    opened.close()


def connected(endpoint: Endpoint) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(endpoint.url.split("/")[2], timeout=LIMIT_S)


def answer(
    endpoint: Endpoint, path: str = "/metrics", method: str = "GET", **headers: str
) -> tuple[int, bytes]:
    connection = connected(endpoint)
    try:
        connection.request(method, path, headers=headers)
        found = connection.getresponse()
        return found.status, found.read()
    finally:
        connection.close()


def test_it_gives_the_text_in_the_format_of_prometheus(endpoint: Endpoint) -> None:
    assert endpoint.url.startswith("http://127.0.0.1:")
    connection = connected(endpoint)
    connection.request("GET", "/metrics?name=x")
    found = connection.getresponse()
    assert (found.status, found.read()) == (200, TEXT)
    assert found.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Python" not in found.headers["Server"]
    connection.close()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/metrics/", "GET", 404), ("/metrics", "POST", 501)],
)
def test_there_is_nothing_else(endpoint: Endpoint, path: str, method: str, status: int) -> None:
    found, text = answer(endpoint, path, method)
    assert found == status
    assert TEXT not in text


@pytest.mark.parametrize("name", ["localhost:9", "127.0.0.1", "[::1]:9", "192.0.2.7:80", ""])
def test_whoever_asks_by_an_address_gets_them(endpoint: Endpoint, name: str) -> None:
    assert answer(endpoint, Host=name) == (200, TEXT)


@pytest.mark.parametrize("name", ["rebound.example:8471", "localhost.example", "[x]", "a b"])
def test_a_page_that_had_its_name_lead_here_gets_nothing(endpoint: Endpoint, name: str) -> None:
    status, text = answer(endpoint, Host=name)
    assert status == 403
    assert TEXT not in text


def test_if_others_may_read_they_may_use_any_name(caplog: pytest.LogCaptureFixture) -> None:
    endpoint = Endpoint("0.0.0.0", 0)
    endpoint.serve(lambda: TEXT)
    try:
        assert answer(endpoint, Host="cameras.example") == (200, TEXT)
    finally:
        endpoint.close()
    assert f"{endpoint_url(caplog)} has no password: whoever reaches it" in caplog.text


def endpoint_url(caplog: pytest.LogCaptureFixture) -> str:
    (record,) = [one for one in caplog.records if "no password" in one.message]
    return record.message.split()[0]


def test_an_address_in_use_is_an_error_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        expected = f"^metrics 127.0.0.1:{port}: address already in use; metrics.port names another$"
        with pytest.raises(MonitorError, match=expected):
            Endpoint("127.0.0.1", port)


def test_many_who_say_nothing_take_few_threads_and_leave_room_when_they_go(
    endpoint: Endpoint,
) -> None:
    address = endpoint.url.split("/")[2].rsplit(":", 1)
    with ExitStack() as silent:
        sockets = [
            silent.enter_context(socket.create_connection((address[0], int(address[1]))))
            for _ in range(MOST_REQUESTS + 5)
        ]
        for one in sockets:
            one.settimeout(LIMIT_S)
        assert [one.recv(1) for one in sockets[MOST_REQUESTS:]] == [b""] * 5, "are closed at once"
    wait_until(answers(endpoint))


def test_those_who_ask_letter_by_letter_do_not_keep_others_away(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.metrics.endpoint.REQUEST_S", 0.3)
    host, port = endpoint.url.split("/")[2].rsplit(":", 1)
    with ExitStack() as slow:
        sockets = [
            slow.enter_context(socket.create_connection((host, int(port))))
            for _ in range(MOST_REQUESTS)
        ]
        is_answered = answers(endpoint)

        def is_answered_meanwhile() -> bool:
            for one in sockets:
                with suppress(OSError):
                    one.send(b"x")
            return is_answered()

        wait_until(is_answered_meanwhile)


def answers(endpoint: Endpoint) -> Callable[[], bool]:
    def one() -> bool:
        try:
            return answer(endpoint) == (200, TEXT)
        except (ConnectionError, http.client.HTTPException):
            return False

    return one


@pytest.mark.expects_errors
def test_a_request_that_fails_is_logged_and_the_next_is_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    texts = iter([None, TEXT])

    def text() -> bytes:
        found = next(texts)
        assert found is not None, "nothing to say"
        return found

    endpoint = Endpoint("127.0.0.1", 0)
    endpoint.serve(text)
    try:
        with pytest.raises(http.client.RemoteDisconnected):
            answer(endpoint)
        assert answer(endpoint) == (200, TEXT)
    finally:
        endpoint.close()
    assert "metrics: a request failed" in caplog.text
    assert "nothing to say" in caplog.text


def test_it_can_be_closed_at_any_time_and_twice() -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    endpoint.close()
    endpoint.close()
    endpoint = Endpoint("127.0.0.1", 0)
    endpoint.serve(lambda: TEXT)
    endpoint.close()
    endpoint.close()
    with pytest.raises(OSError, match=r"refused|Bad file"):
        answer(endpoint)
