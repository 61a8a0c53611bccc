"""Films made of a clip, for cameras that are watched for a while."""

import subprocess
from pathlib import Path


def looped(target: Path, source: Path, times: int, filters: str, *codec: str) -> Path:
    """Write a film that shows `source` so many times, through FFmpeg's `filters`."""
    played = ("-stream_loop", str(times - 1), "-i", str(source), "-an", "-vf", filters)
    encoder = ("-preset", "ultrafast", "-c:v", *codec)
    subprocess.run(["ffmpeg", "-v", "error", *played, *encoder, str(target)], check=True)
    return target


def repeated(target: Path, source: Path, times: int) -> Path:
    """Write a film that shows `source` so many times, as it is encoded."""
    played = ("-stream_loop", str(times - 1), "-i", str(source), "-an", "-c", "copy")
    subprocess.run(["ffmpeg", "-v", "error", *played, str(target)], check=True)
    return target


def lively(target: Path, clip: Path) -> Path:
    """Write twenty seconds, small, of the fight clip, in which something always moves."""
    return looped(target, clip, 4, "fps=25,scale=160:120", "libx264", "-g", "50", "-bf", "0")
