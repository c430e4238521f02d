"""Find images that show nearly the same: copies in another size, format or brightness, and neighbouring frames.

Two images are taken for nearly the same where their fingerprints differ in at most `MOST_DIFFERENT` of 128 bits. Strong
compression, halving, brightening, squeezing into a square or noise hardly ever change more. Cutting off a few per cent
of each side does: crops are other images. Copies that are mirrored or turned by quarters are found by fingerprints in a
standard position, of which at most `MOST_DIFFERENT_TURNED` bits may differ.

All pairs of a million images are too many to compare. The bits are divided into one band more than may differ: two
fingerprints that are near are equal in at least one band, so only those are compared.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from detect.data.pixels.fingerprint import BITS, views_in_standard_position

MOST_DIFFERENT = 12  # bits
MOST_DIFFERENT_TURNED = 8  # with fewer and longer bands, twice as many fingerprints take a fraction of the time
_ROWS = 256  # that are compared at a time with all others of a band

Pairs = tuple[np.ndarray, np.ndarray]  # positions, int64 [n] each


def near_duplicates(fingerprints: np.ndarray) -> np.ndarray:
    """Divide images into groups: each image is nearly the same as another one of its group, if it has others.

    Args:
        fingerprints: uint8 [R, 16]. One of zeros belongs to no other, see `detect.data.pixels.fingerprint`.

    Returns:
        The position of the first image of the group of each image, int64 [R].
    """
    first = np.arange(len(fingerprints))
    known = np.flatnonzero(fingerprints.any(axis=1))
    distinct, place = np.unique(fingerprints[known], axis=0, return_inverse=True)
    place = place.reshape(-1)  # NumPy 2.0 returns a column
    count = len(distinct)
    groups = np.arange(count)
    views = np.concatenate(views_in_standard_position(distinct))
    for left, right in chain(_near_pairs(distinct, MOST_DIFFERENT), _near_pairs(views, MOST_DIFFERENT_TURNED)):
        _connect(groups, left % count, right % count)
    groups = groups[place]
    smallest = np.full(count, len(first))
    np.minimum.at(smallest, groups, known)
    first[known] = smallest[groups]
    return first


def _near_pairs(fingerprints: np.ndarray, most: int) -> Iterator[Pairs]:
    """Yield the positions of fingerprints of which at most `most` bits differ; a pair may come more than once."""
    bits, bands = np.unpackbits(fingerprints, axis=1), most + 1
    for band in range(bands):
        own = bits[:, band::bands]  # high and low frequencies in each
        keys = own @ (1 << np.arange(own.shape[1]))
        order = np.argsort(keys, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            if len(bucket) > 1:
                yield from _near_in_bucket(bits, bucket, most)


def _near_in_bucket(bits: np.ndarray, bucket: np.ndarray, most: int) -> Iterator[Pairs]:
    """Yield the pairs of near fingerprints among those at the positions `bucket`."""
    signs = bits[bucket].astype(np.float32) * 2 - 1  # the product of two rows is the number of equal bits minus others
    for start in range(0, len(bucket), _ROWS):
        near = signs[start : start + _ROWS] @ signs[start:].T >= BITS - 2 * most
        if np.count_nonzero(near) > len(near):  # each is near itself
            left, right = np.nonzero(near)
            yield bucket[left + start], bucket[right + start]


def _connect(groups: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Join groups in place.

    Args:
        groups: position of the first one in the group of each, int64 [count].
        left: positions, int64 [n].
        right: positions of what belongs to the same groups, int64 [n].
    """
    while (apart := groups[left] != groups[right]).any():
        left, right = left[apart], right[apart]
        np.minimum.at(groups, np.maximum(groups[left], groups[right]), np.minimum(groups[left], groups[right]))
        while (groups[groups] != groups).any():
            groups[:] = groups[groups]
