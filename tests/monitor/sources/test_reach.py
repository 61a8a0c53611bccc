"""A source leads to nothing but itself: no other file is opened, no other host is contacted."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from monitor.errors import ConfigError, SourceOpenError
from monitor.sources.address import parse_address
from monitor.sources.file import FileSource, read_frames
from monitor.sources.make import make_source
from monitor.sources.source import SourceSettings
from testkit.media import make_video, number_of
from testkit.opened import opened
from testkit.servers.certificates import Certificates
from testkit.servers.mjpeg import http_camera
from testkit.servers.tcp import redirecting_server, unvisited_port

OTHERS = ("other.ts", "other.mp4", "1.png", "2.png", "1.jpg", "2.jpg")
PASSWORD = "hunter2"

Make = Callable[[Path, str], bytes]  # from the folder of the others, and the URL of another host


def playlist(*lines: str) -> Make:
    """An HLS playlist; {here} is the folder of the others, {there} another host."""
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:5\n"
    return text(head + "".join(f"{line}\n" for line in lines) + "#EXT-X-ENDLIST\n")


def text(words: str) -> Make:
    return lambda here, there: words.format(here=here, there=there).encode()


def copy(name: str) -> Make:
    return lambda here, there: (here / name).read_bytes()


def quicktime(reference: Callable[[Path, str], bytes]) -> Make:
    """A film whose pictures lie elsewhere, as a data reference of its index says."""

    def make(here: Path, there: str) -> bytes:
        data = (here / "other.mp4").read_bytes()
        at = data.index(b"dref") - 4
        size = struct.unpack_from(">I", data, at)[0]
        body = b"dref" + data[at + 8 : at + 16] + box(reference(here, there))
        grown = len(box(body)) - size
        film = bytearray(data[:at] + box(body) + data[at + size :])
        for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            start = film.index(name) - 4
            struct.pack_into(">I", film, start, struct.unpack_from(">I", film, start)[0] + grown)
        return bytes(film)

    return make


def box(body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 4) + body


def alias(here: Path, there: str) -> bytes:
    """A reference to a file of another volume, by its whole path and by a relative one."""
    path = str(here / "other.mp4").encode()
    head = b"\0" * 10 + b"\3" + b"vol".ljust(27, b"\0") + b"\0" * 12
    name = b"\x09" + b"other.mp4".ljust(63, b"\0")
    levels = b"\0" * 16 + struct.pack(">hh", 1, 2) + b"\0" * 16
    whole = struct.pack(">hh", 2, len(path)) + path + b"\0" * (len(path) % 2)
    return b"alis\0\0\0\0" + head + name + levels + whole + struct.pack(">hh", -1, 0)


def linked(here: Path, there: str) -> bytes:
    """A Matroska file that names the one to go on with."""
    command = ["ffmpeg", "-v", "error", "-i", str(here / "other.mp4"), "-c", "copy"]
    command += ["-f", "matroska", "-"]  # to a pipe: nothing in it is said by its place
    data = subprocess.run(command, check=True, capture_output=True).stdout
    at = data.rindex(b"\x15\x49\xa9\x66") + 4  # its Info, after the index of the parts
    more = b"\x3e\x83\xbb\x89other.mp4"  # NextFilename
    size = (data[at] & 0x7F) + len(more)
    assert size < 0x7F < data[at], "its length takes one byte"
    return data[:at] + bytes([0x80 | size]) + more + data[at + 1 :]


LEADING: dict[str, tuple[str, Make]] = {
    "playlist": ("a.m3u8", playlist("#EXTINF:1,", "other.ts")),
    "playlist of paths": ("a.m3u8", playlist("#EXTINF:1,", "{here}/other.ts")),
    "playlist of URLs": ("a.m3u8", playlist("#EXTINF:1,", "{there}/other.ts")),
    "playlist with a key": (
        "a.m3u8",
        playlist('#EXT-X-KEY:METHOD=AES-128,URI="other.mp4"', "#EXTINF:1,", "other.ts"),
    ),
    "playlist of playlists": ("a.m3u8", playlist("#EXT-X-STREAM-INF:BANDWIDTH=1", "{there}/a")),
    "playlist called a film": ("a.mp4", playlist("#EXTINF:1,", "other.ts")),
    "playlist called a stream": ("a.ts", playlist("#EXTINF:1,", "{there}/other.ts")),
    "list of parts": ("a.ffconcat", text("ffconcat version 1.0\nfile other.mp4\n")),
    "list of parts called a film": ("a.mp4", text("ffconcat version 1.0\nfile other.mp4\n")),
    "list of URLs": ("a.ffconcat", text("ffconcat version 1.0\nfile {there}/other.mp4\n")),
    "session": (
        "a.sdp",
        text(
            "v=0\no=- 0 0 IN IP4 0.0.0.0\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 26\n"
        ),
    ),
    "manifest": (
        "a.mpd",
        text(
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
            '<AdaptationSet><Representation id="1" bandwidth="1"><BaseURL>{there}/other.mp4'
            "</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ),
    ),
    "media player's list": ("a.asx", text("[Reference]\nRef1={there}/other.mp4\n")),
    "drawing": (
        "a.svg",
        text('<svg xmlns="http://www.w3.org/2000/svg"><image href="{there}/1.png"/></svg>'),
    ),
    "text": ("a.txt", text("hello\n" * 50)),
    "numbered pictures": ("%d.png", copy("1.png")),
    "numbered photographs": ("%d.jpg", copy("1.jpg")),
    "alias": ("a.mov", quicktime(alias)),
    "URL": ("a.mov", quicktime(lambda here, there: f"url \0\0\0\0{there}/a\0".encode())),
    "file URL": ("a.mov", quicktime(lambda here, there: b"url \0\0\0\0file:other.mp4\0")),
    "linked": ("a.mkv", linked),
}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that nobody named as a source."""
    folder = tmp_path_factory.mktemp("others")
    for name in OTHERS:
        if name.endswith((".ts", ".mp4")):
            make_video(folder / name, duration_s=1)
        else:
            cv2.imwrite(str(folder / name), np.full((48, 64, 3), 128, np.uint8))
    return folder


