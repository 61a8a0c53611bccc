"""What a camera says of its streams (SDP, RFC 8866), as far as RTSP needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MEDIA = re.compile(rb"(?m)^(?=m=)")
_MEDIUM = re.compile(rb"m=(\w+)[ \t]+[0-9/]+[ \t]+\S+[ \t]+([0-9]{1,3})\b")
_CONTROL = re.compile(rb"(?im)^a=control:[ \t]*(\S+)")
_CODEC = rb"(?im)^a=rtpmap:%d[ \t]+([^/\s]+)/([0-9]{1,9})"
_PARAMETERS = rb"(?im)^a=fmtp:%d[ \t]+([^\r\n]*)"
# Of payload types that need not be described (RFC 3551).
_KNOWN = {0: "PCMU", 8: "PCMA", 9: "G722", 14: "MPA", 26: "JPEG", 32: "MPV", 33: "MP2T"}
_SAME = {"HEVC": "H265", "MPEG4-GENERIC": "AAC", "MP4A-LATM": "AAC"}


@dataclass(frozen=True)
class Medium:
    """One stream: video, sound or something else."""

    kind: str  # video, audio, application
    payload_type: int  # of its packets
    control: str  # the URL to ask for it
    codec: str  # in capital letters; empty if it is not known
    rate: int  # ticks of its clock a second
    parameters: Mapping[str, str]  # of the codec, names in small letters


@dataclass(frozen=True)
class Description:
    """All that a camera has at one URL."""

    control: str  # the URL to ask for all of it
    media: tuple[Medium, ...]

    @classmethod
    def parse(cls, text: bytes, url: str) -> Description:
        """What was found at a URL, to which others may be relative."""
        head, *parts = _MEDIA.split(text)
        said = _control(head)
        control = said if "://" in said else url
        media = (_medium(part, control) for part in parts)
        return cls(control, tuple(one for one in media if one is not None))

    def first(self, kind: str) -> Medium | None:
        """The first stream of a kind; None if there is none."""
        return next((one for one in self.media if one.kind == kind), None)


def _medium(text: bytes, base: str) -> Medium | None:
    if not (found := _MEDIUM.match(text)):
        return None
    payload_type = int(found[2])
    rtpmap = re.search(_CODEC % payload_type, text)
    codec = rtpmap[1].decode("utf-8", "replace").upper() if rtpmap else _KNOWN.get(payload_type, "")
    said = re.search(_PARAMETERS % payload_type, text)
    parameters = said[1].decode("utf-8", "replace").split(";") if said else ()
    pairs = (one.partition("=") for one in parameters)
    return Medium(
        kind=found[1].decode().lower(),
        payload_type=payload_type,
        control=_joined(base, _control(text)),
        codec=_SAME.get(codec, codec),
        rate=int(rtpmap[2]) if rtpmap else 0,
        parameters={name.strip().lower(): value.strip() for name, _, value in pairs},
    )


def _control(text: bytes) -> str:
    found = _CONTROL.search(text)
    return found[1].decode("utf-8", "replace") if found else ""


def _joined(base: str, control: str) -> str:
    """As all clients join them: the part after a `?` belongs to the base, too."""
    if control in ("", "*"):
        return base
    if "://" in control:
        return control
    return base + ("" if base.endswith("/") else "/") + control
