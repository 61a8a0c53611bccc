"""Keeping TensorFlow's own chatter off the screen, and Keras out of the home."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what is written to standard error inside the block, by native code as well.

    TensorFlow, absl and tf2onnx write about the processor, missing GPUs and graph passes while they
    are imported and run, some of it before any log level is looked at. An exception still leaves
    the block and is shown outside it. The whole process is silenced, so use it in commands only.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Keras would write its settings there, or obey others that lie there, or in /tmp if there is no
    # home. No folder can be made below a device.
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
