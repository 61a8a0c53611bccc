"""TensorFlow and the other packages of the extra `train`: named if missing, started quietly."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from monitor.errors import MonitorError


@contextmanager
def training_tools() -> Iterator[None]:
    """Turn a missing package into a MonitorError that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MonitorError(
            f"training needs {error.name}: in har-monitor's folder, run make train-tools, "
            "or pip install '.[train]'"
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Discard standard error inside the block, including that of native code.

    TensorFlow, absl and tf2onnx write about the processor, missing GPUs and graph passes while they
    are imported and run, partly before any log level applies. Exceptions leave the block and are
    shown outside. The whole process is silenced, so use it in commands only.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras would read and write its settings in the home, or in /tmp without a home. No folder can
    # be created below a device.
    os.environ["KERAS_HOME"] = "/dev/null/none"
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def start_tensorflow() -> None:
    """Import TensorFlow and let it find its devices, without its messages on the screen.

    ModuleNotFoundError if the extra `train` is not installed.
    """
    # Several networks in one process make it warn of retracing, which the user cannot change.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with quiet():
        import tensorflow as tf

        tf.zeros(1)
