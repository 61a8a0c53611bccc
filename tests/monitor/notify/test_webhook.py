"""A webhook: what is posted and signed, what an answer means, and where it may not lead."""

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from monitor.config.notifications import WebhookOptions
from monitor.events.alert import AlertEvent
from monitor.notify.inner import is_public
from monitor.notify.notification import Notification, NotificationKind, TargetError
from monitor.notify.webhook import WebhookTarget
from testkit.alerts import STARTED, made
from testkit.patience import Stopwatch
from testkit.servers.certificates import Certificates
from testkit.servers.receiver import Receiver, receiver
from testkit.servers.tcp import refusing_port, silent_server, unvisited_port

NOTIFICATION = Notification(
    "n1", NotificationKind.START, made(STARTED), link="https://har.example/events/a1"
)


@pytest.fixture
def server() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def target(url: str, **changes: Any) -> WebhookTarget:
    values = {"name": "hook", "url": url, "allow_private": True} | changes
    return WebhookTarget(WebhookOptions.model_validate(values), "home", now=lambda: 1_777_000_000.5)


def fault(of: WebhookTarget) -> TargetError:
    """Why a message does not arrive."""
    with pytest.raises(TargetError) as caught:
        of.send(NOTIFICATION)
    return caught.value


def test_an_alert_is_posted_as_json(server: Receiver) -> None:
    target(f"{server.url}/har?room=1").send(NOTIFICATION)
    (posted,) = server.got
    content = json.loads(posted.content)
    assert posted.path == "/har?room=1"
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["x-har-id"] == content["id"] == "n1"
    assert AlertEvent.model_validate(content.pop("alert")) == AlertEvent.model_validate_json(
        NOTIFICATION.alert.model_dump_json()
    )
    assert content == {
        "schema": "har-monitor.notification.v1",
        "id": "n1",
        "kind": "start",
        "site": "home",
        "title": "door: fight",
        "link": "https://har.example/events/a1",
        "held_back": 0,
    }
    assert "x-har-signature" not in posted.headers


def test_a_receiver_can_check_who_sent_it_and_when(server: Receiver) -> None:
    target(server.url, secret="s3cret").send(NOTIFICATION)
    (posted,) = server.got
    stamp = posted.headers["x-har-timestamp"]
    signed = hmac.new(b"s3cret", stamp.encode() + b"." + posted.content, hashlib.sha256)
    assert stamp == "1777000000"
    assert posted.headers["x-har-signature"] == f"sha256={signed.hexdigest()}"


@pytest.mark.parametrize(
    ("status", "final"),
    [
        (301, False),
        (400, True),
        (404, True),
        (408, False),
        (425, False),
        (429, False),
        (500, False),
    ],
)
def test_an_answer_says_whether_it_is_worth_trying_again(
    server: Receiver, status: int, final: bool
) -> None:
    server.status = status
    error = fault(target(server.url))
    assert str(error).startswith(f"{server.url}: answered {status} ")
    assert error.final is final


