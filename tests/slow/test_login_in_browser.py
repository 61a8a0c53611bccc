"""Logging in and out on the page, in a real browser."""

from pathlib import Path

import pytest

from monitor.web.users import UserEntry, UsersFile, hash_password
from testkit.pages import SAMPLE, SIZES, opened, watching

PASSWORD = "correct horse battery"
CONFIGURATION = """\
cameras: [{{name: bus, source: {source}}}]
web: {{port: 0, users: users.json}}
sinks: [{{type: log, path: alerts.jsonl}}]
"""


@pytest.mark.parametrize("size", SIZES)
def test_a_user_logs_in_is_led_to_what_was_asked_for_and_logs_out(
    tmp_path: Path, size: str
) -> None:
    (tmp_path / "m.yaml").write_text(CONFIGURATION.format(source=SAMPLE))
    UsersFile(users={"ann": UserEntry(role="admin", password=hash_password(PASSWORD))}).write(
        tmp_path / "users.json"
    )
    with watching(tmp_path, "--config", "m.yaml") as watched, opened(watched, size) as tab:
        tab.goto("/health")
        tab.wait_for_url("**/login?next=%2Fhealth")
        tab.get_by_label("Name").fill("ann")
        tab.get_by_label("Password").fill(PASSWORD)
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/health")
        tab.locator("h1", has_text="Health").wait_for()
        tab.locator("button", has_text="Log out").click()
        tab.wait_for_url("**/login")
        assert tab.goto("/health").url.endswith("/login?next=%2Fhealth")
