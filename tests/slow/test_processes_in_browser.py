"""The page in a real browser, of cameras that several processes watch."""

from pathlib import Path

import yaml

from testkit.fakes import wait_until
from testkit.films import looped
from testkit.pages import SAMPLE, opened, until, watching
from testkit.servers.rtsp import rtsp_server


def test_pictures_video_and_events_of_every_process_are_seen(tmp_path: Path) -> None:
    film = looped(
        tmp_path / "f.mp4", SAMPLE, 6, "fps=25,scale=320:180", "libx264", "-g", "25", "-bf", "0"
    )
    with rtsp_server(film) as server:
        config = {
            "workers": 2,
            "web": {"port": 0},
            "cameras": [{"name": name, "source": server.url} for name in ("door", "yard")],
        }
        (tmp_path / "monitor.yaml").write_text(yaml.safe_dump(config))
        with watching(tmp_path, "--config", "monitor.yaml") as watched:
            wait_until(lambda: {one["camera"] for one in watched.alerts} == {"door", "yard"})
            with opened(watched, "desktop") as tab:
                tab.goto("/")
                for name in ("door", "yard"):
                    tab.locator(f"[data-camera={name}] img").wait_for(state="visible")
                for name in ("door", "yard"):
                    tab.goto(f"/cameras/{name}")
                    until(tab, "document.querySelector('.tile.playing video')?.currentTime > 1")
                for name in ("door", "yard"):
                    clip = f"evidence/*/{name}/[!.]*.mp4"
                    wait_until(lambda clip=clip: any(tmp_path.glob(clip)))
                    (path, *_) = tmp_path.glob(clip)
                    tab.goto(f"/events/{path.stem}")
                    until(tab, "document.getElementById('clip')?.readyState >= 2")
                tab.goto("/health")
                assert "parent process" in tab.locator("main").inner_text(), "a sink of theirs"
                tab.screenshot(path=tmp_path / "health.png", full_page=True)
                tab.goto("/")
                tab.locator("[data-camera=yard] img").wait_for(state="visible")
                tab.screenshot(path=tmp_path / "wall.png")
