"""What a probe finds of real streams and films."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.errors import SourceError, SourceOpenError
from monitor.recognition.models import Models
from monitor.setup.advice import Advice, advice, facts
from monitor.setup.probe import Clock, Found, probe, probe_all
from monitor.sources.address import parse_address
from monitor.states import SkipReason
from testkit.fakes import FakeSource, moving
from testkit.films import looped
from testkit.media import filtered, make_audio, make_video
from testkit.servers.mjpeg import http_camera, jpegs
from testkit.servers.rtsp import rtsp_server
from testkit.servers.stamped_rtsp import stamped_camera
from testkit.servers.tcp import refusing_port

METADATA = Models().get(None).metadata


def of(source: str | Path, seconds: float = 3.0) -> Found:
    return probe(parse_address(str(source)), METADATA, seconds)


def hurts(found: Found) -> list[str]:
    return [one.found for one in advice(found, METADATA)]


def test_a_good_stream_is_told_and_nothing_of_it_hurts(tmp_path: Path, fight_clip: Path) -> None:
    film = looped(tmp_path / "f.mp4", fight_clip, 3, "fps=25", "libx264", "-g", "15", "-bf", "0")
    with rtsp_server(film, user="ann", password="p@ss/word", sound=True) as server:
        found = of(server.url)
    assert (found.codec, found.width, found.height) == ("h264", 480, 360)
    assert found.profile
    assert found.fps == pytest.approx(25, abs=0.5)
    assert found.even
    assert found.key_gaps_s == pytest.approx([0.6] * len(found.key_gaps_s), abs=0.05)
    assert len(found.key_gaps_s) >= 3
    assert (found.sound, found.clock) == ("PCMA", Clock.GOOD)
    assert found.transport == "RTSP over TCP"
    assert found.bits_per_s is not None
    assert found.bits_per_s == pytest.approx(8 * film.stat().st_size / 14.4, rel=0.5)
    assert found.windows == found.moving > 0
    assert hurts(found) == []
    told = dict(facts(found, METADATA))
    assert told["video"].startswith("H.264 ")
    assert told["video"].endswith(", 480×360, 25.0 frames a second")
    assert told["sound"] == "PCMA, which is not used"


@pytest.mark.slow
def test_a_large_slow_stream_of_h265_over_udp_hurts_in_many_ways(tmp_path: Path) -> None:
    film = make_video(
        tmp_path / "v.mp4", fps=5, duration_s=8, gop=40, codec="hevc", size=(1920, 1080)
    )
    with rtsp_server(film.path, codec="hevc", only="UDP") as server:
        found = of(server.url)
    assert (found.codec, found.transport) == ("hevc", "RTSP over UDP")
    assert found.sound is None
    words = hurts(found)
    assert "5.0 frames a second, the model needs 8: nothing is classified" in words
    assert any(one.startswith("key frames are more than ") for one in words)
    assert "H.265: many browsers play neither its live video nor its clips" in words
    assert any(one.startswith("1920×1080 costs ") for one in words)


def test_mjpeg_that_breaks_off_is_told_as_far_as_it_came(fight_clip: Path) -> None:
    with http_camera(jpegs(fight_clip)[:40], 20) as camera:
        found = of(camera.url(), 30)
    assert (found.codec, found.clock, found.transport) == ("mjpeg", Clock.NONE, "HTTP")
    assert found.frames == 40
    assert any("the stream ended" in one for one in hurts(found))
    assert any(one.startswith("MJPEG: every picture is sent") for one in hurts(found))
    assert "key frames" not in dict(facts(found, METADATA))


@pytest.mark.parametrize(
    ("stamp", "seconds", "clock"),
    [
        (lambda n: n / 25 + 60 * (n >= 25), 3, Clock.JUMPS),
        (lambda n: n / 25 - 20 * (n >= 25), 3, Clock.JUMPS),
        pytest.param(lambda n: n / 50, 16, Clock.RATE, marks=pytest.mark.slow),
    ],
    ids=["jumps ahead", "is set back", "is slow"],
)
def test_a_clock_that_is_not_to_be_trusted_is_told(
    tmp_path: Path, stamp: Callable[[int], float], seconds: float, clock: Clock
) -> None:
    film = make_video(tmp_path / "v.mp4", duration_s=2, gop=25, size=(320, 240))
    with stamped_camera(film.path, stamp) as url:
        found = of(url, seconds)
    assert found.clock == clock
    assert found.fps == pytest.approx(25, abs=3)
    assert found.seconds == pytest.approx(seconds, abs=1)
    assert any("frames may be misplaced in time" in one for one in hurts(found))


@pytest.mark.parametrize(
    ("filters", "fault"),
    [
        ("drawbox=t=fill:c=black", "the picture is black"),
        ("drawbox=t=fill:c=gray", "the picture is of one colour"),
        ("gblur=sigma=40", "the picture is blurred"),
        ("loop=loop=-1:size=1,trim=duration=6", "the picture did not change at all"),
        ("null", None),
    ],
)
def test_a_picture_that_shows_nothing_is_told(
    filters: str, fault: str | None, fight_clip: Path, tmp_path: Path
) -> None:
    found = of(filtered(tmp_path / "v.mp4", filters, fight_clip), 6)
    assert hurts(found) == ([] if fault is None else [fault])
    assert found.clock is None


def test_a_webcam_has_pictures_and_no_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeSource(moving(6))
    monkeypatch.setattr("monitor.setup.probe.make_source", lambda address, settings: source)
    found = of("0", 30)
    assert (found.frames, found.width, found.codec, found.clock) == (60, 64, "", None)
    told = dict(facts(found, METADATA))
    assert told["video"].startswith("64×48, ")
    assert not {"bitrate", "key frames", "sound", "transport", "clock"} & set(told)
    assert source.closed == 1


def test_what_cannot_be_opened_is_told_beside_what_can(fight_clip: Path, tmp_path: Path) -> None:
    sound = make_audio(tmp_path / "a.mp4")
    with refusing_port() as port:
        sources = [f"rtsp://ann:secret@127.0.0.1:{port}/", str(fight_clip), str(sound)]
        results = probe_all([parse_address(one) for one in sources], METADATA, 3)
    refused, found, silent = results
    assert isinstance(refused, SourceOpenError)
    assert str(refused) == f"rtsp://ann:***@127.0.0.1:{port}/: refused: connection refused"
    assert isinstance(found, Found)
    assert isinstance(silent, SourceError)
    assert str(silent) == f"{sound}: holds no video stream"


GOOD = Found(
    640, 360, 150, 15.0, True, 0.05, "h264", "Main", 1e6, 8, (2.0, 2.0, 2.0), None, Clock.GOOD,
    "RTSP over TCP", 20, 10,
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (GOOD, []),
        (
            replace(GOOD, key_gaps_s=(1.0, 4.0, 6.5)),
            [
                Advice(
                    "key frames are 1.0 to 6.5 s apart: a smart codec (H.264+, Smart Stream, "
                    "Zipstream)",
                    "switch it off, and set the key frame interval to 1 or 2 s",
                )
            ],
        ),
        (
            replace(GOOD, key_gaps_s=(5.0, 5.0)),
            [
                Advice(
                    "key frames are 5.0 s apart: all is decoded though nothing moves, and clips "
                    "begin late",
                    "set the key frame interval (I-frame interval, GOP) to 2 s: 20 frames",
                )
            ],
        ),
        (
            replace(GOOD, clock=Clock.RATE),
            [
                Advice(
                    "its timestamps run too fast or too slow: frames may be misplaced in time",
                    "set stream.clock: arrival for this camera, or update its firmware",
                )
            ],
        ),
        (
            replace(GOOD, width=176, height=144),
            [
                Advice(
                    "176×144 is small: people are but a few pixels high",
                    "take a stream of 320×240 at least",
                )
            ],
        ),
        (
            replace(GOOD, faults={SkipReason.BLACK: 15}),
            [Advice("the picture is black", "take the cap off, or give the place more light")],
        ),
        (replace(GOOD, key_gaps_s=(0.6, 1.0, 2.0)), []),
        (replace(GOOD, faults={SkipReason.BLACK: 5}), []),
        (replace(GOOD, codec="", key_gaps_s=(), keys=0, clock=None), []),
    ],
    ids=[
        "good",
        "smart codec",
        "far apart",
        "clock",
        "small",
        "black",
        "uneven, but close",
        "now and then",
        "webcam",
    ],
)
def test_what_hurts_is_told_with_what_to_do(found: Found, expected: list[Advice]) -> None:
    assert advice(found, METADATA) == expected
