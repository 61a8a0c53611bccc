"""TensorFlow, started while nobody listens."""

import logging


def start_tensorflow() -> None:
    """Import TensorFlow and let it find its devices, without its chatter on the screen.

    ModuleNotFoundError if the extra `train` is not installed.
    """
    from export.quiet import quiet

    # Several networks in one process make it warn of retracing, which is no fault of the user.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with quiet():
        import tensorflow as tf

        tf.zeros(1)