@pytest.mark.parametrize(("name", "make"), LEADING.values(), ids=LEADING)
def test_a_file_leads_to_no_other_file_and_no_host(
    others: Path, tmp_path: Path, name: str, make: Make
) -> None:
    for other in OTHERS:
        shutil.copy(others / other, tmp_path)
    with unvisited_port() as port:
        (tmp_path / name).write_bytes(make(tmp_path, f"http://127.0.0.1:{port}"))
        with opened(tmp_path / other for other in OTHERS) as names:
            with suppress(SourceOpenError):  # refused, or watched as what it is itself
                list(read_frames(tmp_path / name))
            assert names() == set()


def test_the_watch_over_opened_files_sees_one(others: Path) -> None:
    with opened([others / "other.ts", others / "1.png"]) as names:
        list(read_frames(others / "other.ts"))
        assert names() == {"other.ts"}


@pytest.mark.parametrize(
    "text",
    [
        "concat:{here}/other.ts|{here}/other.ts",
        "concatf:{here}/a.txt",
        "subfile,,start,0,end,0,,:{here}/other.mp4",
        "file:{here}/other.mp4",
        "cache:{here}/other.mp4",
        "async:{here}/other.mp4",
        "crypto:{here}/other.mp4",
        "hls+file:{here}/a.m3u8",
        "lavfi:movie={here}/other.mp4",
        "movie={here}/other.mp4",
        "exec:cat",
        "pipe:0",
        "fd:",
        "data:video/mp4;base64,AAAA",
        "unix:/run/camera",
        *(
            f"{scheme}://127.0.0.1:{{port}}/a"
            for scheme in (
                "tcp",
                "rtp",
                "rtmpt",
                "rtmpe",
                "udplite",
                "tls",
                "ftp",
                "mmsh",
                "icecast",
            )
        ),
    ],
)
def test_no_address_but_those_that_are_allowed_leads_anywhere(others: Path, text: str) -> None:
    with unvisited_port() as port, opened(others / other for other in OTHERS) as names:
        with pytest.raises((ConfigError, SourceOpenError)) as caught:
            make_source(parse_address(text.format(here=others, port=port)), SourceSettings()).open()
        assert names() == set()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["concat:other.ts|other.ts", "file:other.ts", "data:,x", "a:b"])
