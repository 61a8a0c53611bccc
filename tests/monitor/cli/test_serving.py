"""How pages are served: what is logged of the server."""

import logging

import pytest

from monitor.cli.serving import _Seldom


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
