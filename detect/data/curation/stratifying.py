"""Divide groups of images so that each part has its share of every class.

Iterative stratification: the rarest class is divided first, because others leave more choice. Each of its groups, the
largest first, goes to the part that lacks most images of the class, among equals to the one that lacks most images.

Source: K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the Stratification of Multi-Label Data", ECML PKDD 2011; groups in
place of single images are ours.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from detect.data.curation.class_counts import ClassCounts


def stratify(counts: ClassCounts, shares: Sequence[float], seed: int) -> np.ndarray:
    """Divide G groups into parts.

    Args:
        counts: the images and classes of the groups.
        shares: the share of all images that each part shall have, in sum 1.
        seed: decides about groups that are alike.

    Returns:
        The part of each group, int64 [G]. No part is empty, if there are as many groups as parts.
    """
    division = _Division(counts, shares)
    drawn = np.random.default_rng(seed).permutation(len(counts.images))
    order = drawn[np.argsort(-counts.images[drawn], kind="stable")]  # large groups first
    for label in division.rarest_first():
        division.assign(order[division.has(label)[order]], label)
    division.assign(order, None)
    _fill_empty(division.parts, order, len(shares))
    return division.parts


class _Division:
    """The parts of groups so far, and what each part still lacks."""

    def __init__(self, counts: ClassCounts, shares: Sequence[float]):
        self.parts = np.full(len(counts.images), -1)
        self._counts = counts
        self._ends = np.searchsorted(counts.group, np.arange(len(counts.images) + 1))
        totals = np.bincount(counts.label, counts.occurrences)
        self._images = [share * int(counts.images.sum()) for share in shares]
        self._classes = [(share * totals).tolist() for share in shares]  # by part and label

    def rarest_first(self) -> Iterator[int]:
        """Yield the classes; always the one next that has the fewest groups without a part, but some."""
        while True:
            open_pairs = self._counts.label[self.parts[self._counts.group] < 0]
            if not len(open_pairs):
                return
            left = np.bincount(open_pairs)
            yield int(np.where(left > 0, left, left.max() + 1).argmin())

    def has(self, label: int) -> np.ndarray:
        """Return which groups have a class, bool [G]."""
        found = np.zeros(len(self.parts), bool)
        found[self._counts.group[self._counts.label == label]] = True
        return found

    def assign(self, groups: np.ndarray, label: int | None) -> None:
        """Give each of some groups to the part that needs it most for a class; None where only images count."""
        for group in groups[self.parts[groups] < 0].tolist():
            lacking = self._images if label is None else [needed[label] for needed in self._classes]
            part = max(range(len(lacking)), key=lambda part: (lacking[part], self._images[part]))
            self._put(group, part)

    def _put(self, group: int, part: int) -> None:
        self.parts[group] = part
        self._images[part] -= int(self._counts.images[group])
        for pair in range(self._ends[group], self._ends[group + 1]):
            self._classes[part][self._counts.label[pair]] -= int(self._counts.occurrences[pair])


def _fill_empty(parts: np.ndarray, order: np.ndarray, count: int) -> None:
    """Give each part without a group one from the part with most groups: its smallest."""
    for part in range(count):
        sizes = np.bincount(parts, minlength=count)
        if not sizes[part] and sizes.max(initial=0) > 1:
            parts[order[parts[order] == sizes.argmax()][-1]] = part
