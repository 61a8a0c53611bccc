"""Decoding by hardware: asked for by name, and proved before anything is watched.

FFmpeg would fall back to the cores in silence; here it must not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import av

from monitor.decode.ffmpeg import reason
from monitor.errors import ConfigError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel

_SAMPLE = Path(__file__).parents[1] / "samples" / "bus.mp4"  # H.264


def accelerator(name: str | None) -> HWAccel | None:
    """What av.open takes to decode by the hardware `name` and nothing else; None for the cores."""
    from av.codec.hwaccel import HWAccel

    return None if name is None else HWAccel(name, allow_software_fallback=False)


def not_by_hardware(error: RuntimeError) -> str:
    """Why a video cannot be decoded by the hardware that was asked for, in this project's words."""
    return f"decode.hardware cannot decode it: {str(error).lower()}"


def check_hardware(name: str | None) -> None:
    """Decode a picture of the sample by the hardware `name`; ConfigError if that fails."""
    if name is None:
        return
    from av.codec.hwaccel import hwdevices_available

    try:
        with av.open(str(_SAMPLE), hwaccel=accelerator(name)) as container:
            next(container.decode(video=0))
            used = container.streams.video[0].codec_context.is_hwaccel
    except (av.FFmpegError, OSError, RuntimeError, ValueError) as error:
        words = reason(error) if isinstance(error, OSError) else str(error).lower()
    else:
        if used:
            return
        words = "the cores decode instead"
    raise ConfigError(
        f"decode.hardware {name}: cannot be used here: {words}; "
        f"this FFmpeg knows {', '.join(hwdevices_available())}"
    )
