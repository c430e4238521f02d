"""Classes that were looked for in each image of a dataset that is not labelled completely.

In a folder in which only persons are annotated, a car is not background: nobody looked for cars. A class that was not
looked for in an image is neither positive nor negative there, but for the boxes of it that are stated all the same.

Records have no such object where every class was looked for in every image, as in most datasets.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class LookedFor:
    """The classes, of K, that were looked for in each of R images. Images that are labelled alike share a row of S."""

    sets: np.ndarray  # bool [S, K]
    rows: np.ndarray  # int32 [R], row of each image in `sets`

    def of(self, image: int) -> np.ndarray:
        """Return which classes were looked for in an image, bool [K]."""
        return self.sets[self.rows[image]]

    def has(self, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Return whether `labels` [n] were looked for in `images` [n], bool [n]."""
        return self.sets[self.rows[images], labels]

    def is_complete(self) -> np.ndarray:
        """Return in which images all classes were looked for, bool [R]."""
        return self.sets.all(axis=1)[self.rows]  # type: ignore[index]  # with an axis it is an array

    def images_by_class(self) -> np.ndarray:
        """Return the number of images in which each class was looked for, int64 [K]."""
        return np.bincount(self.rows, minlength=len(self.sets)) @ self.sets.astype(np.int64)

    def select(self, images: np.ndarray) -> "LookedFor":
        """Return the same of `images`, positions [r] or a mask [R]."""
        return replace(self, rows=self.rows[images])

    def joined(self, first: np.ndarray) -> "LookedFor":
        """Return what was looked for in any of the images that are the same one.

        Args:
            first: for each image, the first that is the same, int64 [R].
        """
        again = np.flatnonzero(first != np.arange(len(first)))
        if not len(again):
            return self
        originals, place = np.unique(first[again], return_inverse=True)
        united = self.sets[self.rows[originals]]
        np.logical_or.at(united, place, self.sets[self.rows[again]])
        rows = self.rows.copy()
        rows[originals] = np.arange(len(self.sets), len(self.sets) + len(originals))
        rows[again] = rows[first[again]]
        return replace(self, sets=np.concatenate([self.sets, united]), rows=rows)

    def unless_complete(self) -> "LookedFor | None":
        """Return this with each set that an image has once; None where every class was looked for in every image."""
        used, rows = np.unique(self.rows, return_inverse=True)
        if self.sets[used].all():
            return None
        once = distinct(self.sets[used])
        return once.select(rows)


def everywhere(classes: int, images: int) -> LookedFor:
    """Return that all of some `classes` were looked for in all of some `images`."""
    return LookedFor(np.ones((1, classes), bool), np.zeros(images, np.int32))


def concatenated_sets(parts: Sequence[LookedFor | None], lengths: Sequence[int]) -> LookedFor | None:
    """Return what was looked for in the images of several parts; None where that is everything.

    Args:
        parts: of the same classes; None for a part in which all were looked for.
        lengths: the number of images of each part.
    """
    known = next((part for part in parts if part is not None), None)
    if known is None:
        return None
    count = known.sets.shape[1]
    each = [part or everywhere(count, length) for part, length in zip(parts, lengths, strict=True)]
    starts = np.cumsum([0, *(len(part.sets) for part in each[:-1])])
    return LookedFor(
        np.concatenate([part.sets for part in each]),
        np.concatenate([part.rows + start for part, start in zip(each, starts, strict=True)]).astype(np.int32),
    )


def distinct(looked_for: np.ndarray) -> LookedFor:
    """Return the same of `looked_for`, bool [R, K], which classes were looked for in which image."""
    packed = np.packbits(looked_for, axis=1)
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).reshape(-1)  # compared as one value each
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    return LookedFor(looked_for[first], place.reshape(-1).astype(np.int32))
