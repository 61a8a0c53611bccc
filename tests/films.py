"""Films made of a clip, for cameras that are watched for a while."""

import subprocess
from pathlib import Path


def looped(target: Path, source: Path, times: int, filters: str, *codec: str) -> Path:
    """Write a film that shows `source` so many times, through FFmpeg's `filters`."""
    played = ("-stream_loop", str(times - 1), "-i", str(source), "-an", "-vf", filters)
    encoder = ("-preset", "ultrafast", "-c:v", *codec)
    subprocess.run(["ffmpeg", "-v", "error", *played, *encoder, str(target)], check=True)
    return target
