"""What a probe found in words, and what of it will hurt, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from monitor.config.options import DecodeOptions, WindowOptions
from monitor.recognition.metadata import ModelMetadata
from monitor.setup.probe import Clock, Found
from monitor.states import SkipReason

_CODECS = {"h264": "H.264", "hevc": "H.265", "mjpeg": "MJPEG", "av1": "AV1", "mpeg4": "MPEG-4"}
# Above so many pixels decoding costs more than a sub-stream would, and the model sees no more.
LARGE_PIXELS = 1280 * 720
SMALL_WIDTH, SMALL_HEIGHT = 320, 240  # below, people are but a few pixels high
# Encoders that stretch the distance of key frames while nothing moves vary it by more than this.
_STEADY = 1.5
_CLOCKS = {
    Clock.GOOD: "its timestamps can be trusted",
    Clock.NONE: "no timestamps: frames are placed by their arrival",
    Clock.JUMPS: "its timestamps jump",
    Clock.RATE: "its timestamps run too fast or too slow",
}
_FAULTS = {
    SkipReason.BLACK: ("the picture is black", "take the cap off, or give the place more light"),
    SkipReason.BLANK: ("the picture is of one colour", "look what stands before the lens"),
    SkipReason.BLURRED: ("the picture is blurred", "clean the lens, and set its focus"),
    SkipReason.STILL: (
        "the picture did not change at all",
        "move before the camera and probe again: it may repeat an old picture",
    ),
}


class Advice(NamedTuple):
    """Something that will hurt."""

    found: str
    remedy: str


def facts(found: Found, metadata: ModelMetadata) -> Iterator[tuple[str, str]]:
    """Name and text of each thing that was seen."""
    codec = " ".join(part for part in (codec_name(found), found.profile) if part)
    size = f"{found.width}×{found.height}"
    yield "video", ", ".join(part for part in (codec, size, _rate(found)) if part)
    if found.bits_per_s is not None:
        yield "bitrate", _bits(found.bits_per_s)
    if found.codec and found.codec != "mjpeg":
        yield "key frames", key_frames(found)
    if found.transport:
        yield "sound", f"{found.sound.upper()}, which is not used" if found.sound else "none"
        yield "transport", found.transport
    if found.clock is not None:
        yield "clock", _CLOCKS[found.clock]
    yield "motion", _motion(found, metadata)
    yield "decoding", f"{100 * found.decoding:.0f} % of a core of this machine"


def advice(found: Found, metadata: ModelMetadata) -> list[Advice]:
    """What will hurt, the worst first."""
    return [*_unusable(found, metadata), *_key_frames(found), *_costly(found), *_clock(found)]


def notes(found: Found, metadata: ModelMetadata) -> tuple[str, ...]:
    """What the configuration says of the camera beside it."""
    told = [text for name, text in facts(found, metadata) if name in ("video", "key frames")]
    hurts = (f"! {what}: {remedy}" for what, remedy in advice(found, metadata))
    return (", key frames ".join(told), *hurts)


def codec_name(found: Found) -> str:
    """As people call it."""
    return _CODECS.get(found.codec, found.codec)


def key_frames(found: Found) -> str:
    """How far they are apart."""
    gaps = found.key_gaps_s
    if not gaps:
        return f"more than {found.seconds:.0f} s apart: only one came"
    if _varies(found):
        return f"{min(gaps):.1f} to {max(gaps):.1f} s apart"
    return f"{max(gaps):.1f} s apart"


def _varies(found: Found) -> bool:
    gaps = found.key_gaps_s
    return len(gaps) > 1 and max(gaps) > _STEADY * min(gaps)


def _bits(a_second: float) -> str:
    return f"{a_second / 1e6:.1f} Mbit/s" if a_second >= 1e6 else f"{a_second / 1e3:.0f} kbit/s"


def _rate(found: Found) -> str:
    if not found.fps:
        return "a single frame"
    return f"{found.fps:.1f} frames a second{'' if found.even else ', uneven'}"


def _motion(found: Found, metadata: ModelMetadata) -> str:
    if not found.windows:
        return f"watched too briefly: a window takes {metadata.clip.span_s:g} s"
    if not found.moving:
        return "nothing moves"
    return f"something moves in {100 * found.moving / found.windows:.0f} % of the time"


def _unusable(found: Found, metadata: ModelMetadata) -> Iterator[Advice]:
    if found.broke_off:
        yield Advice(found.broke_off, "probe again; look at the network and the camera's power")
    least = WindowOptions().min_fps(metadata.clip)
    if 0 < found.fps < least:
        yield Advice(
            f"{found.fps:.1f} frames a second, the model needs {least:g}: nothing is classified",
            f"set the camera's frame rate to {metadata.fps:g} or more",
        )
    for fault, count in found.faults.items():
        if 2 * count > found.windows and fault in _FAULTS:
            yield Advice(*_FAULTS[fault])
    if found.width < SMALL_WIDTH or found.height < SMALL_HEIGHT:
        yield Advice(
            f"{found.width}×{found.height} is small: people are but a few pixels high",
            f"take a stream of {SMALL_WIDTH}×{SMALL_HEIGHT} at least",
        )


def _key_frames(found: Found) -> Iterator[Advice]:
    if not found.codec or found.codec == "mjpeg":
        return
    if max(found.key_gaps_s, default=found.seconds) <= DecodeOptions().idle_max_delay_s:
        return
    if found.key_gaps_s and _varies(found):
        yield Advice(
            f"key frames are {key_frames(found)}: a smart codec (H.264+, Smart Stream, Zipstream)",
            "switch it off, and set the key frame interval to 1 or 2 s",
        )
    else:
        frames = f": {round(2 * found.fps)} frames" if found.fps else ""
        yield Advice(
            f"key frames are {key_frames(found).partition(':')[0]}: all is decoded though nothing "
            "moves, and clips begin late",
            f"set the key frame interval (I-frame interval, GOP) to 2 s{frames}",
        )


def _costly(found: Found) -> Iterator[Advice]:
    if found.codec == "hevc":
        yield Advice(
            "H.265: many browsers play neither its live video nor its clips",
            "set the stream to H.264",
        )
    if found.codec == "mjpeg":
        yield Advice(
            "MJPEG: every picture is sent and decoded whole, and encoded once more for clips",
            "take the camera's H.264 stream, if it has one",
        )
    if found.width * found.height > LARGE_PIXELS:
        yield Advice(
            f"{found.width}×{found.height} costs {100 * found.decoding:.0f} % of a core, and the "
            "model sees a small picture anyway",
            "take the camera's sub-stream, of about 640×360",
        )


def _clock(found: Found) -> Iterator[Advice]:
    if found.clock in (Clock.JUMPS, Clock.RATE):
        yield Advice(
            f"{_CLOCKS[found.clock]}: frames may be misplaced in time",
            "set stream.clock: arrival for this camera, or update its firmware",
        )
