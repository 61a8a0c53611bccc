"""What another machine recorded, in a real browser, while that machine is lost."""

import pytest

from monitor.web.app import make_app
from monitor.web.live import LiveState
from monitor.web.node import make_node_app
from monitor.web.node_evidence import NodeEvidence
from monitor.web.site import Place
from monitor.web.state import WebState
from testkit.fakes import wait_until
from testkit.servers.browser import chromium
from tests.monitor.web.conftest import web
from tests.monitor.web.test_recorded import recorded
from tests.monitor.web.test_site import SECRET, listening_node

__all__ = ["recorded", "web"]

pytestmark = pytest.mark.slow


def test_a_machine_that_is_lost_is_why_the_player_shows_nothing(web: WebState) -> None:
    places: list[Place] = []
    settings = web.settings.model_copy(
        update={"evidence": web.settings.log.with_name("none"), "site": True}
    )
    site = WebState(
        settings, web.store, web.journal, LiveState(), keeper=NodeEvidence(lambda: places)
    )
    with listening_node(make_app(site), site.live) as page, chromium() as browser:
        tab = browser.new_context(base_url=f"http://{page.address}").new_page()
        silent, cannot = (tab.locator(f"#{name}") for name in ("silent", "cannot"))
        with listening_node(make_node_app(web, SECRET), web.live, "2/2") as node:
            places.append(node)
            tab.goto("/cameras/door/recorded")
            wait_until(lambda: tab.evaluate("() => document.getElementById('film').readyState > 1"))
            assert silent.is_hidden()
        tab.locator("[data-move='-60']").click()
        silent.wait_for()
        assert silent.inner_text() == (
            "Perhaps more is recorded: shard 2/2 on one does not answer."
        )
        assert cannot.is_hidden()
