"""Writing images to files."""

from pathlib import Path

import cv2
import numpy as np

from detect.errors import BadInput, RunFailure
from detect.files import write_bytes

JPEG_QUALITY = 95  # per cent; from 75 to 90, drawn lines and letters show ringing
SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
_OPTIONS = {suffix: [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] for suffix in (".jpg", ".jpeg")}


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an image in the format that the suffix of `path` names. Folders that are missing are created.

    Args:
        path: the file.
        image: uint8 [H, W, 3], RGB.

    Raises:
        BadInput: images cannot be written in a format of this suffix.
        RunFailure: the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInput(f"{path}: images cannot be written as {suffix!r}. Known: {' '.join(sorted(SUFFIXES))}.")
    # Encoded in memory, because OpenCV cannot write files of all names that Windows allows.
    data = encode(image, suffix)
    if data is None:
        size = f"{image.shape[1]} x {image.shape[0]} pixels"
        raise RunFailure(f"{path}: an image of {size} cannot be encoded as {suffix}. Choose another format.")
    write_bytes(path, data)


def encode(image: np.ndarray, suffix: str) -> bytes | None:
    """Return the content of a file of one of `SUFFIXES` with this image, uint8 [H, W, 3], RGB; None if it cannot be."""
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _OPTIONS.get(suffix, []))
    return data.tobytes() if done else None