def test_a_file_that_is_called_like_an_address_is_itself(
    others: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(others / "other.ts", tmp_path)
    video = make_video(tmp_path / "own.ts", duration_s=0.4)
    video.path.rename(tmp_path / name)
    source = make_source(parse_address(name), SourceSettings())
    assert isinstance(source, FileSource)
    with opened([tmp_path / "other.ts"]) as names:
        read = [
            number_of(shown.to_ndarray(format="rgb24")) for _, shown in read_frames(source.path)
        ]
        assert names() == set()
    assert read == list(range(video.frames))


def refusal(url: str, settings: SourceSettings | None = None) -> str:
    """Why a camera is not watched, without its address."""
    address = parse_address(url)
    with pytest.raises(SourceOpenError) as caught:
        make_source(address, settings or SourceSettings()).open()
    assert PASSWORD not in str(caught.value)
    return str(caught.value).removeprefix(f"{address}: ")


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
@pytest.mark.parametrize("target", ["rtsp", "rtsps", "http", "https", "tcp"])
def test_a_camera_that_redirects_to_another_host_leads_nowhere_and_gives_no_password_away(
    certificates: Certificates, scheme: str, target: str
) -> None:
    tls = certificates.server if scheme in ("rtsps", "https") else None
    with unvisited_port() as port:
        elsewhere = f"{target}://127.0.0.1:{port}/stream"
        with redirecting_server(elsewhere, tls) as first:
            settings = SourceSettings(ca_file=certificates.ca)
            words = refusal(f"{scheme}://viewer:{PASSWORD}@127.0.0.1:{first}/cam?x=1", settings)
    redirects = f"redirects to {elsewhere}, which is not followed: give that address itself"
    assert words == f"invalid: {redirects}"


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("location", ["file://{here}/other.ts", "{here}/other.ts", "concat:{here}"])
def test_a_camera_that_redirects_to_a_file_leads_nowhere(
    others: Path, scheme: str, location: str
) -> None:
    place = location.format(here=others)
    with redirecting_server(place) as port, opened([others / "other.ts"]) as names:
        words = refusal(f"{scheme}://127.0.0.1:{port}/cam")
        assert names() == set()
    assert words.startswith(f"invalid: redirects to {place}, ")


def test_a_redirect_is_shown_in_one_line_without_its_password() -> None:
    with redirecting_server(f"http://u:{PASSWORD}@h/\x1b[31m\x85x") as port:
        words = refusal(f"http://127.0.0.1:{port}/cam")
    assert words.startswith("invalid: redirects to http://u:***@h/\\x1b[31m\\x85x, ")


@pytest.mark.parametrize("name", ["playlist", "list of parts", "session", "manifest"])
def test_what_a_camera_sends_leads_to_no_other_host(others: Path, name: str) -> None:
    _, make = LEADING[name]
    with unvisited_port() as port:
        there = f"http://127.0.0.1:{port}"
        found = make(others, there).replace(b"other", f"{there}/other".encode())
        with http_camera([], 25, {"/a": found}) as camera:
            assert refusal(camera.url("/a")).startswith(("invalid: ", "unreachable: "))
            assert set(camera.asked) == {"/a"}
