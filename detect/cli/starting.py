"""Importing TensorFlow without the lines that its C++ part writes before anyone can tell it not to."""

import gc
import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from detect.cli.printing import say
from detect.errors import BadInput

# New objects after which Python looks for garbage. With its own 700, a sixth of the time until the first prediction
# goes into looking through TensorFlow's modules and graphs, none of which is ever garbage.
GARBAGE_THRESHOLD = 50_000


def start_tensorflow() -> None:
    """Import TensorFlow and find its devices. Its notices are shown only where a GPU is there and cannot be used.

    Raises:
        BadInput: it is not installed, as where only exports are to be run.
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
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.enable()
    from detect.inference.exports import NVIDIA_DRIVER

    if NVIDIA_DRIVER.exists() and not gpus:
        say("This machine has an NVIDIA driver, but TensorFlow finds no GPU and runs on the CPU. It says:")
        say("\n".join(notices))
        say("`pip install tensorflow[and-cuda]` installs the libraries that it needs.")


@contextmanager
def _standard_error_in_file() -> Iterator[list[str]]:
    """Gives a list that in the end holds the lines written to file descriptor 2; an error shows them after all."""
    lines: list[str] = []
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        except BaseException:
            file.seek(0)
            os.write(kept, file.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()
