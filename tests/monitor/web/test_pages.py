"""The pages: what they show in each state."""

import html
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from monitor.notify.notification import NotificationKind
from monitor.notify.outbox import Outbox
from monitor.store.event import Verdict
from monitor.store.skips import SkipLog, WindowCounts
from monitor.store.states import StateLog
from monitor.web import pages
from monitor.web.state import WebState
from testkit.alerts import alert
from tests.monitor.web.conftest import BEGAN
from tests.monitor.web.test_security import PAGES

HTML = {"accept": "text/html"}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole(client: TestClient, path: str) -> None:
    text = client.get(path).text
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert '<main id="main">' in text


def test_events_are_listed_with_what_they_are(client: TestClient) -> None:
    text = client.get("/events").text
    assert re.findall(r'data-id="(\w)"', text) == ["d", "c", "b", "a"]
    assert text.count("goes on") == 1
    assert "picture follows" in text
    assert "4 events" in text


def test_times_are_in_the_zone_that_the_browser_told(client: TestClient) -> None:
    assert "2026-05-04 08:00:00" in client.get("/events?camera=door").text
    client.cookies.set("zone", "Asia/Kolkata")
    assert "2026-05-04 13:30:00" in client.get("/events?camera=door").text
    client.cookies.set("zone", "../../etc/passwd")
    assert "2026-05-04 08:00:00" in client.get("/events?camera=door").text


def test_a_filter_is_kept_by_the_links_and_the_form(client: TestClient) -> None:
    text = client.get("/events?camera=door&review=&since=2026-05-04&until=").text
    assert "<option selected>door</option>" in text
    assert 'value="2026-05-04"' in text
    assert 'href="/events/a?camera=door&amp;since=2026-05-04"' in text
    event = client.get("/events/c?camera=door").text
    assert re.search(r'id="older" href="/events/a\?camera=door"', event), "not the yard's"


def test_an_event_shows_why(client: TestClient, web: WebState) -> None:
    web.store.review("a", Verdict(note="a shadow"), "ann")
    text = client.get("/events/a").text
    assert '<video id="clip"' in text
    assert 'src="/media/a/clip.mp4"' in text
    assert '<rect x="40.0" y="48.0" width="80.0" height="48.0"/>' in text, "where it was"
    assert '<polyline class="score"' in text
    assert '<line class="threshold"' in text
    assert 'href="/media/a/strip.jpg"' in text
    assert "a shadow" in text
    assert "score fell" in text


def test_an_event_without_evidence_says_so(client: TestClient) -> None:
    text = client.get("/events/c").text
    assert "There is no clip and no picture" in text
    assert "<video" not in text


def test_an_empty_store_says_what_to_do(client: TestClient, web: WebState) -> None:
    assert "No event fits this filter" in client.get("/events?label=nothing").text
    web.store.prune(web.store.event("d").at.replace(year=2030))
    assert "No such events" in client.get("/events?camera=yard").text


def test_errors_are_pages_for_people_and_json_for_programs(client: TestClient) -> None:
    answer = client.get("/events/gone", headers=HTML)
    assert (answer.status_code, "Not here" in answer.text) == (404, True)
    assert "there is no event gone" in answer.text
    assert client.get("/events/gone").json()["detail"].startswith("there is no event gone")
    for path in ("/events?since=soon", "/timeline?day=2026-13-01", "/events?min_score=7"):
        answer = client.get(path, headers=HTML)
        assert (answer.status_code, "Not understood" in answer.text) == (422, True)
    assert client.get("/cameras/none", headers=HTML).status_code == 404
    assert client.get("/nothing", headers=HTML).status_code == 404


def test_a_day_has_a_row_for_each_camera(client: TestClient) -> None:
    text = client.get("/timeline?day=2026-05-04").text
    assert re.findall(r'aria-label="(\w+): (\d) events"', text) == [("door", "3"), ("yard", "1")]
    assert 'href="/timeline?day=2026-05-03"' in text


