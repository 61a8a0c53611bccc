"""The page in a real browser, on a desktop and on a phone, beside a har-monitor that watches."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.fakes import wait_until
from testkit.films import looped
from testkit.pages import SAMPLE, SIZES, Watched, opened, until, watching
from testkit.servers.rtsp import rtsp_server

PAGES = ["/", "/events", "/timeline", "/health", "/cameras/film", "/events/gone"]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A file, which ends, and the same fight as a stream, again and again."""
    folder = tmp_path_factory.mktemp("page")
    long = folder / ("a_path_of_one_long_word_" * 4)  # no screen of a phone is so wide
    long.mkdir()
    source = shutil.copy(SAMPLE, long / "film.mp4")
    film = looped(
        folder / "f.mp4", SAMPLE, 4, "fps=25,scale=320:180", "libx264", "-g", "25", "-bf", "0"
    )
    with (
        rtsp_server(film) as server,
        watching(
            folder, "--log", "alerts.jsonl", "--web", "127.0.0.1:0",
            "--source", f"film={source}", "--source", f"door={server.url}",
        ) as found,
    ):  # fmt: skip
        wait_until(lambda: {one["camera"] for one in found.alerts} == {"film", "door"})
        yield found


def test_an_event_is_found_seen_and_judged(watched: Watched) -> None:
    with opened(watched, "desktop") as tab:
        tab.goto("/events?camera=film")
        item = tab.locator(".event")
        item.wait_for()
        assert item.count() == 1
        assert item.locator("img").evaluate("image => image.complete && image.naturalWidth") == 320

        tab.keyboard.press("j")
        tab.keyboard.press("d")
        tab.locator(".event .review.dismissed").wait_for()
        tab.keyboard.press("U")
        tab.locator(".event .review.unreviewed").wait_for()
        tab.keyboard.press(" ")
        until(tab, "document.querySelector('.event video').currentTime > 0.2")
        tab.keyboard.press("Enter")

        tab.wait_for_url("**/events/*")
        until(tab, "document.getElementById('clip').readyState >= 2")
        trace = tab.locator("#trace")
        trace.scroll_into_view_if_needed()
        bounds = trace.bounding_box()
        trace.click(position={"x": bounds["width"] / 2, "y": 20})
        until(tab, "document.getElementById('clip').currentTime > 5")
        until(tab, "document.getElementById('now').getAttribute('visibility') === 'visible'")

        tab.locator("#relabel input").fill("<b>Umarmung")
        tab.locator("#relabel button").click()
        tab.locator("#verdict .relabelled").wait_for()
        tab.locator("#noting textarea").fill("zwei Freunde")
        tab.locator("#trace").click(position={"x": 200, "y": 20})
        tab.keyboard.press("c")
        tab.locator("#verdict .confirmed").wait_for()
        assert tab.locator("#noting textarea").input_value() == "zwei Freunde", "not saved yet"
        tab.keyboard.press("u")
        tab.locator("#verdict .relabelled").wait_for()
        tab.locator("#noting button").click()
        tab.locator("#said", has_text="Note saved").wait_for()
        tab.locator("#marked").check()
        tab.locator("#said", has_text="It is kept").wait_for()
        tab.reload()
        assert tab.locator("#verdict .review").inner_text() == "<b>Umarmung"
        assert tab.locator("#noting textarea").input_value() == "zwei Freunde"
        assert tab.locator("#marked").is_checked()
    assert [set(one) for one in watched.reviews] == [
        {"review"}, {"review"}, {"review", "review_label"}, {"review"},
        {"review", "review_label", "note", "marked"}, {"note"}, {"marked"},
    ]  # fmt: skip


def test_keys_mean_what_has_the_focus(watched: Watched) -> None:
    wait_until(lambda: sum(one["event"] == "start" for one in watched.alerts) >= 3)
    with opened(watched, "desktop") as tab:
        tab.goto("/events?camera=door")
        second = tab.locator(".event").nth(1)
        second.locator(".title").focus()
        tab.keyboard.press("d")
        second.locator(".dismissed").wait_for()
        tab.keyboard.press("u")
        second.locator(".unreviewed").wait_for()
        tab.locator("nav a", has_text="Timeline").focus()
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/timeline")


def test_several_events_are_judged_at_once_and_that_is_undone(watched: Watched) -> None:
    with opened(watched, "desktop") as tab:
        wait_until(lambda: sum(one["event"] == "start" for one in watched.alerts) >= 3)
        tab.goto("/events")
        count = tab.locator(".event").count()
        tab.locator("#all").check()
        tab.locator("[data-verdict=confirmed]").click()
        until(tab, f"document.querySelectorAll('.review.confirmed').length == {count}")
        tab.locator("#undo").click()
        until(tab, "document.querySelectorAll('.review.confirmed').length == 0")


def test_the_wall_shows_pictures_and_what_goes_on(watched: Watched) -> None:
    with opened(watched, "desktop") as tab:
        tab.goto("/")
        tile = tab.locator("[data-camera=door]")
        tile.locator("img").wait_for(state="visible")
        first = tile.locator("img").get_attribute("src")
        until(tab, f"document.querySelector('[data-camera=door] img').src != '{first}'")
        assert tile.locator(".word").inner_text().startswith(("live", "idle", "retrying"))
        tab.locator(".tile.acting").wait_for()
        assert tab.locator(".tile.acting .doing").first.inner_text() == "fight"
        tile.click()
        tab.wait_for_url("**/cameras/door")
        until(tab, "document.querySelector('.tile.playing video')?.currentTime > 1")
        assert tab.locator(".tile video").evaluate("video => video.videoWidth") == 320


def test_times_are_the_viewers(watched: Watched) -> None:
    with opened(watched, "desktop") as tab:
        tab.goto("/timeline")
        tab.locator("text=Times are of Asia/Tokyo").wait_for()
        tab.locator(".timeline a[aria-label] .hit").first.click(force=True)
        tab.wait_for_url("**/events/*")


@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_the_screen(watched: Watched, size: str, tmp_path: Path) -> None:
    with opened(watched, size) as tab:
        event = next(one["id"] for one in watched.alerts if one["camera"] == "film")
        for path in [*PAGES, f"/events/{event}"]:
            tab.goto(path)
            tab.locator("main").wait_for()
            over = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, path
            picture = tmp_path / f"{size}.png"
            tab.screenshot(path=picture)
            assert picture.stat().st_size > 5000


def test_everything_can_be_reached_by_the_keyboard(watched: Watched) -> None:
    with opened(watched, "desktop") as tab:
        tab.goto("/events")
        reached = set()
        for _ in range(40):
            tab.keyboard.press("Tab")
            reached.add(
                tab.evaluate("document.activeElement.textContent.trim().split('\\n')[0]")
                or tab.evaluate("document.activeElement.name")
            )
        assert {"Skip to the content", "Live", "Health", "Filter", "since"} <= reached
