"""A site's configuration as a cluster carries it, and what of it may change."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitor.cluster.agent import SiteConfig
from monitor.cluster.controller import Controller
from monitor.cluster.site import check_change, cluster_config
from monitor.errors import ConfigError

STORE = {"type": "store", "url": "postgresql://har@db/har", "site": "home"}


def config(folder: Path, shards: int = 2, **zones: str | None) -> SiteConfig:
    """Of cameras with these zones."""
    cameras = [{"name": name, "source": "0", "zone": zone} for name, zone in zones.items()]
    options: dict[str, Any] = {
        "cameras": cameras, "cluster": {"shards": shards, "folder": "/shards"}, "sinks": [STORE],
    }  # fmt: skip
    (folder / "site.yaml").write_text(yaml.safe_dump(options))
    return cluster_config(folder / "site.yaml")


def test_each_zone_has_its_shards_in_the_order_of_the_names(tmp_path: Path) -> None:
    found = config(tmp_path, door="north", yard=None, gate="east")
    assert found.zones == ("", "", "east", "east", "north", "north")
    assert found.shards == 6
    assert found.cameras == {"door": "north", "yard": "", "gate": "east"}


def test_all_zones_together_have_no_more_shards_than_a_site_may(tmp_path: Path) -> None:
    fault = "site.yaml: cluster.shards: 600 for each zone are 1200 shards; up to 1000 are allowed"
    with pytest.raises(ConfigError, match=re.escape(fault)):
        config(tmp_path, 600, door="north", yard=None)


@pytest.mark.parametrize(
    ("zones", "fault"),
    [
        ({"door": "north", "yard": "south", "gate": "south"}, ""),
        (
            {"door": "south", "yard": "south", "gate": "north"},
            "site home: camera door: its zone was north and is south; to change that, end it "
            "first: har-monitor cluster stop",
        ),
        (
            {"door": "north", "yard": "south", "gate": None},
            "site home: it has 4 shards in /shards; to change cluster.shards, cluster.folder or "
            "which zones there are, end it first: har-monitor cluster stop",
        ),
    ],
    ids=["another camera", "another zone of a camera", "another zone"],
)
def test_cameras_come_and_go_but_none_changes_its_zone_while_it_is_watched(
    tmp_path: Path, zones: dict[str, str | None], fault: str
) -> None:
    before = config(tmp_path, door="north", yard="south")
    known = Controller(before, (), time.monotonic).status()
    if not fault:
        check_change(known, config(tmp_path, **zones))
        return
    with pytest.raises(ConfigError) as error:
        check_change(known, config(tmp_path, **zones))
    assert str(error.value) == fault
