"""What was not seen of a day, in a real browser: by mouse on its mark, by keyboard in a list."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.store.skips import SkipLog, WindowCounts
from monitor.store.states import StateLog
from monitor.store.store import EventStore
from testkit.fakes import wait_until
from testkit.servers.browser import chromium
from tests.monitor.web.conftest import BEGAN, ended
from tests.monitor.web.test_process import answer, served, settings

DAY = "timeline?day=2026-05-04"


def fill(store: EventStore) -> None:
    """Fourteen minutes that were black, an hour in which nothing moved, and an outage."""
    store.record(*ended("before", -0.1), *ended("later", 5))
    states, skips, black = StateLog(store), SkipLog(store), 0
    for minute in range(120):
        now = BEGAN + timedelta(minutes=minute)
        black += 60 * (minute < 15)
        still, lost = 15 < minute < 75, minute > 100
        state = ("idle", "") if still else ("retrying", "refused") if lost else ("live", "")
        states.note({"door": state}, now)
        skips.note({"door": WindowCounts(60 * minute - black, {"black": black})}, now)
    skips.close()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Of a page with such a day."""
    own = settings(tmp_path)
    store = EventStore(own.store)
    fill(store)
    store.close()
    links: list[socket.socket] = []
    process = served(own, links.append)
    wait_until(lambda: answer(process.url + "healthz") == "ok\n")
    yield process.url
    process.close()
    for link in links:
        link.close()


@pytest.fixture
def tab(url: str) -> Iterator[Any]:
    with chromium() as browser:
        opened = browser.new_context(timezone_id="UTC").new_page()
        opened.goto(url + DAY)
        yield opened


@pytest.mark.slow
def test_a_mark_says_why_and_leads_to_the_events_about_that_time(tab: Any) -> None:
    assert tab.locator("rect.quiet").count() == 1
    assert tab.locator("rect.lost title").text_content() == "retrying: refused (09:41 to 09:59)"
    mark = tab.locator("rect.missed")
    assert mark.locator("title").text_content().startswith("840 of 840 windows were not classified")
    mark.click()
    tab.wait_for_url("**/events?camera=door&since=*")
    assert tab.locator("[data-id]").evaluate_all("all => all.map(one => one.dataset.id)") == [
        "before"
    ]


@pytest.mark.slow
def test_the_list_of_what_was_not_seen_is_reached_by_the_keyboard(tab: Any) -> None:
    for _ in range(40):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "door, 08:01:00 to 08:15:00"
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/events?camera=door&since=*")
