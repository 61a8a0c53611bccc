"""The webcams of this machine."""

from collections.abc import Iterator
from pathlib import Path

from monitor.sources.address import is_camera

DEVICES = Path("/dev")


def webcams(devices: Path = DEVICES) -> list[Path]:
    """Their devices; by the names that stay the same whatever is plugged in, if they have such.

    Of a webcam's devices only the first gives pictures.
    """
    named = sorted(devices.glob("v4l/by-id/*"))
    known = {path.resolve() for path in named}
    firsts = [path for path in named if path.name.endswith("-video-index0")]
    others = [path for path in sorted(devices.glob("video*")) if path.resolve() not in known]
    return list(_cameras([*firsts, *others]))


def _cameras(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        try:
            if is_camera(path.stat()):
                yield path
        except OSError:  # it was unplugged
            continue
