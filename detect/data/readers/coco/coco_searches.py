"""Which categories were looked for in which image of a COCO file, as LVIS states it.

Source: Gupta et al. 2019, LVIS, arXiv 1908.03195, section 3, and the data format page of lvisdataset.org. An image may
have the lists `neg_category_ids`, categories that are not in it, and `not_exhaustive_category_ids`, of which some
objects may not be annotated. In such an image, the categories with annotations and the first list were looked for,
without the second list; in an image that has neither list, all were.
"""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from detect.data.looked_for import LookedFor, distinct
from detect.data.readers.assembly.ids import Key, Keys, positions

ABSENT, NOT_EXHAUSTIVE = "neg_category_ids", "not_exhaustive_category_ids"


class StatedSearches:
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

    def looked_for(
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
        found = np.repeat(~said[:, None], classes, axis=1)
        found[boxes] = True
        categories, columns = np.array([*map(keys.number, labels)], np.int64), np.array([*labels.values()], np.int64)
        for name, is_looked_for in ((ABSENT, True), (NOT_EXHAUSTIVE, False)):
            rows = positions(np.array(self._owners[name], np.int64), images)
            places = positions(np.array(self._categories[name], np.int64), categories)
            known = (rows >= 0) & (places >= 0)
            found[rows[known], columns[places[known]]] = is_looked_for
        return distinct(found).unless_complete()
