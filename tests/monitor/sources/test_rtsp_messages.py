"""Packets, answers and requests are told apart, however they come."""

from __future__ import annotations

import pytest

from monitor.sources.connection import UnfitError
from monitor.sources.rtsp_messages import Interleaved, Message, Parts

PACKET = b"$\0\0\x0b401 \r\n\r\nRTS"
ANSWER = b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-length: 4\r\n\r\n$\0\0\1"
REQUEST = b"OPTIONS rtsp://cam/a RTSP/1.0\r\nCSeq: 7\r\n\r\n"


def parts(*pieces: bytes) -> tuple[list[Interleaved | Message], int]:
    """What is found, and how many bytes are skipped."""
    taken, found = Parts(), []
    for piece in pieces:
        taken.add(piece)
        while (part := taken.next()) is not None:
            found.append(part)
    return found, taken.skipped


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_stream_is_taken_apart_however_it_is_cut(size: int) -> None:
    found, skipped = parts(*cut(PACKET + ANSWER + b"\r\n" + REQUEST + PACKET, size))
    first, answer, request, last = found
    assert first == last == Interleaved(0, b"401 \r\n\r\nRTS")
    assert isinstance(answer, Message)
    assert (answer.status, answer.body, answer.get("cseq")) == (200, b"$\0\0\1", "2")
    assert isinstance(request, Message)
    assert (request.status, request.first) == (None, "OPTIONS rtsp://cam/a RTSP/1.0")
    assert skipped == 0


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_after_a_packet_whose_size_is_wrong_the_next_one_is_found(size: int) -> None:
    short = b"$\0\0\x05" + b"a" * 12  # it says five bytes, and has twelve
    found, skipped = parts(*cut(PACKET + short + PACKET + REQUEST, size))
    assert [one.data for one in found if isinstance(one, Interleaved)] == [
        PACKET[4:],
        b"aaaaa",
        PACKET[4:],
    ]
    assert isinstance(found[-1], Message)
    assert skipped == 7


def test_a_dollar_among_rubbish_is_no_packet_unless_its_channel_is_known() -> None:
    found, skipped = parts(b"x$zz\xff\xff" + PACKET)
    assert found == [Interleaved(0, PACKET[4:])]
    assert skipped == 6


def test_packets_of_a_channel_that_was_not_asked_for_are_told() -> None:
    assert parts(b"$\4\0\1a" + PACKET)[0] == [Interleaved(4, b"a"), Interleaved(0, PACKET[4:])]


@pytest.mark.parametrize(
    "head", [b"RTSP/1.0 200 OK\r\n", b"RTSP/1.0 200 OK\r\nContent-Length: 999999999\r\n\r\n"]
)
def test_a_message_without_end_is_refused(head: bytes) -> None:
    with pytest.raises(UnfitError) as caught:
        parts(head, b"a" * (1 << 20), b"a")
    assert caught.value.words == "an endless message"


@pytest.mark.parametrize("line", ["RTSP/1.0", "RTSP/1.0 OK", "RTSP/1.0 ²00 OK", "RTSP/1.0 20 OK"])
def test_an_answer_without_a_status_has_one_that_is_none(line: str) -> None:
    (answer,), _ = parts(line.encode() + b"\r\n\r\n")
    assert isinstance(answer, Message)
    assert answer.status == 0


def test_a_header_may_come_more_than_once_and_in_any_letters() -> None:
    (answer,), _ = parts(b"RTSP/1.0 401 No\r\nWWW-Authenticate: a\r\nwww-authenticate:b\r\n\r\n")
    assert isinstance(answer, Message)
    assert answer.all("www-authenticate") == ["a", "b"]
    assert answer.get("public") == ""
