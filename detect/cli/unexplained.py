"""Errors that nobody has explained on their way up: the usual ones in a sentence, the others by type and text."""

import sys
from collections.abc import Sequence
from pathlib import Path

LONGEST_MESSAGE = 500  # characters of an unexpected error that are shown without --debug
_MEMORY = ("MemoryError", "ResourceExhaustedError")  # of Python and NumPy; of TensorFlow
_ADVICE_ON_MEMORY = "Use a smaller --batch-size or --image-size, a smaller model, or fewer workers (pipeline.workers)."


def explain(error: Exception) -> Sequence[str]:
    """Return what an error means and what to do, line by line."""
    if lines := missing_library(error):
        return lines
    explanations = (explain(error) for explain in (_missing_package, _memory, _file))
    if sentence := next(filter(None, explanations), ""):
        return (sentence,)
    from detect.models import own_files  # slow to import

    if place := own_files.place_of(error):
        return f"{place}: {describe(error)}", "Correct this file; --debug shows the traceback."
    return describe(error), "This was not expected. Run again with --debug for the traceback."


def describe(error: Exception) -> str:
    """Return an error in one line: its type and the start of its text."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:LONGEST_MESSAGE]}" if text else type(error).__name__


def missing_library(error: Exception) -> Sequence[str]:
    """Return what to do where OpenCV is installed but cannot be loaded, line by line; nothing for any other error."""
    if not isinstance(error, ImportError) or not Path(error.path or "").name.startswith("cv2."):
        return ()
    from importlib import metadata  # slow to import

    headless = f"opencv-python-headless=={metadata.version('opencv-python-headless')}"
    return (
        f"OpenCV cannot be loaded: {error}.",
        "Its full build needs libraries that servers and slim containers lack. Install its headless build instead:",
        f"  {sys.executable} -m pip install --force-reinstall --no-deps {headless}",
        "or install the libraries (Debian, Ubuntu: apt install libgl1 libglib2.0-0).",
    )


def _missing_package(error: Exception) -> str:
    if not isinstance(error, ModuleNotFoundError) or not error.name or error.name.startswith("detect."):
        return ""
    return f"This needs the package {error.name!r}, which is not installed. Install it with pip."


def _memory(error: Exception) -> str:
    if not any(kind.__name__ in _MEMORY for kind in type(error).__mro__):
        return ""
    reason = (str(error).strip().splitlines() or ["no more can be allocated"])[0][:LONGEST_MESSAGE]
    return f"There is not enough memory: {reason.rstrip('.')}. {_ADVICE_ON_MEMORY}"


def _file(error: Exception) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return ""
    name = "A file or folder" if error.filename is None else error.filename
    return f"{name}: {error.strerror}. Check the path, its permissions and the space on its disk."
