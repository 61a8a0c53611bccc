"""A real X server without a screen."""

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

START_LIMIT_S = 20.0


@contextmanager
def x_server() -> Iterator[str]:
    """Start Xvfb; the display's name, such as :99."""
    if shutil.which("Xvfb") is None or shutil.which("xdotool") is None:
        reason = "no X server: apt-get install xvfb xdotool (make test does)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    told, tell = os.pipe()
    command = ["Xvfb", "-displayfd", str(tell), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[tell], stderr=subprocess.DEVNULL)
    try:
        ready, _, _ = select.select([told], [], [], START_LIMIT_S)
        assert ready, "Xvfb did not start"
        yield f":{os.read(told, 16).decode().strip()}"
    finally:
        process.kill()
        process.wait()
        os.close(told)
        os.close(tell)
