"""Importing TensorFlow for a command."""

import gc
import importlib.util
import sys

from detect.cli.library_log import hide_library_log
from detect.cli.printing import say
from detect.errors import BadInput

# New objects after which Python collects garbage. With its default of 700, a sixth of the time until the first
# prediction is spent on searching TensorFlow's modules and graphs, none of which is ever garbage.
GARBAGE_THRESHOLD = 50_000


def start_tensorflow() -> None:
    """Import TensorFlow, unless it is there already, and find its devices. Its log is shown with `--debug` only.

    Raises:
        BadInput: TensorFlow is not installed, as on machines that only run exports.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise BadInput(
            "This needs tensorflow, which is not installed. Run: pip install tensorflow keras. "
            "`detect predict` goes without it where it is given an export."
        )
    if "tensorflow" in sys.modules:
        return
    hide_library_log()
    gc.disable()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.enable()
    from detect.inference.exports import NVIDIA_DRIVER

    if NVIDIA_DRIVER.exists() and not gpus:
        say("This machine has an NVIDIA driver, but TensorFlow finds no GPU and runs on the CPU; --debug shows why.")
        say("`pip install tensorflow[and-cuda]` installs the libraries that it needs.")
