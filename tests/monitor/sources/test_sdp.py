"""What a camera says of its streams."""

from __future__ import annotations

import pytest

from monitor.sources.sdp import Description

URL = "rtsp://cam/a?b=c"
TEXT = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=camera
a=control:*
m=application 0 RTP/AVP 107
a=control:track3
m=video 0 RTP/AVP 96 97
b=AS:500
a=rtpmap:97 VP8/90000
a=rtpmap:96 h264/90000
a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0I=,aM4=;profile-level-id=42
a=control:track1
m=video 0 RTP/AVP 98
a=rtpmap:98 H265/90000
a=control:track4
m=audio 0 RTP/AVP 8
a=control:track2
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_first_video_counts(end: str) -> None:
    found = Description.parse(TEXT.replace("\n", end).encode(), URL)
    video, sound = found.first("video"), found.first("audio")
    assert video is not None
    assert sound is not None
    assert (video.codec, video.payload_type, video.rate) == ("H264", 96, 90000)
    assert video.control == URL + "/track1"
    assert video.parameters["sprop-parameter-sets"] == "Z0I=,aM4="
    assert (sound.codec, sound.payload_type) == ("PCMA", 8)
    assert found.control == URL


@pytest.mark.parametrize(
    ("session", "media", "wanted"),
    [
        ("*", "*", URL),
        ("*", "rtsp://cam/other", "rtsp://cam/other"),
        ("rtsp://cam/all/", "track1", "rtsp://cam/all/track1"),
        ("rtsp://cam/all", "", "rtsp://cam/all"),
    ],
)
def test_a_stream_is_asked_for_by_its_own_url(session: str, media: str, wanted: str) -> None:
    text = f"v=0\na=control:{session}\nm=video 0 RTP/AVP 96\n"
    text += f"a=control:{media}\n" if media else ""
    video = Description.parse(text.encode(), URL).first("video")
    assert video is not None
    assert video.control == wanted


@pytest.mark.parametrize("text", [b"", b"v=0\n", b"m=video\n", b"m=video 0 RTP/AVP x\n", b"\xff"])
def test_what_describes_no_video_has_none(text: bytes) -> None:
    assert Description.parse(text, URL).first("video") is None
