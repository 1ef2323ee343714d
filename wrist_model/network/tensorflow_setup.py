"""TensorFlow loaded without its chatter about processors and graphics drivers, which no setting turns off, and Keras's
state set (`keras_settings`)."""

from __future__ import annotations

import os
import sys
import tempfile

from wrist_model.network import keras_settings


def load_tensorflow() -> None:
    """Import TensorFlow and look for devices, with stderr held back; what was held is shown if that fails.

    Raises UsageError for what keeps Keras from being set.
    """
    keras_settings.before_import()
    if "tensorflow" in sys.modules:
        keras_settings.settle()
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        done = False
        try:
            import tensorflow

            tensorflow.config.list_physical_devices()
            keras_settings.settle()
            done = True
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            if not done:
                held.seek(0)
                os.write(2, held.read())