def test_no_redirect_is_followed(server: Receiver) -> None:
    with unvisited_port() as port:
        server.status, server.location = 307, f"http://127.0.0.1:{port}/"
        assert "answered 307" in str(fault(target(server.url)))


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost: "),
        ("[::1]", "::1"),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1"),
        ("2130706433", "2130706433: 127.0.0.1"),
    ],
)
def test_no_inner_address_is_visited_unless_that_is_allowed(host: str, found: str) -> None:
    with unvisited_port() as port:
        error = fault(target(f"http://{host}:{port}/", allow_private=False))
    assert str(error).startswith(found)
    assert str(error).endswith(" is no address of the internet; allow_private: true allows it")
    assert str(error).count("127.0.0.1") < 2
    assert not error.final, "it may be mended"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
        ("fec0::1", False),
        ("64:ff9b:1:a00:1::", False),
        ("::ffff:0:7f00:1", False),
    ],
)
def test_which_addresses_are_of_the_internet(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_name_is_looked_up_once(server: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a second answer could lead elsewhere than the one that was checked."""
    asked: list[object] = []
    original = socket.getaddrinfo

    def getaddrinfo(host: object, *args: Any, **more: Any) -> Any:
        if host == "hooks.example":
            asked.append(host)
            host = "127.0.0.1"
        assert host == "127.0.0.1"
        return original("127.0.0.1", *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    target(f"http://hooks.example:{server.port}/").send(NOTIFICATION)
    assert len(asked) == 1
    assert server.got[0].headers["host"] == f"hooks.example:{server.port}"
    blocked = target(f"http://hooks.example:{server.port}/", allow_private=False)
    assert "hooks.example: 127.0.0.1 is no address" in str(fault(blocked))


def test_an_address_that_hangs_leaves_time_for_the_next(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where IPv6 leads nowhere."""
    places = [(socket.AF_INET, 0, 0, "", (f"127.0.0.{one}", server.port)) for one in (2, 1)]
    with socket.create_server(("127.0.0.2", server.port), backlog=0) as full:
        waiting = socket.create_connection(full.getsockname())  # there is room for one
        original = socket.getaddrinfo

        def getaddrinfo(host: str, *args: Any, **more: Any) -> Any:
            return places if host == "hooks.example" else original(host, *args, **more)

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        with waiting:
            target(f"http://hooks.example:{server.port}/", timeout_s=2).send(NOTIFICATION)
    assert len(server.got) == 1


def test_what_a_server_says_is_not_quoted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            plain, _ = listener.accept()
            with plain:
                path = plain.recv(65536).split()[1]
                plain.sendall(b"HTTP/1.1 404 no " + path + b"\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        error = fault(target(f"http://127.0.0.1:{port}/t0ken"))
        assert str(error) == f"http://127.0.0.1:{port}: answered 404 Not Found"
        thread.join()


def test_one_that_has_no_descriptor_left_tries_again(
    server: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dup(self: socket.socket) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket.socket, "dup", dup)
    assert "too many open files" in str(fault(target(server.url)))


def test_its_certificate_must_be_valid(certificates: Certificates) -> None:
    running = Receiver(certificate=certificates.server)
    running.start()
    try:
        target(running.url, ca_file=certificates.ca).send(NOTIFICATION)
        assert len(running.got) == 1
        assert "its certificate is not valid" in str(fault(target(running.url)))
        assert len(running.got) == 1
    finally:
        running.stop()


def test_a_server_that_is_gone_or_silent_or_slow_is_told_of(server: Receiver) -> None:
    with refusing_port() as port:
        assert str(fault(target(f"http://127.0.0.1:{port}/t0ken"))) == (
            f"http://127.0.0.1:{port}: connection refused"
        )
    watch = Stopwatch()
    with silent_server() as port:
        assert "timed out" in str(fault(target(f"http://127.0.0.1:{port}/", timeout_s=1)))
    server.drip_s = 0.05
    assert "timed out" in str(fault(target(server.url, timeout_s=1)))
    assert watch.seconds < 20


def test_a_name_without_an_address_is_told_of() -> None:
    error = fault(target("http://nothing.invalid/t0ken"))
    assert str(error).startswith("nothing.invalid: ")
    assert "t0ken" not in str(error)


def test_what_is_no_http_is_told_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            plain, _ = listener.accept()
            with plain:
                plain.recv(65536)
                plain.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listener.getsockname()[1]
        assert "no answer of HTTP (BadStatusLine)" in str(
            fault(target(f"http://127.0.0.1:{port}/"))
        )
        thread.join()


def test_a_summary_says_how_many_it_counts(server: Receiver) -> None:
    counted = replace(NOTIFICATION, kind=NotificationKind.SUMMARY, held_back=3)
    target(server.url).send(counted)
    content = json.loads(server.got[0].content)
    assert (content["kind"], content["held_back"]) == ("summary", 3)
    assert content["title"] == "3 more events, the last: door: fight"
