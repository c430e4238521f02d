"""The categories that were looked for in each image of a COCO file, as LVIS states them.

Source: Gupta et al. 2019, LVIS, arXiv 1908.03195, section 3, and the data format page of lvisdataset.org. An image may
have the lists `neg_category_ids`, categories that are not in it, and `not_exhaustive_category_ids`, of which some
objects may not be annotated. In such an image, the categories with annotations and the first list were looked for,
without the second list; in an image that has neither list, all were.
"""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from detect.data.looked_for import LookedFor, concatenated_sets, distinct
from detect.data.readers.assembly.ids import Key, Keys, positions

ABSENT, NOT_EXHAUSTIVE = "neg_category_ids", "not_exhaustive_category_ids"
_AT_ONCE = 1 << 16  # images of which each has a row of its own until those that are alike share one


class LookedForLists:
    """The two lists of all images of a file, packed. Ids are numbers of `Keys`."""

    def __init__(self) -> None:
        self._images = array("q")  # those that have a list
        self._owners = {name: array("q") for name in (ABSENT, NOT_EXHAUSTIVE)}
        self._categories = {name: array("q") for name in (ABSENT, NOT_EXHAUSTIVE)}

    def add(self, entry: Mapping[str, Any], image: int, keys: Keys) -> None:
        """Add the lists of an image, whose id has the number `image`; what is not a list is not stated."""
        for name in (ABSENT, NOT_EXHAUSTIVE):
            ids = entry.get(name)
            if isinstance(ids, list):
                self._images.append(image)
                self._owners[name].extend([image] * len(ids))
                self._categories[name].extend(map(keys.number, ids))

    def in_images(
        self,
        images: np.ndarray,
        keys: Keys,
        labels: Mapping[Key, int],
        classes: int,
        boxes: tuple[np.ndarray, np.ndarray],
    ) -> LookedFor | None:
        """Return which classes were looked for in each image; None where that is all of them in all images.

        Args:
            images: numbers of the ids of R images.
            keys: that have numbered the ids.
            labels: of the ids of categories.
            classes: K.
            boxes: position of the image, and label, of each box, int [M] each.
        """
        said = np.isin(images, np.array(self._images, np.int64))
        if not said.any():
            return None
        cells = [
            (*boxes, True),
            (*self._cells(ABSENT, images, keys, labels), True),
            (*self._cells(NOT_EXHAUSTIVE, images, keys, labels), False),
        ]
        starts = range(0, len(images), _AT_ONCE)
        parts = [_distinct(start, said[start : start + _AT_ONCE], classes, cells) for start in starts]
        joined = concatenated_sets(parts, [len(part.rows) for part in parts])
        return joined and joined.unless_complete()

    def _cells(
        self, name: str, images: np.ndarray, keys: Keys, labels: Mapping[Key, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the position of the image, and the label, of each entry of a list, int64 [n] each."""
        categories, columns = np.array([*map(keys.number, labels)], np.int64), np.array([*labels.values()], np.int64)
        rows = positions(np.array(self._owners[name], np.int64), images)
        places = positions(np.array(self._categories[name], np.int64), categories)
        known = (rows >= 0) & (places >= 0)
        return rows[known], columns[places[known]]


def _distinct(
    start: int, said: np.ndarray, classes: int, cells: Sequence[tuple[np.ndarray, np.ndarray, bool]]
) -> LookedFor:
    """Return which classes were looked for in some of the images.

    Args:
        start: position of the first of r images.
        said: whether an image has a list, bool [r]; without one, all classes were looked for.
        classes: K.
        cells: positions of images, int [n], and labels, int [n], that were looked for or were not; the last one holds.
    """
    found = np.repeat(~said[:, None], classes, axis=1)
    for rows, labels, is_looked_for in cells:
        inside = (rows >= start) & (rows < start + len(said))
        found[rows[inside] - start, labels[inside]] = is_looked_for
    return distinct(found)
