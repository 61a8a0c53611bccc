"""har-monitor copies its evidence to a server that speaks S3, and shows it from there."""

import json
import signal
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.config.shard import Shard
from monitor.evidence.copied import is_to_copy
from monitor.evidence.object_storage import ObjectStorage, StorageError
from testkit.films import looped
from testkit.models import metadata, motion_model
from testkit.process import Process, har_monitor
from testkit.servers.postgres import postgres
from testkit.servers.rtsp import rtsp_server
from testkit.servers.s3 import BUCKET, object_server

URL = f"s3://{BUCKET}/shop"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return motion_model(tmp_path_factory.mktemp("model") / "m.onnx", metadata(frames=5))


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory, fight_clip: Path) -> Iterator[str]:
    """The address of a camera in front of which something happens."""
    film = tmp_path_factory.mktemp("film") / "f.mp4"
    looped(film, fight_clip, 8, "fps=25,scale=320:240", "libx264", "-g", "25", "-bf", "0")
    with rtsp_server(film) as server:
        yield server.url


def sinks(**more: Any) -> list[dict[str, Any]]:
    evidence = {"type": "evidence", "folder": "kept", "copy_to": URL, "post_roll_s": 1}
    return [{"type": "log"}, evidence | more]


def kept(process: Process) -> dict[str, bytes]:
    """All evidence in the folder that belongs into the bucket, by its name there."""
    folder = process.folder / "kept"
    files = [path for path in folder.rglob("*") if is_to_copy(path.name)]
    return {f"shop/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}


def get(address: str) -> bytes | None:
    """What a page answers; None if it has nothing."""
    try:
        with urllib.request.urlopen(address) as answer:
            found: bytes = answer.read()
            return found
    except urllib.error.HTTPError:
        return None


def test_what_happens_while_the_server_is_down_arrives_once_and_is_shown_from_there(
    camera: str, model: Path, tmp_path: Path
) -> None:
    with (
        object_server(tmp_path, running=False) as server,
        har_monitor(
            {"door": camera},
            model,
            folder=tmp_path,
            sinks=sinks(),
            web={"port": 0},
            environment=server.environment,
        ) as process,
    ):
        process.wait_for("it is said", lambda: "evidence is not copied, and stays" in process.said)
        process.wait_for("something happens", lambda: bool(process.alerts))
        assert process.said.count("evidence is not copied, and stays") == 1
        server.start()
        name = process.alerts[0]["id"]

        def arrived() -> bool:
            return any(f"{name}.jpg" in one for one in server.objects())

        process.wait_for("the picture arrives, though not yet the clip", arrived)
        (snapshot,) = process.folder.glob(f"kept/*/door/{name}.jpg")
        picture = snapshot.read_bytes()
        snapshot.unlink()
        page = process.said.partition("the page is at ")[2].split()[0]
        process.wait_for(
            "the page shows it from there",
            lambda: get(f"{page}media/{name}/snapshot.jpg") == picture,
        )
        snapshot.write_bytes(picture)
        assert process.end(signal.SIGTERM) == 0
        found = server.objects()
        assert found == kept(process)
        assert any(one.endswith(".mp4") for one in found)
        puts = Counter(one for one in server.puts() if one.endswith(".mp4"))
        assert set(puts.values()) == {1}
        assert "Traceback" not in process.said


def test_one_that_was_killed_goes_on_and_a_wrong_key_is_said_without_the_key(
    camera: str, model: Path, tmp_path: Path
) -> None:
    with object_server(tmp_path, checks_keys=True) as server:

        def run(**environment: str) -> Any:
            given = {**server.environment, **environment}
            return har_monitor(
                {"door": camera}, model, folder=tmp_path, sinks=sinks(), environment=given
            )

        with run(AWS_SECRET_ACCESS_KEY="s3cret-but-wrong") as process:
            process.wait_for("it is said", lambda: "SignatureDoesNotMatch" in process.said)
            process.wait_for("it watches", lambda: bool(process.alerts))
            assert process.end(signal.SIGTERM) == 0
            assert "s3cret" not in process.said
            assert "copied yet; it goes on at the next start" in process.said
            assert server.objects() == {}
        with run() as process:
            process.wait_for("something arrives", lambda: bool(server.objects()))
            process.popen.kill()
            process.popen.wait()
        (tmp_path / "health.json").unlink()
        with run() as process:
            process.wait_for("it watches", lambda: process.health.get("door", {}).get("windows", 0))
            assert process.end(signal.SIGTERM) == 0
            assert server.objects() == kept(process)
            assert server.secret not in process.said


def test_the_page_of_one_shard_shows_what_another_has_recorded(
    camera: str, model: Path, tmp_path: Path
) -> None:
    names = [next(filter(Shard(number, 2).has, map(str, range(99)))) for number in (1, 2)]
    with object_server(tmp_path) as server, postgres() as database:

        def run(number: int, **more: Any) -> Any:
            folder = tmp_path / f"shard-{number}"
            folder.mkdir()
            return har_monitor(
                dict.fromkeys(names, camera),
                model,
                *("--shard", f"{number}/2"),
                folder=folder,
                sinks=[*sinks(), {"type": "store", "url": database.url, "site": "home"}],
                environment=server.environment,
                **more,
            )

        with run(2) as other, run(1, web={"port": 0}) as own:
            own.wait_for("both alert", lambda: bool(own.alerts and other.alerts))
            page = own.said.partition("the page is at ")[2].split()[0]
            name = other.alerts[0]["id"]
            media = f"{page}media/{name}"
            own.wait_for("a picture", lambda: get(f"{media}/snapshot.jpg") is not None)
            assert other.end() == 0
            (clip,) = other.folder.glob(f"kept/*/*/{name}.mp4")
            own.wait_for("a clip", lambda: get(f"{media}/clip.mp4") == clip.read_bytes())
            shown = json.loads(get(f"{page}api/v1/events/{name}") or b"")
            assert shown["event"]["shard"] == "2/2"
            assert shown["media"]["strip"] == f"/media/{name}/strip.jpg"
            assert own.end() == 0
            assert server.objects() == kept(own) | kept(other)


def test_a_large_file_is_whole_and_a_bucket_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, object_storage: None
) -> None:
    with object_server(tmp_path, checks_keys=True) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        large = tmp_path / "a.mp4"
        large.write_bytes(bytes(range(256)) * (12 << 12))  # 12 MiB, in several parts
        storage = ObjectStorage(URL, 10.0)
        storage.put(large, "2026-05-04/Büro#1/a.mp4")
        assert storage.list("2026-05-04/Büro") == {}
        found = storage.list("2026-05-04/Büro#1")
        assert found["a.mp4"].size == large.stat().st_size
        assert b"".join(found["a.mp4"].parts(7)) == large.read_bytes()[7:]
        assert list(server.objects()) == ["shop/2026-05-04/Büro#1/a.mp4"]
        with pytest.raises(StorageError) as error:
            ObjectStorage("s3://none/shop", 10.0).list("")
        assert str(error.value) == "s3://none/shop: 404 Not Found: NoSuchBucket"
        server.stop()
        with pytest.raises(StorageError) as error:
            storage.list("")
        address = server.environment["AWS_ENDPOINT_URL"]
        assert str(error.value) == f"{URL}: {address} does not answer"
