"""Cameras read by OpenCV, a thread each, which also classifies their windows.

There are three ways. With --every-frame, as in tutorials, each frame is scaled and completes a
window. By default, frames are sampled at 10 a second. With --grab, only the sampled frames are
retrieved from the decoder.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.performance.peers.common import FPS, SIZE, STRIDE, Report, Windows, load, run


def main() -> None:
    """Watch until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--every-frame", action="store_true")
    parser.add_argument("--grab", action="store_true")
    parser.add_argument("--tell-windows", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)  # scaling to 64x64 is too little work for several threads
    classify = load(arguments.model)
    report = Report(len(arguments.sources), arguments.tell_windows)

    def watch(camera: int, source: str) -> None:
        capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG)
        fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
        windows = Windows(1 if arguments.every_frame else STRIDE)
        count, slot = 0, -1
        picture: Any
        while capture.grab() if arguments.grab else (picture := capture.read())[0]:
            report.frame(camera)
            turn, count = math.floor(count * FPS / fps), count + 1
            if turn == slot and not arguments.every_frame:
                continue
            slot = turn
            frame = capture.retrieve()[1] if arguments.grab else picture[1]
            assert frame is not None
            small = cv2.cvtColor(cv2.resize(frame, (SIZE, SIZE)), cv2.COLOR_BGR2RGB)
            window = windows.push(np.asarray(small, np.uint8))
            if window is not None:
                report.window(camera, classify(window))

    run(watch, arguments.sources, report)


if __name__ == "__main__":
    main()
