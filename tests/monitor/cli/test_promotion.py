"""Promotions: what the journal says, and what of it counts."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.promotion import Promotions
from monitor.config.options import MonitorOptions
from monitor.errors import ModelError
from monitor.recognition.classifier import sha256_of
from monitor.recognition.shipped import model_path
from monitor.store.database import StoreError
from monitor.store.journal import Journal, PromotionLine, journal_path
from testkit.models import metadata, motion_model

FIGHT = model_path("fight")
NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return motion_model(tmp_path / "mine.onnx", metadata(name="mine"))


def options(folder: Path, **cameras: dict[str, Any]) -> MonitorOptions:
    named = [{"name": name, "source": "a.mp4", **own} for name, own in cameras.items()]
    log = {"type": "log", "path": str(folder / "alerts.jsonl")}
    return MonitorOptions.model_validate({"cameras": named, "sinks": [log]})


def say(folder: Path, model: Path, shadow: Path, *, promoted: bool, camera: str = "door") -> None:
    journal = Journal(journal_path(folder / "alerts.jsonl"))
    both = {"model": sha256_of(model), "shadow": sha256_of(shadow)}
    journal.write(PromotionLine(camera=camera, time=NOW, by="ann", promoted=promoted, **both))
    journal.close()


def models(given: MonitorOptions) -> dict[str, tuple[Path | None, Path | None]]:
    return {camera.name: (camera.model, camera.shadow) for camera in given.cameras}


def test_a_promoted_shadow_changes_places_until_it_is_rolled_back(
    tmp_path: Path, mine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = options(tmp_path, door={"shadow": mine}, yard={"shadow": mine}, hall={})
    promotions = Promotions()
    assert promotions.applied(given) == (given, frozenset())
    say(tmp_path, FIGHT, mine, promoted=True)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            found, promoted = promotions.applied(given)
    assert promoted == {"door"}
    assert models(found) == {"door": (mine, FIGHT), "yard": (None, mine), "hall": (None, None)}
    assert [record.message for record in caplog.records] == [
        f"camera door: {mine} raises its alerts, and {FIGHT} is the shadow: promoted by ann on "
        "2026-05-04 03:02:01 UTC; the page of the models rolls that back"
    ]
    say(tmp_path, FIGHT, mine, promoted=False)
    assert promotions.applied(given) == (given, frozenset())


def test_what_was_loaded_is_promoted_though_its_file_is_another_by_now(
    tmp_path: Path, mine: Path
) -> None:
    given = options(tmp_path, door={"shadow": mine})
    promotions = Promotions()
    promotions.applied(given)
    say(tmp_path, FIGHT, mine, promoted=True)
    motion_model(mine, metadata(name="newer"))
    assert promotions.applied(given)[1] == {"door"}
    assert Promotions().applied(given)[1] == frozenset(), "after a start it is another model"


def test_a_line_of_a_time_that_no_clock_has_ends_nothing(tmp_path: Path, mine: Path) -> None:
    say(tmp_path, FIGHT, mine, promoted=True)
    journal = journal_path(tmp_path / "alerts.jsonl")
    text = journal.read_text().replace("2026-05-04T03:02:01.000Z", "0001-01-01T00:00:00+14:00")
    assert "+14:00" in text
    journal.write_text(text)
    given = options(tmp_path, door={"shadow": mine})
    assert Promotions().applied(given)[1] == {"door"}


def test_the_configuration_wins_if_it_names_other_models(
    tmp_path: Path, mine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    say(tmp_path, FIGHT, mine, promoted=True)
    for own in ({"model": mine, "shadow": FIGHT}, {"shadow": "fall"}):
        given = options(tmp_path, door=own)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            assert Promotions().applied(given) == (given, frozenset())
        (line,) = [record.message for record in caplog.records]
        assert line == (
            "camera door: what ann promoted on 2026-05-04 03:02:01 UTC counts no longer: "
            "the configuration names other models"
        )


def test_a_file_of_the_same_name_is_another_model_if_it_is_another(
    tmp_path: Path, mine: Path
) -> None:
    say(tmp_path, FIGHT, mine, promoted=True)
    given, promotions = options(tmp_path, door={"shadow": mine}), Promotions()
    assert promotions.applied(given)[1] == {"door"}
    motion_model(mine, metadata(name="mine", version="2"))
    assert promotions.applied(given)[1] == {"door"}, "it runs on with what it was"
    assert Promotions().applied(given)[1] == frozenset()


def test_without_a_shadow_nothing_is_read(tmp_path: Path, mine: Path) -> None:
    journal_path(tmp_path / "alerts.jsonl").mkdir()
    given = options(tmp_path, door={})
    assert Promotions().applied(given) == (given, frozenset())
    with pytest.raises(StoreError, match="is a directory"):
        Promotions().applied(options(tmp_path, door={"shadow": mine}))


def test_a_model_that_is_gone_is_told(tmp_path: Path, mine: Path) -> None:
    say(tmp_path, FIGHT, mine, promoted=True)
    given = options(tmp_path, door={"shadow": mine})
    mine.unlink()
    with pytest.raises(ModelError, match=f"^{mine}: no such file or directory$"):
        Promotions().applied(given)
