"""What another machine recorded, in a real browser: taught from, and while that machine is lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from monitor.store.event import Origin
from monitor.web.app import make_app
from monitor.web.live import LiveState
from monitor.web.node import make_node_app
from monitor.web.node_evidence import NodeEvidence
from monitor.web.site import Place
from monitor.web.state import WebState
from testkit.fakes import wait_until
from testkit.servers.browser import chromium
from tests.monitor.web.conftest import web
from tests.monitor.web.test_recorded import lines, recorded
from tests.monitor.web.test_site import SECRET, listening_node

__all__ = ["recorded", "web"]

pytestmark = pytest.mark.slow


@contextmanager
def page_over(web: WebState, places: list[Place]) -> Iterator[Any]:
    """A tab with the page over machines, on one without any recordings."""
    settings = web.settings.model_copy(
        update={"evidence": web.settings.log.with_name("none"), "site": True}
    )
    nodes = NodeEvidence(lambda: places)
    site = WebState(settings, web.store, web.journal, LiveState(), elsewhere=(nodes,), keeper=nodes)
    with listening_node(make_app(site), site.live) as page, chromium() as browser:
        yield browser.new_context(base_url=f"http://{page.address}").new_page()


def has(tab: Any, name: str, ready: str) -> None:
    """Wait until a film on the page is ready so far."""
    wait_until(lambda: tab.evaluate(f"() => document.getElementById('{name}').{ready}"))


def test_a_machine_that_is_lost_is_why_the_player_shows_nothing(web: WebState) -> None:
    places: list[Place] = []
    with page_over(web, places) as tab:
        silent, cannot = (tab.locator(f"#{name}") for name in ("silent", "cannot"))
        with listening_node(make_node_app(web, SECRET), web.live, "2/2") as node:
            places.append(node)
            tab.goto("/cameras/door/recorded")
            has(tab, "film", "readyState > 1")
            assert silent.is_hidden()
        tab.locator("[data-move='-60']").click()
        silent.wait_for()
        assert silent.inner_text() == (
            "Perhaps more is recorded: shard 2/2 on one does not answer."
        )
        assert cannot.is_hidden()


def test_a_span_is_taught_to_the_machine_that_recorded_it(web: WebState) -> None:
    places: list[Place] = []
    with (
        page_over(web, places) as tab,
        listening_node(make_node_app(web, SECRET), web.live, "2/2") as node,
    ):
        places.append(node)
        tab.goto("/cameras/door/recorded?at=2026-05-04T08:00:04Z")
        has(tab, "film", "readyState > 1")
        tab.get_by_role("button", name="Start here").click()
        for _ in range(2):
            tab.get_by_role("button", name="+1 s").click()
        tab.get_by_role("button", name="End here").click()
        tab.get_by_label("Nothing that is").check()
        tab.get_by_role("button", name="Save the span").click()
        taught = tab.locator("#taught li")
        taught.wait_for()
        wait_until(lambda: tab.locator("#counts").text_content() == "nothing: 1")
        (event,) = (one for one in web.store.all() if one.origin is Origin.TAUGHT)
        assert event.duration_s == 2.0
        files = web.files(event)
        assert files is not None
        assert files.clip.is_file()
        taught.locator("a").click()
        has(tab, "clip", "duration > 2")
        tab.get_by_role("button", name="Take it back").click()
        tab.get_by_role("button", name="Take it back?").click()
        tab.wait_for_url("**/events")
    assert not files.there
    assert [line["schema"] for line in lines(web)] == [
        "har-monitor.span.v1", "har-monitor.deleted.v1",
    ]  # fmt: skip
