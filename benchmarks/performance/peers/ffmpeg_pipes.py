"""Cameras read as Frigate does: an FFmpeg process each pipes small raw frames to Python.

The options are Frigate's defaults for RTSP, but for 10 frames of 64x64 RGB a second.
"""

import argparse
import subprocess
from pathlib import Path

import numpy as np

from benchmarks.performance.peers.common import FPS, SIZE, Report, Windows, load, run

GLOBAL = ("-hide_banner", "-loglevel", "error", "-threads", "2")
INPUT = (
    "-avoid_negative_ts", "make_zero", "-fflags", "+genpts+discardcorrupt",
    "-rtsp_transport", "tcp", "-timeout", "10000000", "-use_wallclock_as_timestamps", "1",
)  # fmt: skip
OUTPUT = (
    "-r", str(FPS), "-vf", f"fps={FPS},scale={SIZE}:{SIZE}", "-threads", "2",
    "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:",
)  # fmt: skip


def main() -> None:
    """Watch until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("sources", nargs="+")
    arguments = parser.parse_args()
    classify = load(arguments.model)
    report = Report(len(arguments.sources))
    processes = [
        subprocess.Popen(
            ["ffmpeg", *GLOBAL, *INPUT, "-i", source, *OUTPUT],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        for source in arguments.sources
    ]

    def watch(camera: int, source: str) -> None:
        pipe = processes[camera].stdout
        assert pipe is not None
        windows = Windows()
        while len(frame := pipe.read(SIZE * SIZE * 3)) == SIZE * SIZE * 3:
            report.frame(camera)
            window = windows.push(np.frombuffer(frame, np.uint8).reshape(SIZE, SIZE, 3))
            if window is not None:
                report.window(camera, classify(window))

    try:
        run(watch, arguments.sources, report)
    finally:
        for process in processes:
            process.kill()
        for process in processes:
            process.wait()


if __name__ == "__main__":
    main()
