"""What may be written as a place in object storage."""

from pathlib import Path

import pytest

from monitor.config.object_url import ALLOWED, ObjectUrl
from monitor.config.options import MonitorOptions
from monitor.config.yaml_file import load
from monitor.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "scheme", "root"),
    [
        ("s3://bucket", "s3", "bucket"),
        ("s3://bucket/", "s3", "bucket"),
        ("s3://my.bucket-2/sites/shop 1/", "s3", "my.bucket-2/sites/shop 1"),
        ("gs://bucket/prefix", "gs", "bucket/prefix"),
        ("az://container/prefix", "az", "container/prefix"),
        ("file:///mnt/nas/evidence/", "file", "/mnt/nas/evidence"),
        ("file:///mnt/my%20nas", "file", "/mnt/my nas"),
    ],
)
def test_a_bucket_or_a_folder_is_taken_apart(text: str, scheme: str, root: str) -> None:
    assert ObjectUrl.parse(text) == ObjectUrl(scheme, root)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", f": allowed: {ALLOWED}"),
        ("evidence", f"evidence: allowed: {ALLOWED}"),
        ("https://host/bucket", f"https://host/bucket: allowed: {ALLOWED}"),
        ("s3://[bucket", f"s3://[bucket: not a valid URL; allowed: {ALLOWED}"),
        ("s3:///prefix", f"s3:///prefix: no bucket of this name can be; allowed: {ALLOWED}"),
        ("s3://b/x/../y", "s3://b/x/../y: its path holds an empty part, or . or .."),
        ("file://mnt/nas", "file://mnt/nas: a whole path is needed: file:///FOLDER"),
        ("file:///", "file:///: a whole path is needed: file:///FOLDER"),
    ],
)
def test_what_is_none_is_refused_in_a_line(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as error:
        ObjectUrl.parse(text)
    assert str(error.value) == fault


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIA:s3cret@bucket/prefix",
        "s3://s3cret@bucket/prefix",
        "az://container/prefix?sig=s3cret",
    ],
)
def test_keys_do_not_stand_in_it_and_are_not_shown(text: str, tmp_path: Path) -> None:
    path = tmp_path / "monitor.yaml"
    path.write_text(f"sinks:\n- type: evidence\n  copy_to: {text}\n")
    with pytest.raises(ConfigError) as error:
        load(path, MonitorOptions)
    assert str(error.value).startswith(f"{path}:3: sinks.0.copy_to: ")
    assert "keys belong into the environment" in str(error.value)
    assert "s3cret" not in str(error.value)
