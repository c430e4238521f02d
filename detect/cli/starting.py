"""Importing TensorFlow without the log lines that its C++ part writes before logging can be configured."""

import gc
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from detect.cli.printing import say
from detect.errors import BadInput

# New objects after which Python collects garbage. With its default of 700, a sixth of the time until the first
# prediction is spent on searching TensorFlow's modules and graphs, none of which is ever garbage.
GARBAGE_THRESHOLD = 50_000


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices. Its log is shown only if there is a GPU that cannot be used.

    Raises:
        BadInput: TensorFlow is not installed, as on machines that only run exports.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise BadInput(
            "This needs tensorflow, which is not installed. Run: pip install tensorflow keras. "
            "`detect predict` goes without it where it is given an export."
        )
    gc.disable()
    with _standard_error_in_file() as notices:
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
    tf.get_logger().setLevel("ERROR")  # it warns of functions that libraries should no longer call
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.enable()
    from detect.inference.exports import NVIDIA_DRIVER

    if NVIDIA_DRIVER.exists() and not gpus:
        say("This machine has an NVIDIA driver, but TensorFlow finds no GPU and runs on the CPU. It says:")
        for notice in notices:
            say(notice)
        say("`pip install tensorflow[and-cuda]` installs the libraries that it needs.")


@contextmanager
def _standard_error_in_file() -> Iterator[list[str]]:
    """Yield a list that receives the lines written to file descriptor 2 at the end; after an error they are shown."""
    lines: list[str] = []
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        except Exception:
            file.seek(0)
            os.write(kept, file.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()
