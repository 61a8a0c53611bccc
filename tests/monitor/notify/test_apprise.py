"""Apprise, to a service that is here; none of its secrets is seen."""

import base64
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.config.notifications import AppriseOptions
from monitor.errors import ConfigError
from monitor.notify.apprise_target import AppriseTarget
from monitor.notify.notification import Notification, NotificationKind, TargetError
from testkit.alerts import ENDED, STARTED, made
from testkit.servers.receiver import receiver

# PGPy, where it is installed, imports it.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
NOTIFICATION = Notification(
    "n1", NotificationKind.START, made(STARTED), link="https://har.example/events/a1"
)


def target(url: str) -> AppriseTarget:
    options = AppriseOptions.model_validate({"name": "chat", "url": url})
    return AppriseTarget(options, "home", None)


def test_a_message_has_title_text_and_snapshot(tmp_path: Path) -> None:
    picture = tmp_path / "a1.jpg"
    picture.write_bytes(b"JPEG")
    with receiver() as server:
        chat = target(f"json://me:s3cret@127.0.0.1:{server.port}/t0ken")
        chat.send(replace(NOTIFICATION, snapshot=picture))
        chat.send(replace(NOTIFICATION, kind=NotificationKind.END, alert=made(ENDED)))
        first, second = (json.loads(posted.content) for posted in server.got)
        assert server.got[0].path == "/t0ken"
        assert first["title"] == "door: fight"
        assert first["message"].endswith("score 0.95\nhttps://har.example/events/a1")
        (attached,) = first["attachments"]
        assert base64.b64decode(attached["base64"]) == b"JPEG"
        assert second["title"] == "door: fight has ended"
        assert "It lasted 6 s." in second["message"]

        server.status = 403
        with pytest.raises(TargetError, match=r"^json: answered 403$"):
            chat.send(NOTIFICATION)
    with pytest.raises(TargetError, match=r"^json: could not be reached, or refused it$"):
        chat.send(NOTIFICATION)


def test_an_address_that_apprise_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        target("carrierpigeon://s3cret@coop")
    assert str(caught.value) == "notify chat: Apprise does not take its address of carrierpigeon"


def test_two_services_are_two_targets() -> None:
    with pytest.raises(ConfigError, match=r"^notify chat: its url has several addresses; allowed"):
        target("json://127.0.0.1/s3cret, json://127.0.0.2/s3cret")


def test_no_file_of_the_machine_is_read_as_its_configuration(tmp_path: Path) -> None:
    with receiver() as server:
        path = tmp_path / "apprise.yml"
        path.write_text(f"urls:\n- json://127.0.0.1:{server.port}/\n")
        with pytest.raises(ConfigError):
            target(f"file://{path}")
        assert server.got == []


def test_nothing_that_apprise_logs_reaches_a_handler_of_ours() -> None:
    shown: list[str] = []

    class Shown(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(record.getMessage())

    handler = Shown()
    logging.getLogger().addHandler(handler)
    try:
        with pytest.raises(TargetError):
            target("json://me:s3cret@127.0.0.1:1/t0ken").send(NOTIFICATION)
    finally:
        logging.getLogger().removeHandler(handler)
    assert [text for text in shown if "s3cret" in text or "t0ken" in text] == []
