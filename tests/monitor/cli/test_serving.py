"""How pages are served: what is logged of the server, and which certificates are refused."""

import logging
from pathlib import Path

import pytest
from starlette.applications import Starlette

from monitor.cli.serving import _Seldom, serving
from monitor.errors import ConfigError
from testkit.servers.certificates import Certificates


def test_lines_of_the_server_that_come_again_and_again_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = logging.getLogger("test_serving.server")
    server.addFilter(_Seldom())
    for number in range(1000):
        server.warning("Exceeded concurrency limit.")
        server.warning("bad request of %s", number)
    assert caplog.messages == ["Exceeded concurrency limit.", "bad request of 0"]


@pytest.mark.expects_errors
def test_a_fault_of_the_page_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    server = logging.getLogger("test_serving.fault")
    server.addFilter(_Seldom())
    for _ in range(2):
        try:
            raise ZeroDivisionError("a fault")
        except ZeroDivisionError:
            server.exception("Exception in ASGI application\n")
    assert len(caplog.messages) == 1
    assert "ZeroDivisionError: a fault" in caplog.text


def test_a_certificate_that_cannot_be_used_is_an_error_in_a_line(
    certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = certificates.server
    none = tmp_path / "none.pem"
    with pytest.raises(ConfigError) as fault:
        serving(Starlette(), none, key)
    said = f"web: certificate {none}, key {key}: No such file or directory"
    assert str(fault.value) == said
    with pytest.raises(ConfigError, match=f"key {certificate}: TLS failed: "):
        serving(Starlette(), certificate, certificate)
    assert serving(Starlette(), certificate, key).is_ssl
