"""A fingerprint of what an image shows: 128 bits that stay nearly the same when it is scaled, compressed or brightened.

They are the signs of the lowest frequencies of the grey image in 32 x 32 cells, of its discrete cosine transform, as
in C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
"""

import cv2
import numpy as np

BITS = 128
_CELLS = 32  # per side
_LEAST_CONTRAST = 2.0  # standard deviation of the cells, in levels of 0..255: below it, noise decides about the bits

# The lowest frequencies without the mean, from low to high, as positions in the transformed image.
_FREQUENCIES = np.argsort(np.add.outer(np.arange(_CELLS), np.arange(_CELLS)).ravel(), kind="stable")[1 : BITS + 1]


def is_blank(image: np.ndarray) -> bool:
    """Return whether a uint8 RGB image [H, W, 3] shows but one colour, with noise or without."""
    return bool(_cells(image).std(axis=(0, 1)).max() < _LEAST_CONTRAST)


def fingerprint(image: np.ndarray) -> np.ndarray:
    """Return the fingerprint of a uint8 RGB image [H, W, 3]: uint8 [16].

    It is zero where light and dark do not differ, as in a black image: there is nothing to tell it by.
    """
    cells = _cells(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    if cells.std() < _LEAST_CONTRAST:
        return np.zeros(BITS // 8, np.uint8)
    return np.packbits(cv2.dct(cells).ravel()[_FREQUENCIES] > 0)


def _cells(image: np.ndarray) -> np.ndarray:
    """Return the mean levels of the cells of an image [H, W] or [H, W, 3], float32."""
    return cv2.resize(image, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
