"""Writing pictures to files."""

from pathlib import Path

import cv2
import numpy as np

from detect.errors import BadInput, RunFailure
from detect.files import write_bytes

JPEG_QUALITY = 95  # per cent; drawn lines and letters show ringing at OpenCV's 75 to 90
SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
_OPTIONS = {suffix: [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] for suffix in (".jpg", ".jpeg")}


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write the uint8 RGB picture [H, W, 3] to `path`, in the format of its suffix; its folder is created.

    Raises:
        BadInput: pictures cannot be written in a format of this suffix.
        RunFailure: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInput(f"{path}: pictures cannot be written as {suffix!r}. Known: {' '.join(sorted(SUFFIXES))}.")
    # Encoded in memory: OpenCV's own file writing does not know all names that Windows allows.
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _OPTIONS.get(suffix, []))
    if not done:
        raise RunFailure(f"{path}: a picture of {image.shape[1]} x {image.shape[0]} cannot be encoded as {suffix}.")
    write_bytes(path, data.tobytes())
