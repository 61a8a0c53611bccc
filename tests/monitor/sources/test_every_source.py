"""What holds for every source, whatever it reads from."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from monitor.errors import SourceLostError
from monitor.records import Frame
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.source import Source, SourceSettings
from monitor.sources.webcam import WebcamSource
from testkit.fakes import PacedDevice
from testkit.media import Made, make_video, number_of
from testkit.patience import Stopwatch
from testkit.servers.certificates import Certificates
from testkit.servers.mjpeg import http_camera, jpegs
from testkit.servers.rtsp import rtsp_server

FPS = 25
DURATION_S = 1.2


@dataclass(frozen=True)
class Rig:
    """A kind of source, with the video behind it."""

    make: Callable[[], Source]
    video: Made
    live: bool = True
    exact: bool = True  # whether its times are the video's own, not a clock's
    may_lose: int = 0  # pictures at its end


KINDS = (
    "file",
    "rtsp-tcp",
    "rtsp-udp",
    "rtsp-h265",
    "rtsp-digest",
    "rtsps",
    "http-mjpeg",
    "webcam",
)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("metadata") / "numbered.mp4"
    # Large enough for JPEGs of some KiB: FFmpeg opens HTTP by reading 2 KiB, and gives what lies in
    # them at once.
    return make_video(path, fps=FPS, duration_s=DURATION_S, size=(480, 270))


@pytest.fixture(scope="module", params=KINDS)
def rig(request: pytest.FixtureRequest, video: Made, certificates: Certificates) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield _rig(request.param, video, certificates, stack)


def _rig(kind: str, video: Made, certificates: Certificates, stack: ExitStack) -> Rig:
    def url(url: str, settings: SourceSettings = SourceSettings()) -> Callable[[], Source]:  # noqa: B008
        return lambda: make_source(parse_address(url), settings)

    match kind:
        case "file":
            return Rig(url(str(video.path)), video, live=False)
        case "webcam":
            address = parse_address("0")

            def make() -> Source:
                device = PacedDevice(video.path, video.fps)
                return WebcamSource(address, lambda _: device, device.clock)

            return Rig(make, video)
        case "http-mjpeg":
            camera = stack.enter_context(http_camera(jpegs(video.path), video.fps))
            return Rig(url(camera.url()), video, exact=False)
        case "rtsps":
            server = stack.enter_context(rtsp_server(video.path, tls=certificates.server))
            return Rig(url(server.url, SourceSettings(ca_file=certificates.ca)), video)
        case "rtsp-digest":
            server = stack.enter_context(
                rtsp_server(video.path, user="viewer", password="p@:/ %ss", digest=True)
            )
            return Rig(url(server.url), video)
        case "rtsp-h265":
            hevc = make_video(
                video.path.with_stem("hevc"), fps=FPS, duration_s=DURATION_S, codec="hevc"
            )
            server = stack.enter_context(rtsp_server(hevc.path, codec="hevc"))
            return Rig(url(server.url), hevc)
        case "rtsp-udp":
            longer = make_video(video.path.with_stem("longer"), fps=FPS, duration_s=DURATION_S + 2)
            server = stack.enter_context(rtsp_server(longer.path))
            # The server's goodbye has a port of its own, and overtakes what was not read yet.
            settings = SourceSettings(transport="udp")
            return Rig(url(server.url, settings), longer, may_lose=2 * FPS)
        case _:
            server = stack.enter_context(rtsp_server(video.path))
            return Rig(url(server.url), video)


@pytest.fixture
def source(rig: Rig) -> Iterator[Source]:
    source = rig.make()
    yield source
    source.close()


def numbers(pictures: list[Frame]) -> list[int]:
    """The numbers burned into pictures."""
    return [number_of(picture.picture.to_ndarray(format="rgb24")) for picture in pictures]


def read_to_end(source: Source) -> tuple[list[Frame], SourceLostError | None]:
    """All pictures of an open source, and what ended it."""
    pictures: list[Frame] = []
    try:
        while (picture := source.read()) is not None:
            pictures.append(picture)
    except SourceLostError as error:
        return pictures, error
    return pictures, None


def test_a_source_gives_every_picture_at_its_time_and_then_its_end(
    rig: Rig, source: Source
) -> None:
    watch = Stopwatch()
    source.open()
    pictures, ended = read_to_end(source)
    count = len(pictures)
    assert rig.video.frames - rig.may_lose <= count <= rig.video.frames
    assert numbers(pictures) == list(range(count))
    times = np.array([picture.time_s for picture in pictures])
    assert times[0] == 0
    assert (np.diff(times) >= 0).all()
    right = np.arange(count) / rig.video.fps
    # A machine may hold up a few pictures, a busy one all of them, and a clock then says so.
    aside = np.sort(np.abs(times - right))[: count if rig.exact else count * 3 // 4]
    assert aside.max() < (1e-4 if rig.exact else 2 / rig.video.fps + watch.held_up_s)
    assert (ended is not None) == rig.live
    assert ("***" in str(ended)) == ("@" in str(ended))
    # The end stays the end.
    assert read_to_end(source)[0] == []


def test_a_source_starts_afresh_each_time_it_is_made(rig: Rig) -> None:
    for _ in range(2):
        source = rig.make()
        source.open()
        picture = source.read()
        source.close()
        assert picture is not None
        assert picture.time_s == 0
        assert numbers([picture]) == [0]


def test_close_may_be_called_twice_and_from_any_state(rig: Rig) -> None:
    unopened = rig.make()
    unopened.close()
    unopened.close()
    unread = rig.make()
    unread.open()
    unread.close()
    unread.close()


def test_a_source_that_is_not_open_gives_no_picture_and_does_not_wait(rig: Rig) -> None:
    source = rig.make()
    watch = Stopwatch()
    assert read_to_end(source)[0] == []
    source.open()
    source.read()
    source.close()
    assert read_to_end(source)[0] == []
    assert watch.seconds < 2


def test_a_picture_outlives_its_source(rig: Rig) -> None:
    source = rig.make()
    source.open()
    pictures = [picture for _ in range(5) if (picture := source.read()) is not None]
    source.close()
    assert numbers(pictures) == [0, 1, 2, 3, 4]


def test_a_real_clip_with_b_frames_keeps_its_times(nofight_clip: Path) -> None:
    source = make_source(parse_address(str(nofight_clip)), SourceSettings())
    source.open()
    pictures, ended = read_to_end(source)
    source.close()
    assert ended is None
    assert [picture.time_s for picture in pictures] == pytest.approx(np.arange(85) / 25, abs=1e-6)
