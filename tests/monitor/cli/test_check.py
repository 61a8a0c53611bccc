"""What --check says where cameras differ, and what it looks at."""

from pathlib import Path
from typing import Any

import pytest

from monitor.cli.check import check, describe
from monitor.cli.notifications import check_notify
from monitor.cli.preflight import check_decoding, check_outputs
from monitor.config.options import MonitorOptions
from monitor.errors import ConfigError, SinkError
from monitor.recognition.models import Models
from monitor.recognition.shipped import SHIPPED
from testkit.models import metadata, motion_model


@pytest.fixture
def falls(tmp_path: Path) -> Path:
    return motion_model(tmp_path / "falls.onnx", metadata(name="falls"))


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return motion_model(tmp_path / "steps.onnx", metadata(name="steps", frames=5))


def options(*cameras: dict[str, Any], **more: Any) -> MonitorOptions:
    named = [{"name": f"c{n}", "source": str(n), **own} for n, own in enumerate(cameras)]
    return MonitorOptions.model_validate({"cameras": named, **more})


def facts(given: MonitorOptions, name: str) -> list[str]:
    return [text for about, text in describe(given, Models()) if about == name]


def test_each_model_is_described_once_and_each_camera_says_which_is_its_own(
    falls: Path, steps: Path
) -> None:
    found = options({"model": falls}, {"model": steps}, {"model": falls})
    assert facts(found, "model") == [
        f"falls 1 (motion), {falls}",
        f"steps 1 (motion), {steps}",
    ]
    first, second = facts(found, "sha256")
    assert facts(found, "camera") == [
        f"c0: 0, by the model falls {first[:8]}",
        f"c1: 1, by the model steps {second[:8]}",
        f"c2: 2, by the model falls {first[:8]}",
    ]


def test_if_all_cameras_have_one_model_none_names_it(falls: Path) -> None:
    found = options({"model": falls}, {}, defaults={"model": falls})
    assert facts(found, "camera") == ["c0: 0", "c1: 1"]
    assert len(facts(found, "model")) == 1


def test_a_model_that_is_tried_out_is_described_too(falls: Path, steps: Path) -> None:
    found = options({"shadow": steps}, {}, defaults={"model": falls})
    assert len(facts(found, "model")) == 2
    first, second = (sha256[:8] for sha256 in facts(found, "sha256"))
    assert facts(found, "camera") == [
        f"c0: 0, by the model falls {first}; its shadow: steps {second}",
        f"c1: 1, by the model falls {first}",
    ]
    with pytest.raises(ConfigError, match="is the camera's own model"):
        describe(options({"model": falls, "shadow": falls}), Models())


def test_the_rules_of_a_model_are_told_for_each_way_in_which_it_is_used(falls: Path) -> None:
    own = {"activity": {"threshold": 0.9}}
    found = options({}, own, {}, own, defaults={"model": falls})
    assert facts(found, "alerts") == [
        "moving from 0.6; background: still",
        "moving from 0.9; background: still",
    ]


def test_the_terms_of_the_data_sets_are_told(tmp_path: Path) -> None:
    data = metadata().data.model_copy(update={"terms": {"street": "MIT", "hall": "research only"}})
    model = motion_model(tmp_path / "m.onnx", metadata().model_copy(update={"data": data}))

    told = describe(options(defaults={"model": model}), Models())

    assert ("", "street: MIT; hall: research only") in told


def test_without_a_camera_the_model_of_all_is_described(falls: Path) -> None:
    found = options(defaults={"model": falls})
    assert facts(found, "model") == [f"falls 1 (motion), {falls}"]
    assert facts(options(), "model")[0].endswith(str(SHIPPED["fight"]))


def test_a_label_of_a_camera_that_its_model_lacks_is_refused(falls: Path) -> None:
    found = options({}, {"activity": {"thresholds": {"dance": 0.5}}}, defaults={"model": falls})
    with pytest.raises(ConfigError, match=r"thresholds: label dance is unknown"):
        describe(found, Models())


def test_it_says_how_many_processes_share_the_cameras(fight_clip: Path) -> None:
    def told(**more: int) -> list[str]:
        two = [{"source": str(fight_clip)}] * 2
        return [text for name, text in check(options(*two, **more)) if name == "workers"]

    assert told() == []
    assert told(workers=2) == ["2 processes share 2 cameras"]


def test_no_log_may_overwrite_what_any_camera_reads(tmp_path: Path) -> None:
    own, authorities = tmp_path / "own.onnx", tmp_path / "ca.pem"
    for path in (own, authorities):
        path.touch()
    given = ({"model": own}, {"stream": {"ca_file": authorities}})
    for path in (own, authorities):
        sinks = [{"type": "log", "path": tmp_path / "a.jsonl"}, {"type": "log", "path": path}]
        with pytest.raises(ConfigError) as caught:
            check_outputs(options(*given, sinks=sinks))
        assert str(caught.value) == f"log {path}: would overwrite {path}, which is read"


def test_every_log_needs_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "none" / "b.jsonl"
    sinks = [
        {"type": "log", "path": tmp_path / "a.jsonl"},
        {"type": "log", "path": "-"},
        {"type": "log", "path": path},
    ]
    with pytest.raises(SinkError) as caught:
        check_outputs(options({}, sinks=sinks))
    assert str(caught.value) == f"log {path}: there is no folder {path.parent}"


@pytest.mark.parametrize("where", ["all", "one"])
def test_hardware_that_is_not_there_is_refused_whoever_is_to_use_it(where: str) -> None:
    decode = {"decode": {"hardware": "nonsense"}}
    found = options({}, defaults=decode) if where == "all" else options({}, decode)
    with pytest.raises(ConfigError, match=r"^decode\.hardware nonsense: cannot be used here: "):
        check_decoding(found)


def test_a_certificate_of_a_broker_that_is_not_there_is_refused(tmp_path: Path) -> None:
    nothing = tmp_path / "ca.pem"
    target = {"name": "ha", "type": "mqtt", "host": "h", "tls": True, "ca_file": nothing}
    with pytest.raises(ConfigError) as caught:
        check_notify(options({}, notify={"targets": [target]}))
    assert str(caught.value) == f"notify ha: ca_file {nothing}: No such file or directory"


def test_it_says_where_evidence_goes(falls: Path) -> None:
    sinks = [
        {"type": "log"},
        {"type": "evidence", "folder": "kept", "copy_to": "s3://bucket/shop", "max_gib": 2},
    ]
    found = check(options({"model": falls, "source": "rtsp://192.0.2.1/"}, sinks=sinks))
    at = found.index(("evidence", "in kept, up to 2 GiB"))
    assert found[at + 1] == ("", "copied to s3://bucket/shop, which is not asked if it answers")


def test_what_reaches_object_storage_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.evidence.object_storage.find_spec", lambda name: None)
    sinks = [{"type": "evidence", "copy_to": "s3://bucket"}]
    with pytest.raises(ConfigError) as caught:
        check_outputs(options({}, sinks=sinks))
    assert str(caught.value) == (
        "evidence: copy_to s3://bucket: needs pip install 'har-monitor[objects]'"
    )


def test_evidence_is_not_copied_onto_itself(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    copy_to = f"file://{tmp_path}/link"
    sinks = [{"type": "evidence", "folder": tmp_path / "kept", "copy_to": copy_to}]
    with pytest.raises(ConfigError) as caught:
        check_outputs(options({}, sinks=sinks))
    assert str(caught.value) == (
        f"evidence: copy_to {copy_to}: is the folder of the evidence itself"
    )
