"""The page's process: what it imports, and what it logs of its server."""

import logging
import subprocess
import sys

import pytest

from monitor.cli.page import _Seldom


def test_lines_of_the_server_that_come_again_and_again_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = logging.getLogger("test_page.server")
    server.addFilter(_Seldom())
    for number in range(1000):
        server.warning("Exceeded concurrency limit.")
        server.warning("bad request of %s", number)
    assert caplog.messages == ["Exceeded concurrency limit.", "bad request of 0"]


@pytest.mark.expects_errors
def test_a_fault_of_the_page_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    server = logging.getLogger("test_page.fault")
    server.addFilter(_Seldom())
    for _ in range(2):
        try:
            raise ZeroDivisionError("a fault")
        except ZeroDivisionError:
            server.exception("Exception in ASGI application\n")
    assert len(caplog.messages) == 1
    assert "ZeroDivisionError: a fault" in caplog.text


def test_it_starts_without_what_pictures_need() -> None:
    check = (
        "import sys, monitor.cli.page\n"
        "heavy = {'numpy', 'av', 'cv2', 'onnxruntime', 'alembic', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
