"""A real X server without a screen."""

import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from testkit.patience import LIMIT_S


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
    # Else it begins anew whenever its only client goes, and who comes meanwhile is turned away.
    command.append("-noreset")
    process = subprocess.Popen(command, pass_fds=[tell], stderr=subprocess.DEVNULL)
    os.close(tell)
    try:
        ready, _, _ = select.select([told], [], [], LIMIT_S)
        number = os.read(told, 16).decode().strip() if ready else ""
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        process.kill()
        process.wait()
        os.close(told)
