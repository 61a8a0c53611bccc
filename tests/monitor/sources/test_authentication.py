"""Answers to servers that ask for a password: the right one for each way of asking."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from monitor.errors import SourceOpenError
from monitor.sources.address import parse_address
from monitor.sources.authentication import Challenge, Login, challenges, chosen
from monitor.sources.make import make_source
from monitor.sources.source import SourceSettings
from testkit.servers.locks import DIGESTS, PASSWORD, USER, Lock
from testkit.servers.mjpeg import http_camera, jpegs

# The example of RFC 7616, 3.9.1.
RFC = {
    "MD5": "8ca523f5e9506fed4657c9700eebdbec",
    "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
}


@pytest.mark.parametrize("algorithm", RFC)
def test_the_example_of_the_standard_is_answered_as_there(
    algorithm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr("secrets.token_hex", lambda size: client)
    header = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    (challenge,) = challenges([header % algorithm])
    answer = Login("Mufasa", "Circle of Life").answer(challenge, "GET", "/dir/index.html")
    assert answer == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", '
        f'response="{RFC[algorithm]}", algorithm={algorithm}, '
        f'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", cnonce="{client}", qop=auth, '
        "nc=00000001"
    )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        (["Basic"], ["basic"]),
        (['Basic realm="a, b"', "Digest nonce=x==, algorithm=MD5"], ["basic", "digest MD5"]),
        (['Digest realm="a", nonce = "b" , Basic realm="c"'], ["digest MD5", "basic"]),
        (["DIGEST realm=x,algorithm=SHA-256", ",=,"], ["digest SHA-256"]),
        (["Negotiate, NTLM"], ["negotiate", "ntlm"]),
        (['"', "\0", "=" * 9999, "a" * 9999], ["a" * 9999]),
    ],
)
def test_every_challenge_is_read(headers: list[str], expected: list[str]) -> None:
    def said(one: Challenge) -> str:
        return f"{one.scheme} {one.algorithm}" if one.scheme == "digest" else one.scheme

    assert [said(one) for one in challenges(headers)] == expected


@pytest.mark.parametrize(
    ("kinds", "algorithm"),
    [
        (("md5", "sha-256"), "MD5"),
        (("sha-256", "md5"), "SHA-256"),
        (("whirlpool", "md5-sess"), "MD5-sess"),
        (("basic", "sha-256"), "SHA-256"),
    ],
    ids=str,
)
def test_the_first_digest_that_is_known_is_answered(kinds: tuple[str, ...], algorithm: str) -> None:
    assert chosen(challenges(Lock(*kinds).challenges)).algorithm == algorithm


def test_a_url_without_a_password_has_no_login() -> None:
    assert Login.of(urlsplit("http://host/")) is None
    assert Login.of(urlsplit("http://token@host/")) is None


SEVERAL = [("sha-256", "md5"), ("md5", "sha-256"), ("whirlpool", "md5"), ("basic", "sha-256")]


@pytest.fixture(scope="module")
def pictures(nofight_clip: Path) -> list[bytes]:
    return jpegs(nofight_clip)[:2]


def opened(url: str) -> None:
    source = make_source(parse_address(url), SourceSettings())
    try:
        source.open()
        assert source.read() is not None
    finally:
        source.close()


@pytest.mark.parametrize("in_one", [False, True], ids=["apart", "in one line"])
@pytest.mark.parametrize(
    "kinds", [("basic",), *((kind,) for kind in [*DIGESTS][:-1]), *SEVERAL], ids="+".join
)
def test_an_http_camera_is_given_the_password_as_it_asks_for_it(
    pictures: list[bytes], kinds: tuple[str, ...], in_one: bool
) -> None:
    user, password = 'us"er\\ä', "p@s:s/ %?#ä"
    lock = Lock(*kinds, in_one=in_one, user=user, password=password)
    with http_camera(pictures, 25, lock=lock) as camera:
        opened(camera.url("/locked?a=b&c=%20d", f"{quote(user)}:{quote(password, '')}@"))
    assert len(lock.told) == 1
    assert lock.told[0].startswith("Basic " if kinds == ("basic",) else "Digest ")


@pytest.mark.parametrize("kinds", [("basic", "whirlpool"), ("whirlpool",)], ids="+".join)
def test_where_digest_cannot_be_answered_the_password_is_not_shown_instead(
    pictures: list[bytes], kinds: tuple[str, ...]
) -> None:
    lock = Lock(*kinds)
    with http_camera(pictures, 25, lock=lock) as camera, pytest.raises(SourceOpenError) as caught:
        opened(camera.url("/locked", f"{USER}:{PASSWORD}@"))
    assert lock.told == []
    shown = "digest Whirlpool" if len(kinds) == 1 else "basic and digest Whirlpool"
    assert str(caught.value).endswith(
        f"/locked: authentication: the camera asks for {shown}, which is not known here: "
        "set its digest algorithm to MD5"
    )
