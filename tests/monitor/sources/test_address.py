"""What may be written as a source, and that its secrets are never shown."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitor.errors import ConfigError
from monitor.sources.address import (
    ALLOWED,
    Address,
    parse_address,
    redact,
    redact_argument,
    split_name,
)

BY_ID = "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8A41F0-video-index0"
BY_PATH = "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0"
MALFORMED = (
    "not a valid URL; write rtsp://user:password@host:port/path, "
    "with any of @ : / ? # % and spaces in the password as %40 %3A %2F %3F %23 %25 %20"
)

MALFORMED_UDP = "not a valid URL; write udp://@:port, or udp://@group:port for multicast"


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("0", "webcam", "0"),
        ("12", "webcam", "12"),
        ("/dev/video3", "webcam", "/dev/video3"),
        (BY_ID, "webcam", BY_ID),
        (BY_PATH, "webcam", BY_PATH),
        ("/dev/front-door", "webcam", "/dev/front-door"),
        ("/dev/null", "file", "/dev/null"),
        ("/dev/shm/none.mp4", "file", "/dev/shm/none.mp4"),
        ("rtsp://host/cam", "stream", "rtsp://host/cam"),
        ("rtsps://u:p@host:322/cam", "stream", "rtsps://u:p@host:322/cam"),
        ("rtsp://[fe80::1]:554/cam", "stream", "rtsp://[fe80::1]:554/cam"),
        ("http://host/video.mjpg?fps=5", "stream", "http://host/video.mjpg?fps=5"),
        ("HTTPS://Host/Cam", "stream", "https://Host/Cam"),
        ("rtsp://u:p@ss@host/cam", "stream", "rtsp://u:p@ss@host/cam"),
        ("rtmp://host/live/key", "stream", "rtmp://host/live/key"),
        ("srt://host:9710?mode=caller", "stream", "srt://host:9710?mode=caller"),
        ("udp://@239.0.0.1:1234", "stream", "udp://@239.0.0.1:1234"),
        ("UDP://:1234", "stream", "udp://:1234"),
        ("clip.mp4", "file", "clip.mp4"),
        ("/videos/a b.mkv", "file", "/videos/a b.mkv"),
        (r"C:\videos\a.mp4", "file", r"C:\videos\a.mp4"),
        ("C:/videos/a.mp4", "file", "C:/videos/a.mp4"),
        ("10000", "file", "10000"),
        ("²", "file", "²"),
        ("x" * 5000, "file", "x" * 5000),
    ],
    ids=lambda value: value[:30],
)
def test_an_address_is_a_webcam_a_stream_or_a_file(text: str, kind: str, target: str) -> None:
    address = parse_address(text)
    assert (address.kind, address.target) == (kind, target)
    assert address.live == (kind != "file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"source '': allowed: {ALLOWED}"),
        ("a\nb", f"source 'a\\nb': allowed: {ALLOWED}"),
        ("a\0b", f"source 'a\\x00b': allowed: {ALLOWED}"),
        ("mqtt://host/x", f"source mqtt://host/x: not a kind of source; allowed: {ALLOWED}"),
        ("file:///a.mp4", f"source file:///a.mp4: not a kind of source; allowed: {ALLOWED}"),
        ("admin:pw@host/x", f"source ***@host/x: not a kind of source; allowed: {ALLOWED}"),
        ("rtsp:/u:pw@host/x", "source rtsp:/u:***@host/x: a URL starts with rtsp://"),
        ("rtsp:host", "source rtsp:host: a URL starts with rtsp://"),
        ("rtsp://", f"source rtsp://: {MALFORMED}"),
        ("udp://@239.0.0.1", f"source udp://@239.0.0.1: {MALFORMED_UDP}"),
        ("udp://@:port", f"source udp://@:***: {MALFORMED_UDP}"),
        ("rtsp:///cam", f"source rtsp:///cam: {MALFORMED}"),
        ("rtsp://host:port/x", f"source rtsp://host:***: {MALFORMED}"),
        ("rtsp://host:99999/x", f"source rtsp://host:99999/x: {MALFORMED}"),
        ("rtsp://[::1/x", f"source rtsp://[::1/x: {MALFORMED}"),
        ("rtsp://u:a%40host/x", f"source rtsp://u:***@host/x: {MALFORMED}"),
        ("rtsp://u:a\uff20host/x", f"source rtsp://u:***@host/x: {MALFORMED}"),
        ("rtsp://u:!a", f"source rtsp://u:***: {MALFORMED}"),
        ("http://h/?pwd=a b", f"source http://h/?pwd=***: {MALFORMED.replace('rtsp', 'http')}"),
        ("u:pw@host/x", f"source ***@host/x: no such file, nor a URL; allowed: {ALLOWED}"),
        (
            "10.0.0.7/?pwd=x",
            f"source 10.0.0.7/?pwd=***: no such file, nor a URL; allowed: {ALLOWED}",
        ),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_source_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)
    assert str(caught.value) == message


# May be meant as a path, or can be read as it is meant.
READABLE = [("host:80", "u:12/34"), ("host:80", "u:12?34"), ("[fe80::1]", "u:a]b")]


@pytest.mark.parametrize(
    ("userinfo", "codes"),
    [
        ("u:a/b", "/ as %2F"),
        ("u:a b", "a space as %20"),
        ("u:pa#ss", "# as %23"),
        ("u:12#34", "# as %23"),
        ("u:12/34", "/ as %2F"),
        ("u:12?34", "? as %3F"),
        ("u:#12", "# as %23"),
        ("u:a[b", "[ as %5B"),
        ("u:a]b", "] as %5D"),
        ("u:[a]", "[ as %5B, ] as %5D"),
        ("u:a#b/c?d#", "# as %23, / as %2F, ? as %3F"),
        ("u:a@b#c", "# as %23"),
        ("u:1@#2", "# as %23"),
        ("u:5%/@:", "% as %25, / as %2F"),
    ],
)
@pytest.mark.parametrize(
    "host", ["10.0.0.7", "10.0.0.7:554", "[fe80::1]", "cam.example", "host:80"]
)
def test_a_password_that_a_url_cannot_hold_as_it_is_is_refused_with_how_to_write_it(
    userinfo: str, host: str, codes: str
) -> None:
    if (host, userinfo) in READABLE:
        return
    for scheme in ("rtsp", "rtsps", "http", "https"):
        with pytest.raises(ConfigError) as caught:
            parse_address(f"{scheme}://{userinfo}@{host}/x")
        assert str(caught.value) == (
            f"source {scheme}://u:***@{host}/x: not a valid URL; in its password, write {codes}"
        )


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://u:p@ss@10.0.0.7/cam",
        "rtsp://u:p:w@10.0.0.7/cam",
        "rtsp://u:50%@10.0.0.7/cam",
        "rtsp://u:p@cam/a?b=c@10.0.0.7",
        "rtsp://u:p@10.0.0.7/a@b.c",
        "rtsp://10.0.0.7:554/mail@home.example",
        "http://nvr:80/mail@home",
        "http://nvr:80/a?mail=b@c.example",
        "http://nvr/10@10.0.0.7",
        "rtsp://[fe80::1]:554/a@b",
        "rtsp://10.0.0.7/cam#1",
    ],
)
def test_what_a_url_can_hold_is_taken_as_it_is(text: str) -> None:
    assert parse_address(text).target == text


def test_a_file_that_exists_is_a_file_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("front=door.mp4", "at:noon.mp4", "two\nlines.mp4"):
        Path(name).touch()
        assert split_name(name) == (None, name)
        assert parse_address(name) == Address("file", name)


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        ("front=rtsp://u:p@host/x?a=b", "front", "rtsp://u:p@host/x?a=b"),
        ("door-2.left=0", "door-2.left", "0"),
        ("a=b=c.mp4", "a", "b=c.mp4"),
        ("rtsp://host/x?a=b", None, "rtsp://host/x?a=b"),
        ("clip.mp4", None, "clip.mp4"),
        ("=0", None, "=0"),
        ("front=", None, "front="),
        ("-x=0", None, "-x=0"),
        ("two words=0", "two words", "0"),
        ("Haustür (links), Nr. 2=0", "Haustür (links), Nr. 2", "0"),
        ("正門=rtsp://host/x?a=b", "正門", "rtsp://host/x?a=b"),
        ("Front door=rtsp://u:p@host/x", "Front door", "rtsp://u:p@host/x"),
        (" door=0", None, " door=0"),
        ("host/cam?user=a", None, "host/cam?user=a"),
        ("u:p=w@host", None, "u:p=w@host"),
        ("C:\\a=b.mp4", None, "C:\\a=b.mp4"),
        ("n" * 65 + "=0", None, "n" * 65 + "=0"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_source_may_have_a_name(text: str, name: str | None, source: str) -> None:
    assert split_name(text) == (name, source)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0", "webcam0"),
        ("/dev/video2", "webcam2"),
        (BY_ID, "usb-046d_HD_Pro_Webcam_C920_8A41F0"),
        (BY_ID.replace("index0", "index1"), "usb-046d_HD_Pro_Webcam_C920_8A41F0-video"),
        ("/dev/front-door", "front-door"),
        ("rtsp://u:p@10.0.0.7:554/cam", "10.0.0.7"),
        ("rtsp://[fe80::1]/cam", "fe80-1"),
        ("/videos/front door.mp4", "front-door"),
        ("udp://@239.0.0.1:1234", "239.0.0.1"),
        ("udp://@:1234", "udp-1234"),
        ("...", "camera"),
    ],
)
def test_a_camera_without_a_name_is_called_after_its_source(text: str, name: str) -> None:
    assert parse_address(text).name == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://host:554/cam?channel=1", "rtsp://host:554/cam?channel=1"),
        ("rtsp://user:pw@host/cam", "rtsp://user:***@host/cam"),
        ("rtsp://user:@host/cam", "rtsp://user:***@host/cam"),
        ("rtsp://token@host/cam", "rtsp://***@host/cam"),
        ("rtsp://:pw@host/cam", "rtsp://:***@host/cam"),
        ("rtsp://user:p@w@host/cam", "rtsp://user:***@host/cam"),
        ("rtsp://user:p:w@host/cam", "rtsp://user:***@host/cam"),
        ("rtsp://user:p/w?#@host/cam", "rtsp://user:***@host/cam"),
        ("rtsp://user:p%40w@host/cam", "rtsp://user:***@host/cam"),
        ("rtsp://user:pw@[fe80::1]:554/cam", "rtsp://user:***@[fe80::1]:554/cam"),
        ("RTSP://USER:PW@HOST/CAM", "RTSP://USER:***@HOST/CAM"),
        ("rtsp:/user:pw@host/cam", "rtsp:/user:***@host/cam"),
        ("http://host/cam?user=a&password=b;c&x=1", "http://host/cam?user=a&password=***&x=1"),
        ("http://host/cam?x=1&ACCESS_TOKEN=b", "http://host/cam?x=1&ACCESS_TOKEN=***"),
        ("http://host/cam?loginuse=a&loginpas=b", "http://host/cam?loginuse=a&loginpas=***"),
        ("rtsp://host/user=a_password=b_channel=1", "rtsp://host/user=a_password=***"),
        ("rtsp://host/user=a&password=b&channel=1", "rtsp://host/user=a&password=***&channel=1"),
        ("http://host/mail@home", "http://host/mail@home"),
        (
            "http://host:80: refused, http://[::1]: too",
            "http://host:80: refused, http://[::1]: too",
        ),
        ("rtsp://user:pw/cam is down", "rtsp://user:*** is down"),
        ("rtsp://user:p%40w%40host/cam", "rtsp://user:***@host/cam"),
        (
            "rtsp://a:b@host/x: refused, then rtsp://c:d@host/y",
            "rtsp://a:***@host/x: refused, then rtsp://c:***@host/y",
        ),
        ("['rtsp://a:b@host/x', 'http://h/?key=d']", "['rtsp://a:***@host/x', 'http://h/?key=***"),
        ("rtmp://host/live/s3cret", "rtmp://host/live/***"),
        ("rtmps://u:p@host:443/live/a/b?c=d", "rtmps://u:***@host:443/live/***"),
        ("rtmp://host/live?key=x", "rtmp://host/live/***"),
        ("rtmp://host/live", "rtmp://host/live"),
        ("'rtmp://host/live/s3cret': refused", "'rtmp://host/live/***': refused"),
        ("rtmp://host/live/s3cret: refused", "rtmp://host/live/***: refused"),
        (
            "srt://host:1?passphrase=a&streamid=#!::u=b,s=c&mode=caller",
            "srt://host:1?passphrase=***&streamid=***&mode=caller",
        ),
        ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234"),
        ("udp://@:1234", "udp://@:1234"),
        ("C:/user:me@home.mp4, password=x", "C:/user:me@home.mp4, password=x"),
    ],
)
def test_redact_hides_passwords_and_tokens_and_nothing_else(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("--source=rtsp://u:p w@host/x", "--source=rtsp://u:***@host/x"),
        ("door=rtsp://u:p w", "door=rtsp://u:***"),
        ("u:p w@host", "***@host"),
        ("user:/p/w@host/cam", "***@host/cam"),
        ("my_name:p&password=w@host", "***"),
        ("rtsp://token,pass=w@host", "rtsp://***"),
        ("http://host/cam?pass=a@b", "http://host/cam?pass=***"),
        ("rtsp://?#pw@host", "rtsp://***@host"),
        ("rtsp://u:p@?w\uff20host", "rtsp://u:***@host"),
        ("rtsp://u:p@w%40host/a%40b", "rtsp://u:***@host/a%40b"),
        ("http://host/cam?x=a%40b", "http://host/cam?x=a%40b"),
        ("--threshold=0.5", "--threshold=0.5"),
        ("clips/a b.mp4", "clips/a b.mp4"),
    ],
)
def test_an_argument_is_redacted_as_a_whole(text: str, shown: str) -> None:
    assert redact_argument(text) == shown
    assert redact_argument(shown) == shown


MARK = "Hunter2"
SCHEMES = st.sampled_from(["rtsp", "rtsps", "http", "https", "RTSP", "ftp"])
WORDS = st.text(st.sampled_from("abz09._-"), min_size=1, max_size=6)
HOSTS = st.sampled_from(["host", "10.0.0.1", "[fe80::1]", "cam.example"])
# Anything that a user could type or paste, unescaped too.
AROUND = st.text(st.characters(codec="utf-8", exclude_characters=" "), max_size=8)
PASSWORDS = st.builds("{}{}{}".format, AROUND, st.just(MARK), AROUND)
VISIBLE = PASSWORDS.filter(lambda word: word.isprintable())
KEYS = st.sampled_from(["password", "pwd", "pass", "token", "api_key", "sig", "auth"])


def shows(text: str) -> str:
    """All that the program could print of a source: its forms, or the error."""
    try:
        address = parse_address(text)
    except ConfigError as error:
        return str(error)
    return f"{address} {address!r} {address.name}"


@given(SCHEMES, WORDS, PASSWORDS, HOSTS, st.sampled_from(["://", ":/", ":///"]))
def test_a_password_in_a_source_is_never_shown(
    scheme: str, user: str, password: str, host: str, slashes: str
) -> None:
    assert MARK not in shows(f"{scheme}{slashes}{user}:{password}@{host}:554/cam")
    assert MARK not in shows(f"{scheme}{slashes}{user}:{quote(password, '')}@{host}/cam?a=b")
    assert MARK not in shows(f"{scheme}{slashes}{user}:{password} {MARK}@{host}/cam")


@given(SCHEMES, KEYS, VISIBLE, HOSTS)
def test_a_secret_parameter_in_a_source_is_never_shown(
    scheme: str, key: str, secret: str, host: str
) -> None:
    assume("&" not in secret)  # there the next parameter begins
    assert MARK not in shows(f"{scheme}://{host}/cam?channel=1&{key}={secret}&x=1")


@given(st.lists(st.tuples(SCHEMES, WORDS, VISIBLE, HOSTS), min_size=1, max_size=3))
def test_no_password_survives_in_a_text_of_several_urls(
    urls: list[tuple[str, str, str, str]],
) -> None:
    text = " and ".join(f"{scheme}://{user}:{pw}@{host}/x" for scheme, user, pw, host in urls)
    assert MARK not in redact(f"lost {text}: refused")
