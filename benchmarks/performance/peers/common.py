"""What the peers share: windows, networks and reports."""

import json
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitor.recognition.runtime import onnx_runtime

FRAMES, SIZE, FPS, STRIDE = 20, 64, 10, 5

Pixels = NDArray[np.uint8]
Classify = Callable[[Pixels], NDArray[np.float32]]  # (1, T, H, W, 3) to (1, labels)


class Windows:
    """The last 20 frames, and a window of them every `stride` frames."""

    def __init__(self, stride: int = STRIDE) -> None:
        self._frames: deque[Pixels] = deque(maxlen=FRAMES)
        self._stride = stride
        self._count = 0

    def push(self, frame: Pixels) -> Pixels | None:
        """Take a frame (64, 64, 3); return the window that it completes, (1, 20, 64, 64, 3)."""
        self._frames.append(frame)
        self._count += 1
        ready = self._count - FRAMES
        if ready < 0 or ready % self._stride:
            return None
        return np.stack(self._frames)[np.newaxis]


class Report:
    """Counts what each camera did and reports it; any thread may call it."""

    def __init__(self, cameras: int, tell_windows: bool = False) -> None:
        self._tell_windows = tell_windows
        self._lock = threading.Lock()
        self._frames = [0] * cameras
        self._windows = [0] * cameras
        self._first_s = [0.0] * cameras

    def frame(self, camera: int) -> None:
        """A frame of the camera's stream was read."""
        if not self._frames[camera]:
            self._first_s[camera] = time.monotonic()
            self._tell(event="watching", camera=camera)
        self._frames[camera] += 1

    def window(self, camera: int, scores: NDArray[np.float32]) -> None:
        """A window was classified."""
        if self._tell_windows or not any(self._windows):
            frame = self._frames[camera] - 1  # the newest of the window
            self._tell(event="window", camera=camera, frame=frame, scores=scores[0].tolist())
        self._windows[camera] += 1

    def end(self) -> None:
        """Report what each camera did."""
        now_s = time.monotonic()
        cameras = [
            {"frames": frames, "windows": windows, "seconds": now_s - first_s if frames else 0.0}
            for frames, windows, first_s in zip(
                self._frames, self._windows, self._first_s, strict=True
            )
        ]
        self._tell(event="end", cameras=cameras)

    def _tell(self, **values: Any) -> None:
        with self._lock:
            print(json.dumps(values), flush=True)


def run(watch: Callable[[int, str], None], sources: Sequence[str], report: Report) -> None:
    """Run a thread for each camera until SIGTERM or the end of all files."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda signum, frame: over.set())
    threads = [
        threading.Thread(target=watch, args=(camera, source), daemon=True)
        for camera, source in enumerate(sources)
    ]
    for thread in threads:
        thread.start()
    while not over.wait(0.2):
        if not any(thread.is_alive() for thread in threads):
            break
    report.end()
    sys.stdout.flush()


def load(path: Path) -> Classify:
    """Load a network: .onnx in ONNX Runtime on one thread a window, .keras in Keras."""
    if path.suffix == ".onnx":
        ort = onnx_runtime()
        options = ort.SessionOptions()
        # The cores are busy with many cameras, so more threads would only wait for each other.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda clips: np.asarray(session.run(["scores"], {name: clips})[0])
    import keras

    network = keras.saving.load_model(path, compile=False)
    lock = threading.Lock()  # Keras does not promise that several threads can predict at once

    def classify(clips: Pixels) -> NDArray[np.float32]:
        with lock:
            return np.asarray(network.predict(clips, verbose=0))

    return classify
