"""JPEG over HTTP, as browsers take it from cameras, whatever is put round the pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import SourceLostError, SourceOpenError
from monitor.records import Frame
from monitor.sources.address import parse_address
from monitor.sources.make import make_source
from monitor.sources.mjpeg import JpegParts
from monitor.sources.source import SourceSettings
from testkit.media import make_video, number_of
from testkit.patience import Stopwatch
from testkit.servers.framings import ENDLESS, FRAMINGS, Framing
from testkit.servers.mjpeg import http_camera, jpegs

SETTINGS = SourceSettings()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Numbered from 0; of some KiB, as a camera's are."""
    path = tmp_path_factory.mktemp("mjpeg") / "numbered.mp4"
    return jpegs(make_video(path, duration_s=0.4, size=(480, 270)).path)


def watched(url: str, settings: SourceSettings = SETTINGS) -> tuple[list[int], str]:
    """The numbers of all pictures of a stream, and how it ends."""
    source = make_source(parse_address(url), settings)
    seen = []
    try:
        source.open()
        while True:
            read = source.read()
            assert isinstance(read, Frame)
            seen.append(number_of(read.picture.to_ndarray(format="rgb24")))
    except SourceLostError as error:
        return seen, str(error).removeprefix(f"{url}: ")
    finally:
        source.close()


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_every_picture_is_watched_whatever_is_around_it(
    pictures: list[bytes], framing: Framing
) -> None:
    with http_camera(pictures, 100, framing=framing) as camera:
        assert watched(camera.url()) == (list(range(len(pictures))), "the stream ended")
        assert camera.asked == ["/cam"]  # once: cheap cameras have one viewer


def test_where_no_picture_marks_its_end_the_next_ones_beginning_ends_it(
    pictures: list[bytes],
) -> None:
    with http_camera(pictures, 100, framing=ENDLESS) as camera:
        assert watched(camera.url())[0] == list(range(len(pictures) - 1))


def test_a_picture_that_never_ends_is_no_picture_and_does_not_fill_the_memory(
    pictures: list[bytes],
) -> None:
    vast = pictures[0][:-2] + bytes(1 << 20) * 40  # 40 MiB
    with http_camera([pictures[0], vast, *pictures[1:]], 100) as camera:
        assert watched(camera.url())[0] == list(range(len(pictures)))


@pytest.mark.parametrize(
    "endless", [b"Content-Type: image/jpeg\r\n", b"\xff\xd8\xff\xe0\0\4", b"\0"], ids=repr
)
def test_a_camera_that_sends_no_picture_is_given_up(pictures: list[bytes], endless: bytes) -> None:
    rubbish = Framing(lambda picture: endless * 1000)
    settings = SourceSettings(open_timeout_s=1.5)
    with http_camera(pictures * 1000, 200, framing=rubbish) as camera:
        source = make_source(parse_address(camera.url()), settings)
        watch = Stopwatch()
        with pytest.raises(SourceOpenError, match=r"timeout: no answer within 1\.5 s"):
            source.open()
        assert watch.seconds < 3


JPEG = bytes.fromhex(
    "ffd8 ffe0 0004 ffd9 ffda 0003 01 aaff00ffd0bb ffc4 0004 ffd9 ffda 0002 cc ffd9"
)
PIECES = st.sampled_from(
    [
        JPEG,
        JPEG[:-2],
        JPEG[:9],
        b"--a\r\n",
        b"\xff",
        b"\xd8",
        b"\xd9",
        b"\xff\xda\0\2",
        b"\0",
        b"\r\n",
    ]
)


def found(pieces: list[bytes]) -> bytes:
    """All that FFmpeg is given of what comes in these pieces."""
    coming = iter(pieces)
    parts = JpegParts(lambda size: next((one for one in coming if one), b""))
    return b"".join(iter(lambda: parts.read(7), b""))


@given(st.lists(PIECES, max_size=12), st.integers(1, 9))
def test_what_is_found_does_not_depend_on_how_it_comes(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)
    expected = found([whole])
    assert (
        found(pieces)
        == found([whole[at : at + size] for at in range(0, len(whole), size)])
        == expected
    )
    assert JPEG in found([JPEG, whole])
