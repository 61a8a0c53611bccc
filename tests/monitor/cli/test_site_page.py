"""har-monitor page: what it needs of a configuration, and what it is told."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.cli.site_page import site_settings
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError

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
