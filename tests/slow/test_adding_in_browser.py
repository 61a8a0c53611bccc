"""A camera is added on the page, in a real browser, beside a har-monitor that watches."""

from pathlib import Path

import pytest

from testkit.fakes import wait_until
from testkit.films import looped
from testkit.pages import SAMPLE, SIZES, opened, watching
from testkit.servers.onvif import PASSWORD, USER, OnvifCamera, Stream, onvif_camera
from testkit.servers.rtsp import rtsp_server

CONFIGURATION = """\
# mine
cameras:
  - name: street  # the first
    source: {source}
web: {{port: 0, add_cameras: true}}
sinks:
  - {{type: log, path: alerts.jsonl}}
"""


@pytest.mark.parametrize("size", SIZES)
def test_a_camera_is_looked_at_added_and_taken_back(tmp_path: Path, size: str) -> None:
    film = looped(
        tmp_path / "f.mp4", SAMPLE, 3, "fps=25,scale=320:180", "libx264", "-g", "250", "-bf", "0"
    )
    config = tmp_path / "m.yaml"
    with rtsp_server(film, user=USER, password=PASSWORD) as server, rtsp_server(film) as open_one:
        before = CONFIGURATION.format(source=open_one.url)
        config.write_text(before)
        onvif = OnvifCamera([Stream("sub", f"{server.base}/cam", (320, 240))])
        with (
            onvif_camera(onvif) as camera,
            watching(tmp_path, "--config", "m.yaml") as watched,
            opened(watched, size) as tab,
        ):
            tab.goto("/health")
            tab.locator("a", has_text="Add a camera").click()
            tab.get_by_label("Name").fill("yard")
            tab.get_by_label("Address").fill(f"127.0.0.1:{camera.port}")
            tab.get_by_label("User").fill(USER)
            tab.get_by_label("Password").fill("wrong")
            tab.keyboard.press("Enter")
            tab.locator("section [role=status]", has_text="authentication: ").wait_for()
            tab.get_by_label("Password").fill(PASSWORD)
            tab.keyboard.press("Enter")
            tab.locator("#seen h2").wait_for()
            assert "H264 320×240" in tab.locator("#stream").inner_text()
            assert "320×180, 25.0 frames a second" in tab.locator("#facts").inner_text()
            assert "320×180 is small" in tab.locator("#hurts").inner_text()
            assert "+  - name: yard" in tab.locator("#difference").inner_text()
            assert tab.locator("section [role=status]").all_inner_texts() == ["", "", ""]
            assert PASSWORD not in tab.content()
            wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            assert tab.evaluate(wide)
            assert config.read_text() == before
            tab.locator("#add").click()

            tab.locator("#added h2", has_text="yard is added").wait_for()
            assert config.read_text().startswith(before.partition("web:")[0])
            wait_until(lambda: "camera yard: watching" in watched.said)
            assert "camera yard: added on the page by local" in watched.said
            tab.locator("#undo").click()
            tab.locator("#said", has_text="yard is taken back").wait_for()
            assert config.read_text() == before
            assert PASSWORD not in watched.said
            assert "s3cret" not in watched.said
