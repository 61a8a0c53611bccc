"""What cameras put round their JPEGs: multipart as it should be, and as browsers take it, too."""

from collections.abc import Callable
from dataclasses import dataclass

BOUNDARY = "picture"
MULTIPART = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
_LINE = b"--picture\r\n"
_TYPE = b"Content-Type: image/jpeg\r\n"


def _headed(picture: bytes, *, kind: bytes = _TYPE, off: int = 0) -> bytes:
    return b"%sContent-Length: %d\r\n\r\n%s\r\n" % (kind, len(picture) + off, picture)


def _thumbnail(picture: bytes) -> bytes:
    """With a picture in its EXIF, and what looks like an end in its comment."""
    exif = picture[:20] + picture[-2000:] + b"\xff\xd9\xff\xd8\xff"
    segments = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif
    return picture[:2] + segments + b"\xff\xfe\x00\x06a\xff\xd9b" + picture[2:]


def _refilled(picture: bytes) -> bytes:
    """With bytes that fill up before its first marker and its last."""
    return picture[:2] + b"\xff\xff" + picture[2:-2] + b"\xff" + picture[-2:]


@dataclass(frozen=True)
class Framing:
    """How a stream of JPEGs is sent."""

    part: Callable[[bytes], bytes] = lambda picture: _LINE + _headed(picture)
    first: bytes = b""  # what comes before all parts
    content_type: str | None = MULTIPART
    chunked: bool = False


PLAIN = Framing()
ENDLESS = Framing(lambda picture: _LINE + _headed(picture[:-2]))  # no picture marks its end
FRAMINGS = {
    "plain": PLAIN,
    "no first boundary": Framing(lambda picture: _headed(picture) + _LINE),
    "image/jpg": Framing(lambda p: _LINE + _headed(p, kind=b"Content-Type: image/jpg\r\n")),
    "no content type": Framing(lambda picture: _LINE + _headed(picture, kind=b"")),
    "no header": Framing(lambda picture: _LINE + b"\r\n" + picture + b"\r\n"),
    "no blank line": Framing(lambda picture: _LINE + picture + b"\r\n"),
    "no length": Framing(lambda picture: _LINE + _TYPE + b"\r\n" + picture + b"\r\n"),
    "length too large": Framing(lambda picture: _LINE + _headed(picture, off=7)),
    "length far too large": Framing(lambda picture: _LINE + _headed(picture, off=1 << 40)),
    "length too small": Framing(lambda picture: _LINE + _headed(picture, off=-7)),
    "length zero": Framing(lambda picture: _LINE + _headed(picture, off=-len(picture))),
    "length below zero": Framing(lambda picture: _LINE + _headed(picture, off=-2 * len(picture))),
    "length that is no number": Framing(
        lambda p: _LINE + _TYPE + b"Content-Length: many\r\n\r\n" + p + b"\r\n"
    ),
    "quoted boundary": Framing(content_type='multipart/x-mixed-replace; boundary="picture"'),
    "boundary with dashes": Framing(content_type=f"{MULTIPART.replace('=', '=--')}"),
    "boundary without dashes": Framing(lambda p: b"picture\r\n" + _headed(p)),
    "another boundary": Framing(content_type="multipart/x-mixed-replace;boundary=other"),
    "no boundary": Framing(content_type="multipart/x-mixed-replace"),
    "capitals": Framing(content_type="Multipart/X-Mixed-Replace; Boundary=picture"),
    "mixed": Framing(content_type="multipart/mixed; boundary=picture"),
    "lines end with LF": Framing(lambda p: b"--picture\nContent-Length: %d\n\n%s\n" % (len(p), p)),
    "chunked": Framing(chunked=True),
    "preamble": Framing(first=b"This is a camera.\r\n\r\n" * 200),
    "a text between": Framing(
        lambda p: _LINE + _headed(b"24 C", kind=b"Content-Type: text/plain\n") + _LINE + _headed(p)
    ),
    "rubbish between": Framing(lambda p: _LINE + _headed(p) + bytes(range(256)) + b"\xff\xd8" * 99),
    "padding": Framing(lambda picture: _LINE + _headed(picture + b"\0" * 500)),
    "cut off": Framing(lambda p: _LINE + _headed(p) + _LINE + _headed(p[: len(p) // 2])),
    "thumbnail": Framing(lambda picture: _LINE + _headed(_thumbnail(picture))),
    "filled up": Framing(lambda picture: _LINE + _headed(_refilled(picture))),
    "one after the other": Framing(lambda p: p, content_type="image/jpeg"),
    "called video": Framing(lambda p: p, content_type="video/x-motion-jpeg"),
    "called text": Framing(content_type="text/html", first=b"\r\n"),
    "not called anything": Framing(content_type=None),
}  # fmt: skip
