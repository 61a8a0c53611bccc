"""A camera's own packets as fragmented MP4: what a viewer can play, from any key frame on."""

import io
import re
import threading
from pathlib import Path
from typing import Any

import av
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from monitor.evidence.ring import PacketRing
from monitor.web import sockets
from monitor.web.live import LiveState, Video
from monitor.web.state import WebState
from monitor.web.video import VideoFeed, avc_codec
from testkit.fakes import wait_until
from testkit.media import make_video, number_of
from tests.monitor.evidence.test_ring import packets

FPS, GOP = 25, 25


class Sent:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], bytes]] = []
        self._lock = threading.Lock()

    def __call__(self, head: dict[str, Any], data: bytes) -> None:
        with self._lock:
            self.messages.append((head, data))

    @property
    def beginnings(self) -> list[int]:
        return [n for n, (head, _) in enumerate(self.messages) if "codec" in head]


def numbers(data: bytes) -> list[int]:
    """Those of the pictures that a player shows."""
    with av.open(io.BytesIO(data)) as container:
        return [number_of(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def fill(film: Path, ring: PacketRing, start_s: float, end_s: float) -> None:
    for packet, pts_s in packets(film, ring):
        if start_s <= pts_s < end_s:
            ring.take(packet, pts_s)
            ring.align(0.0)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_video(tmp_path / "a.mp4", fps=FPS, duration_s=4, gop=GOP).path


def test_every_picture_comes_from_the_newest_key_frame_on(film: Path) -> None:
    ring, sent = PacketRing(60.0, 1 << 30), Sent()
    fill(film, ring, 0.0, 2.5)
    feed = VideoFeed("door", lambda: ring, sent)
    wait_until(lambda: len(sent.messages) >= 12)  # the beginning, and all but the newest picture
    feed.close()
    feed.close()

    (head, beginning), *fragments = sent.messages
    assert (head["type"], head["camera"]) == ("video", "door")
    assert re.fullmatch(r"avc1\.[0-9a-f]{6}", head["codec"])
    assert beginning[4:8] == b"ftyp"
    assert numbers(b"".join(data for _, data in sent.messages)) == list(range(50, 62))
    assert [head["key"] for head, _ in fragments] == [True] + [False] * 11


def test_a_viewer_who_comes_later_begins_at_a_key_frame(film: Path) -> None:
    ring, sent = PacketRing(60.0, 1 << 30), Sent()
    fill(film, ring, 0.0, 4.0)
    feed = VideoFeed("door", lambda: ring, sent)
    wait_until(lambda: len(sent.messages) == 25)
    feed.close()
    state = LiveState()
    keyed = [(head | {"key": n in (1, 11)}, data) for n, (head, data) in enumerate(sent.messages)]
    keyed[0] = sent.messages[0]
    for head, data in keyed:
        state._take_video(head, data)

    video = state.videos["door"]
    assert (video.first, len(video.fragments)) == (10, 14)


def test_a_new_connection_begins_a_new_file(film: Path) -> None:
    ring, sent = PacketRing(60.0, 1 << 30), Sent()
    fill(film, ring, 0.0, 1.5)
    feed = VideoFeed("door", lambda: ring, sent)
    wait_until(lambda: len(sent.messages) >= 12)
    fill(film, ring, 2.0, 3.5)  # `packets` connects the ring again
    wait_until(lambda: len(sent.beginnings) == 2)
    feed.close()

    second = sent.messages[sent.beginnings[1] :]
    assert numbers(b"".join(data for _, data in second))[0] in (50, 75)


def test_a_camera_that_is_set_up_anew_goes_on_with_its_new_ring(film: Path) -> None:
    rings = [PacketRing(60.0, 1 << 30), PacketRing(60.0, 1 << 30)]
    for ring in rings:
        fill(film, ring, 0.0, 0.5)
    now, sent = rings[:1], Sent()
    feed = VideoFeed("door", lambda: now[0], sent)
    wait_until(lambda: len(sent.messages) >= 12)
    now[0] = rings[1]
    wait_until(lambda: len(sent.beginnings) == 2 and len(sent.messages) == 26)
    feed.close()
    second = sent.messages[sent.beginnings[1] :]
    assert numbers(b"".join(data for _, data in second)) == list(range(12))


def test_other_codecs_are_not_sent(tmp_path: Path) -> None:
    film = make_video(tmp_path / "a.mp4", fps=FPS, duration_s=1, gop=GOP, codec="hevc").path
    ring, sent = PacketRing(60.0, 1 << 30), Sent()
    fill(film, ring, 0.0, 1.0)
    assert avc_codec(ring.since(0.0)[0].run.template) is None
    feed = VideoFeed("door", lambda: ring, sent)
    feed.close()
    assert sent.messages == []


def test_a_browser_is_sent_the_beginning_and_then_what_comes(
    client: TestClient, web: WebState
) -> None:
    web.live.videos["door"] = Video("avc1.42c01e", b"begin", [b"one", b"two"], 5)
    with client.websocket_connect("ws://127.0.0.1:8470/video?camera=door") as browser:
        assert browser.receive_json() == {"codec": "avc1.42c01e"}
        assert [browser.receive_bytes() for _ in range(3)] == [b"begin", b"one", b"two"]


def test_a_camera_without_video_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "VIDEO_S", 0.0)
    monkeypatch.setattr(sockets, "LIMIT_S", 0.01)
    with client.websocket_connect("ws://127.0.0.1:8470/video?camera=door") as browser:
        assert browser.receive_json() == {"codec": None}
    unknown = client.websocket_connect("ws://127.0.0.1:8470/video?camera=none")
    with unknown as browser, pytest.raises(WebSocketDisconnect):
        browser.receive_json()
