"""A window that shows results while they arrive."""

import subprocess
import sys
from collections.abc import Callable

import cv2
import numpy as np

from detect.errors import BadInput
from detect.inference.result import Result

TITLE = "detect"
_ENDING = frozenset((27, ord("q")))  # Escape
_TRIAL = f"import cv2; cv2.namedWindow({TITLE!r}); cv2.waitKey(1)"
_LONGEST_TRIAL = 30  # seconds


class Window:
    """Shows each result, an image until a key is pressed. A context manager."""

    def __init__(self, draw: Callable[[Result], np.ndarray]):
        """`draw`: returns the annotated image of a result, uint8 RGB [H, W, 3]. BadInput where there is no display."""
        _require_display()
        self._draw = draw
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def show(self, result: Result) -> bool:
        """Show a result. Returns False once the user has ended it: with Escape or q, or by closing the window."""
        cv2.imshow(TITLE, cv2.cvtColor(self._draw(result), cv2.COLOR_RGB2BGR))
        is_image = result.frame.video is None
        key = cv2.waitKey(50 if is_image else 1)
        while is_image and key == -1 and _is_open():
            key = cv2.waitKey(50)
        return key not in _ENDING and _is_open()

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, kind, error, trace) -> None:
        cv2.destroyAllWindows()


def _is_open() -> bool:
    return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1


def _require_display() -> None:
    """Raise `BadInput` where no window can be opened.

    That is tried in another process: without a display, some builds of OpenCV end the one that asks for a window.
    """
    try:
        trial = subprocess.run([sys.executable, "-c", _TRIAL], capture_output=True, timeout=_LONGEST_TRIAL)
    except subprocess.TimeoutExpired:
        trial = None
    if trial is None or trial.returncode:
        raise BadInput(
            "No window can be opened: there is no display, or OpenCV was built without windows "
            "(opencv-python-headless). Leave out --show (in Python, show=True), and look at the annotated copies."
        )
