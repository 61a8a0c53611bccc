"""har-monitor page: what it needs of a configuration, and what it is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.cli.site_page import site_settings, summary
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError
from monitor.health.report import Report, ShardView
from monitor.health.status import CameraSnapshot
from monitor.states import CameraState
from monitor.web.site import SiteView, site_health

SITE: dict[str, Any] = {
    "cameras": [{"name": "door", "source": "rtsp://ann:pa55@192.0.2.10/stream"}],
    "web": {},
    "sinks": [{"type": "store", "url": "postgresql://har:s3cret@db.example/har", "site": "home"}],
}


def options(folder: Path, **changes: Any) -> MonitorOptions:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(SITE | changes))
    return load(path, MonitorOptions).with_needed_sinks()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"web": None}, "site.yaml: web is needed, such as web: {}"),
        ({"sinks": []}, "site.yaml: a sink of the type store is needed, which all shards share"),
        ({"sinks": [{"type": "store"}]}, "site.yaml: a sink of the type store is needed"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_site_is_refused_in_a_line(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        site_settings(options(tmp_path, **changes), Path("site.yaml"))


@pytest.mark.parametrize(
    ("sinks", "log"),
    [
        ([], "page.jsonl"),
        ([{"type": "log", "path": "-"}], "page.jsonl"),
        ([{"type": "log", "path": "/var/log/alerts.jsonl"}], "/var/log/page.jsonl"),
    ],
)
def test_it_shows_all_cameras_and_writes_reviews_to_a_journal_of_its_own(
    tmp_path: Path, sinks: list[dict[str, Any]], log: str
) -> None:
    made = site_settings(options(tmp_path, sinks=[*SITE["sinks"], *sinks]), Path("site.yaml"))
    assert [(one.name, one.source) for one in made.cameras] == [
        ("door", "rtsp://ann:***@192.0.2.10/stream")
    ]
    assert str(made.log) == log
    assert (made.site, made.adding, made.lease) == (True, False, None)
    assert "s3cret" not in made.configuration
    assert "pa55" not in made.model_dump_json()


def test_its_journal_is_beside_the_log_that_is_given(tmp_path: Path) -> None:
    sinks = [*SITE["sinks"], {"type": "log", "path": "/var/log/alerts.jsonl"}]
    given = Path("/var/lib/page/alerts.jsonl")
    made = site_settings(options(tmp_path, sinks=sinks), Path("site.yaml"), given)
    assert str(made.log) == "/var/lib/page/page.jsonl"


def test_systemd_is_told_how_many_cameras_are_watched_and_shards_heard_of(tmp_path: Path) -> None:
    cameras = [{"name": name, "source": "rtsp://192.0.2.10/stream"} for name in ("door", "gate")]
    made = site_settings(options(tmp_path, cameras=cameras), Path("site.yaml"))
    live = CameraSnapshot("door", "rtsp://192.0.2.10/stream", state=CameraState.LIVE)
    heard = ShardView("1/3", age_s=1.0, report=Report(cameras=(live,)))
    view = SiteView((heard, ShardView("2/3"), ShardView("3/3")))
    health = site_health(view, made.cameras)
    assert summary(health) == "1 of 2 cameras watched; 1 of 3 shards heard of"
