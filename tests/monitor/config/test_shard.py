"""Which cameras a shard has."""

import hashlib
from collections import Counter

import pytest

from monitor.config.options import MonitorOptions
from monitor.config.shard import Shard, of_shard, zones_of
from monitor.errors import ConfigError

NAMES = [f"camera-{number}" for number in range(600)]


def shard_of(name: str, count: int) -> int:
    (found,) = (number for number in range(1, count + 1) if Shard(number, count).has(name))
    return found


def test_every_camera_is_of_one_shard_and_they_are_about_even() -> None:
    counts = Counter(shard_of(name, 6) for name in NAMES)
    assert len(counts) == 6
    assert all(70 <= count <= 130 for count in counts.values()), counts


def test_with_one_more_shard_only_those_cameras_move_that_it_takes() -> None:
    moved = {name: (shard_of(name, 5), shard_of(name, 6)) for name in NAMES}
    went = [now for before, now in moved.values() if now != before]
    assert set(went) == {6}
    assert 70 <= len(went) <= 130


def test_a_cameras_shard_is_the_same_for_ever() -> None:
    """Another one would move every camera of every site with an upgrade."""
    assert [shard_of(name, 3) for name in NAMES[:8]] == [3, 2, 2, 1, 1, 2, 3, 2]
    assert shard_of("Вход", 3) == 3


@pytest.mark.parametrize(
    "text", ["", "1", "0/2", "3/2", "1/0", "-1/2", "1/2/3", "a/b", "1/1001", "1 / 2", "1/2²"]
)
def test_what_is_no_shard(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        Shard.parse(text)
    assert str(error.value) == (
        f"--shard {text}: I/N is needed, such as 1/3; I from 1 to N, N up to 1000"
    )


def options(cameras: int, *sinks: dict[str, str]) -> MonitorOptions:
    named = [{"name": name, "source": "0"} for name in NAMES[:cameras]]
    return MonitorOptions.model_validate({"cameras": named, "sinks": sinks})


STORE = {"type": "store", "url": "events.sqlite", "site": "home"}


def test_a_shard_of_a_configuration_knows_of_the_other_cameras() -> None:
    whole = options(8, STORE)
    parts = [of_shard(whole, Shard(number, 2)) for number in (1, 2)]
    assert sorted(one.name for part in parts for one in part.cameras) == NAMES[:8]
    assert whole.share is None
    first, second = (part.share for part in parts)
    assert first is not None
    assert second is not None
    assert (str(first.shard), first.cameras) == ("1/2", 8)
    assert first.fingerprint == second.fingerprint
    more = of_shard(options(9, STORE), Shard(1, 2)).share
    assert more is not None
    assert more.fingerprint != first.fingerprint


def zoned(*zones: str | None, **more: object) -> MonitorOptions:
    named = [
        {"name": name, "source": "0", "zone": zone}
        for name, zone in zip(NAMES, zones, strict=False)
    ]
    return MonitorOptions.model_validate({"cameras": named, "sinks": [STORE]} | more)


def test_a_shard_is_of_one_zone_and_each_zone_has_numbers_of_its_own() -> None:
    whole = zoned(*[None, "south", "north"] * 20)
    assert zones_of(whole) == ("", "north", "south")
    parts = [of_shard(whole, Shard(number, 6)) for number in range(1, 7)]
    found = [{camera.zone for camera in part.cameras} for part in parts]
    assert found == [{None}, {None}, {"north"}, {"north"}, {"south"}, {"south"}]
    assert sorted(one.name for part in parts for one in part.cameras) == sorted(NAMES[:60])
    assert all(Shard(2, 2).has(camera.name) for camera in parts[3].cameras)


def test_another_zone_is_another_fingerprint_and_none_is_the_one_that_there_was() -> None:
    first, second, plain = (
        of_shard(one, Shard(1, 2)).share
        for one in (zoned("a", "b"), zoned("b", "a"), options(2, STORE))
    )
    assert first is not None
    assert second is not None
    assert plain is not None
    assert len({first.fingerprint, second.fingerprint, plain.fingerprint}) == 3
    assert plain.fingerprint == hashlib.sha256(b"camera-0\ncamera-1").hexdigest()[:16]


@pytest.mark.parametrize(
    ("shard", "more", "fault"),
    [
        (
            Shard(1, 3),
            {},
            "--shard 1/3: the cameras are of 2 zones: as many shards of each are needed, such as "
            "2 or 4",
        ),
        (
            Shard(1, 2),
            {"cluster": {"shards": 2}},
            "--shard 1/2: cluster.shards is 2: for 2 zones 4 are needed",
        ),
    ],
    ids=["not a multiple", "not that of the cluster"],
)
def test_each_zone_needs_as_many_shards(shard: Shard, more: dict[str, object], fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        of_shard(zoned("north", None, **more), shard)
    assert str(error.value) == fault


def test_a_shard_needs_a_store_with_a_site() -> None:
    needs = (
        "--shard 1/2: a sink of the type store is needed, which all shards share, "
        "with site: a name of your own for its cameras"
    )
    for sinks in ((), ({"type": "store", "url": "events.sqlite"},)):
        with pytest.raises(ConfigError) as error:
            of_shard(options(8, *sinks), Shard(1, 2))
        assert str(error.value) == needs


def test_a_shard_may_have_no_camera_yet() -> None:
    number = 3 - shard_of(NAMES[0], 2)
    assert of_shard(options(1, STORE), Shard(number, 2)).cameras == ()
