"""What a browser plays of cameras whose own video it does not: H.265 and MJPEG."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from testkit.fakes import wait_until
from testkit.films import looped
from testkit.pages import SAMPLE, SIZES, Watched, until, watching
from testkit.patience import LIMIT_S
from testkit.servers.browser import chromium
from testkit.servers.mjpeg import http_camera, jpegs

FPS = 15

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A file of H.265, which ends, and an MJPEG camera that goes on."""
    folder = tmp_path_factory.mktemp("page")
    x265 = ("libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1")
    film = looped(folder / "h265.mp4", SAMPLE, 1, "fps=25,scale=640:360", *x265)
    small = looped(folder / "f.mp4", SAMPLE, 1, f"fps={FPS},scale=320:180", "libx264")
    with (
        http_camera(jpegs(small) * 30, FPS) as camera,
        watching(
            folder, "--log", "alerts.jsonl", "--web", "127.0.0.1:0",
            "--source", f"film={film}", "--source", f"jpeg={camera.url()}",
        ) as found,
    ):  # fmt: skip
        ends = ("film", "end")
        wait_until(lambda: ends in {(one["camera"], one["event"]) for one in found.alerts})
        yield found


@pytest.fixture(params=SIZES)
def tab(request: pytest.FixtureRequest, watched: Watched) -> Iterator[Any]:
    """A tab in which no script fails."""
    wide, high, scheme = SIZES[request.param]
    faults: list[str] = []
    with chromium() as browser:
        tab = browser.new_context(
            viewport={"width": wide, "height": high}, color_scheme=scheme, base_url=watched.url
        ).new_page()
        tab.set_default_timeout(LIMIT_S * 1000)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        yield tab
    assert faults == []


def event_of(watched: Watched, camera: str) -> str:
    return str(next(one["id"] for one in watched.alerts if one["camera"] == camera))


def test_a_copy_is_played_in_place_of_a_clip_of_h265(watched: Watched, tab: Any) -> None:
    event = event_of(watched, "film")
    tab.goto(f"/events/{event}")
    until(tab, "document.getElementById('clip').currentSrc.endsWith('/h264.mp4')")
    until(tab, "document.getElementById('clip').readyState >= 2")
    tab.keyboard.press(" ")
    until(tab, "document.getElementById('clip').currentTime > 0.5")
    assert tab.locator("#clip").evaluate("clip => clip.videoWidth") == 640
    assert not tab.locator("#cannot").is_visible()
    clips = list((watched.folder / "evidence").glob(f"*/film/{event}*.mp4"))
    assert sorted(re.sub(r"^[^.]+", "", one.name) for one in clips) == [".h264.mp4", ".mp4"]


def test_the_list_plays_the_copy_too(tab: Any) -> None:
    tab.goto("/events?camera=film")
    tab.keyboard.press("j")
    tab.keyboard.press(" ")
    until(tab, "document.querySelector('.event video')?.currentTime > 0.2")
    assert tab.locator(".event video").get_attribute("src").endswith("/h264.mp4")


def test_while_the_copy_is_made_the_page_says_so_and_if_it_fails_offers_the_file(
    watched: Watched, tab: Any
) -> None:
    why = {"detail": "no copy can be made: the clip cannot be read: invalid data"}
    answers = [
        {"status": 503, "headers": {"Retry-After": "1"}, "json": {"detail": "it is being made"}},
        {"status": 422, "json": why},
    ]
    tab.route("**/h264.mp4", lambda route: route.fulfill(**answers.pop(0)))
    tab.goto(f"/events/{event_of(watched, 'film')}")
    line = tab.locator("#cannot")
    tab.locator("#cannot", has_text="cannot play H.265. A smaller copy is made").wait_for()
    tab.locator("#cannot", has_text="the clip cannot be read: invalid data.").wait_for()
    assert line.locator("a").get_attribute("href").endswith("/clip.mp4")
    assert answers == []


def test_without_script_there_is_a_link_to_the_copy(watched: Watched) -> None:
    with chromium() as browser:
        tab = browser.new_context(java_script_enabled=False, base_url=watched.url).new_page()
        tab.goto(f"/events/{event_of(watched, 'film')}")
        tab.locator("noscript a", has_text="smaller copy").click()
        tab.wait_for_url("**/h264.mp4")
        tab.locator("video").wait_for()


def test_an_mjpeg_camera_is_shown_as_video(tab: Any) -> None:
    tab.goto("/cameras/jpeg")
    until(tab, "document.querySelector('.tile.playing video')?.currentTime > 1")
    assert tab.locator(".tile video").evaluate("video => video.videoWidth") == 320