def test_a_day_is_shown_with_all_of_its_events_or_says_from_when_on(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = BEGAN - timedelta(hours=5)
    web.store.record(*(alert(f"n{n}", time=start + timedelta(seconds=n)) for n in range(700)))
    text = client.get("/timeline?day=2026-05-04").text
    assert "704 events" in text
    assert text.count("<title>fight") + text.count("<title>fall") == 704
    monkeypatch.setattr(pages, "EVENTS_OF_DAY", 500)
    text = client.get("/timeline?day=2026-05-04").text
    assert "704 events" in text
    assert re.search("Too many: those before 03:0\\d:\\d\\d are not shown", text)


def test_a_day_in_a_filter_lasts_to_its_end(client: TestClient) -> None:
    text = client.get("/events?since=2026-05-04&until=2026-05-04").text
    assert "4 events" in text
    assert 'name="until" value="2026-05-04"' in text
    assert "No such events" in client.get("/events?until=2026-05-03").text


def test_a_day_shows_when_a_camera_was_not_watched_and_why(
    client: TestClient, web: WebState
) -> None:
    states = StateLog(web.store)
    for hour, state in ((8, ("live", "")), (9, ("retrying", "refused")), (10, ("live", ""))):
        states.note({"door": state}, datetime(2026, 5, 4, hour, tzinfo=UTC))
    states.note({}, datetime(2026, 5, 4, 11, tzinfo=UTC))
    text = client.get("/timeline?day=2026-05-04").text
    lost = '<rect class="lost" x="360.0" y="0" width="40.0" height="28"><title>retrying: refused'
    assert lost in text
    assert text.count('class="watched"') == 2


def skips(web: WebState, camera: str, **seconds: str) -> None:
    """Minutes from ten o'clock on: each has a reason, and sixty windows."""
    log, counted, noon = SkipLog(web.store), Counter[str](), BEGAN + timedelta(hours=2)
    reasons = [why.replace("_", " ") for why, count in seconds.items() for _ in range(int(count))]
    for number, reason in enumerate(reasons):
        log.note({camera: WindowCounts(0, dict(counted))}, noon + timedelta(minutes=number))
        counted[reason] += 60
        log.note({camera: WindowCounts(0, dict(counted))}, noon + timedelta(minutes=number + 0.5))
    log.close()


def test_a_day_shows_what_was_not_classified_and_why(client: TestClient, web: WebState) -> None:
    skips(web, "door", black="9", quiet="60")
    client.cookies.set("zone", "Europe/Berlin")
    text = client.get("/timeline?day=2026-05-04").text
    words = "540 of 540 windows were not classified: its picture is black (540)"
    assert f'<rect class="missed" x="480.0" y="0" width="6.0" height="4"><title>{words}' in text
    assert '<rect class="quiet" x="486.0" y="1" width="40.0" height="2"><title>nothing' in text
    assert f">door, 12:00:00 to 12:09:00</a>: {words}</li>" in text
    assert "why: 1 time</summary>" in text, "that nothing moved is no loss"


def test_a_time_in_which_nothing_was_seen_leads_to_the_events_about_it(
    client: TestClient, web: WebState
) -> None:
    skips(web, "door", gaps="3")
    web.store.record(alert("near", time=BEGAN + timedelta(hours=1, minutes=55)))
    client.cookies.set("zone", "Europe/Berlin")
    text = client.get("/timeline?day=2026-05-04").text
    (address,) = set(re.findall(r'href="(/events\?camera=door&amp;since[^"]*T[^"]*)"', text))
    listed = client.get(html.unescape(address)).text
    assert re.findall(r'data-id="(\w+)"', listed) == ["c", "near"]
    assert "from 2026-05-04 11:50:00 until 2026-05-04 12:13:00" in listed
    assert 'name="until" value="2026-05-04"' in listed


def test_a_day_lists_no_end_of_times(
    client: TestClient, web: WebState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOST_OF_DAY", 1)
    for camera in ("door", "yard"):
        skips(web, camera, frozen="2")
    text = client.get("/timeline?day=2026-05-04").text
    assert text.count("</a>: ") == 1
    api = html.unescape(re.findall(r'<a href="([^"]*)">the API</a> gives all', text)[0])
    assert [one["camera"] for one in client.get(api).json()["skipped"]] == ["door", "yard"]


def test_a_day_in_which_the_clocks_change_has_another_length(client: TestClient) -> None:
    client.cookies.set("zone", "Europe/Berlin")
    assert client.get("/timeline?day=2026-03-29").text.count("<span>") >= 11
    assert client.get("/timeline?day=2026-10-25").status_code == 200


def test_health_shows_cameras_sinks_and_models(client: TestClient, web: WebState) -> None:
    assert "Nothing is known of the cameras yet" in client.get("/health").text
    camera = {
        "name": "door", "state": "retrying", "cause": "connection refused", "fault": "",
        "fps": None, "windows": 7, "dropped": {"busy": 2, "quiet": 5}, "latency_ms": 81.0,
        "alerts": 1, "reconnects": 3,
    }  # fmt: skip
    sink = {"name": "event store", "waiting": 4, "retried": 2, "lost": 0}
    web.live.health = {"cameras": [camera], "sinks": [sink], "pid": 77}
    text = client.get("/health").text
    for shown in ("connection refused", "81 ms", "event store", "fight from 0.8", "process 77"):
        assert shown in text
    assert re.search(r"busy</abbr> 2, .*quiet</abbr> 5", text)
    assert "78 %" in text, "7 of 9: in the quiet ones nothing moved"


def test_health_shows_whether_messages_arrive(client: TestClient, web: WebState) -> None:
    assert "Who is told" not in client.get("/health").text
    box = Outbox(web.store)
    with web.store.transaction() as connection:
        for name in ("x", "y", "z"):
            box.add(connection, "phone", NotificationKind.START, alert(name), at_ms=0)
    row = box.head("phone", 0)
    assert row is not None
    box.refused(row, "answered 404", 0)
    text = client.get("/health").text
    assert "Who is told" in text
    row_shown = text.partition("phone")[2].partition("</tr>")[0]
    numbers = re.findall(r"<td[^>]*>(?:<span[^>]*>)?([^<]+)", row_shown)
    assert numbers == ["2", "0", "1", "answered 404"]


def test_a_clip_can_be_had_in_parts(client: TestClient) -> None:
    whole = client.get("/media/a/clip.mp4")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    part = client.get("/media/a/clip.mp4", headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    far = client.get("/media/a/clip.mp4", headers={"range": "bytes=99999999-"})
    assert far.status_code == 416
    assert client.get("/media/c/clip.mp4").status_code == 404
