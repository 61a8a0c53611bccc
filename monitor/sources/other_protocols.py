"""Streams that FFmpeg opens by itself: RTMP, SRT, and MPEG-TS over UDP."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from urllib.parse import SplitResult

import av
from av.container import InputContainer

from monitor.decode.hardware import accelerator
from monitor.sources.connection import UnfitError
from monitor.sources.source import SourceSettings
from monitor.states import OpenFailure


@dataclass(frozen=True)
class _Kind:
    protocols: str  # that it may use: what carries it, and nothing that leads elsewhere
    formats: str  # that it may bring


_KINDS = {
    "rtmp": _Kind("rtmp,tcp", "flv"),
    "rtmps": _Kind("rtmps,tls,tcp", "flv"),
    "srt": _Kind("srt", "mpegts"),
    "udp": _Kind("udp", "mpegts"),
}


def open_plain(url: SplitResult, settings: SourceSettings, deadline_s: float) -> InputContainer:
    """The stream at a URL, before a moment of the monotonic clock; OSErrors or FFmpeg's."""
    kind = _KINDS[url.scheme]
    if "tls" in kind.protocols and os.environ.get("http_proxy"):
        raise UnfitError("FFmpeg would use the proxy of the environment: unset http_proxy")
    options = {
        "protocol_whitelist": kind.protocols,
        "format_whitelist": kind.formats,
        "analyzeduration": "1000000",
    }
    if "tls" in kind.protocols and settings.ca_file is not None:
        options |= {"tls_verify": "1", "ca_file": str(settings.ca_file)}
    try:
        return av.open(
            url.geturl(),
            "r",
            options=options,
            timeout=(max(0.001, deadline_s - time.monotonic()), settings.read_timeout_s),
            metadata_errors="ignore",
            hwaccel=accelerator(settings.decoding.hardware),
        )
    except av.ProtocolNotFoundError:
        raise UnfitError(f"the FFmpeg of this PyAV was built without {url.scheme}") from None
    except av.ExitError:
        if url.scheme != "udp":
            raise
        words = f"nothing came within {settings.open_timeout_s:g} s"
        raise UnfitError(words, OpenFailure.TIMEOUT) from None
