"""Importing TensorFlow for a command."""

import contextlib
import gc
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

from detect.cli.library_log import hide_library_log
from detect.cli.printing import say
from detect.errors import BadInput

# New objects after which Python collects garbage. With its default of 700, a sixth of the time until the first
# prediction is spent on searching TensorFlow's modules and graphs, none of which is ever garbage.
GARBAGE_THRESHOLD = 50_000
# Packages that TensorFlow and Keras import if they are installed, for functions that nothing here calls: a third of the
# time that the import takes.
UNUSED = ("jax", "matplotlib", "pandas", "sklearn")


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
    with unused_packages_hidden():
        import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.enable()
    from detect.inference.exports import NVIDIA_DRIVER

    if NVIDIA_DRIVER.exists() and not gpus:
        say("This machine has an NVIDIA driver, but TensorFlow finds no GPU and runs on the CPU; --debug shows why.")
        say("`pip install tensorflow[and-cuda]` installs the libraries that it needs.")


@contextlib.contextmanager
def unused_packages_hidden() -> Iterator[None]:
    """Let TensorFlow, which is imported meanwhile, find none of the packages `UNUSED`; they can be imported later."""
    hidden: dict[str, Any] = dict.fromkeys(name for name in UNUSED if name not in sys.modules)
    sys.modules.update(hidden)  # None: an import says that there is no such package
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
