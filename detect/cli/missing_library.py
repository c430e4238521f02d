"""What to say where OpenCV is installed but cannot be loaded, because the machine lacks libraries for windows."""

import sys
from importlib import metadata
from pathlib import Path


def missing_library(error: Exception) -> str:
    """The way out when `error` came from OpenCV's compiled part; empty for any other error."""
    if not isinstance(error, ImportError) or not Path(error.path or "").name.startswith("cv2."):
        return ""
    headless = f"opencv-python-headless=={metadata.version('opencv-python-headless')}"
    return (
        f"OpenCV cannot be loaded: {error}.\n"
        "Its full build needs libraries that servers and slim containers lack. Put its headless build in its place:\n"
        f"  {sys.executable} -m pip install --force-reinstall --no-deps {headless}\n"
        "or install the libraries (Debian, Ubuntu: apt install libgl1 libglib2.0-0)."
    )
