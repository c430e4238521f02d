"""A fingerprint of what an image shows: 128 bits that stay nearly the same when it is scaled, compressed or brightened.

They are the signs of the lowest frequencies of the grey image in 32 x 32 cells, of its discrete cosine transform, as
in C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
"""

import cv2
import numpy as np

BITS = 128
_CELLS = 32  # per side
_LEAST_CONTRAST = 2.0  # standard deviation of the cells, in levels of 0..255: below it, noise decides about the bits

# The lowest frequencies without the mean, from low to high, as positions in the transformed image; those along y and x.
_FREQUENCIES = np.argsort(np.add.outer(np.arange(_CELLS), np.arange(_CELLS)).ravel(), kind="stable")[1 : BITS + 1]
_ALONG_Y, _ALONG_X = np.divmod(_FREQUENCIES, _CELLS)
# The bit of each frequency with y and x exchanged, and whether there is one: of the highest, some have none.
_EXCHANGED = (_ALONG_X * _CELLS + _ALONG_Y)[:, None] == _FREQUENCIES
_TRANSPOSED, _HAS_TRANSPOSED = _EXCHANGED.argmax(axis=1), _EXCHANGED.any(axis=1)


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


def views_in_standard_position(fingerprints: np.ndarray) -> np.ndarray:
    """Return fingerprints of images and of their transposes, each mirrored into a standard position.

    Of an image and a copy of it that is mirrored or turned, one of the two is near one of the other two. Mirroring
    changes the signs of the frequencies that are odd along the side, so the lowest of each side can be made positive.

    Args:
        fingerprints: uint8 [R, 16].

    Returns:
        uint8 [2, R, 16], with 121 bits that count.
    """
    bits = np.unpackbits(fingerprints, axis=1).astype(bool)
    return np.stack([_in_standard_position(bits), _in_standard_position(bits[:, _TRANSPOSED])])


def _in_standard_position(bits: np.ndarray) -> np.ndarray:
    lowest_along_x, lowest_along_y = bits[:, :1], bits[:, 1:2]
    mirrored = bits ^ (~lowest_along_x & (_ALONG_X % 2 == 1)) ^ (~lowest_along_y & (_ALONG_Y % 2 == 1))
    return np.packbits(mirrored & _HAS_TRANSPOSED, axis=1)


def _cells(image: np.ndarray) -> np.ndarray:
    """Return the mean levels of the cells of an image [H, W] or [H, W, 3], float32."""
    return cv2.resize(image, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
