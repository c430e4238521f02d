"""Take a part of a dataset that has some images of every class."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from detect.data.curation.class_counts import ClassCounts, count_classes
from detect.data.dataset import Dataset
from detect.errors import BadInput


def sample(dataset: Dataset, images: int, seed: int = 0) -> Dataset:
    """Return a dataset with some images of each split, as `detect data sample` does.

    Images stay in their order. Each split keeps its share of the images, and each class its share of those. Each class
    has one image at least, as long as there are enough of them.

    Args:
        dataset: what to take them of.
        images: how many to take of all splits together; more than there are for all.
        seed: decides which images are taken.

    Raises:
        BadInput: there are more splits than images to be taken.
    """
    sizes = np.array([len(records) for records in dataset.splits.values()])
    if images < len(sizes):
        raise BadInput(
            f"{dataset.source} has {len(sizes)} splits, which need one image each: take {len(sizes)} or more."
        )
    taken = np.minimum(_shares_of(images, sizes), sizes)
    splits = {
        split: records.select(_chosen(count_classes(records, np.arange(len(records))), int(count), seed))
        for (split, records), count in zip(dataset.splits.items(), taken, strict=True)
    }
    return replace(dataset, splits=splits)


def _shares_of(images: int, sizes: np.ndarray) -> np.ndarray:
    """Return how many of `images` each split gives, int64 [n]: in proportion to its size, and one at least."""
    exact = images * sizes / sizes.sum()
    counts = np.maximum(np.floor(exact).astype(np.int64), 1)
    for split in np.argsort(np.floor(exact) - exact, kind="stable"):  # the largest remainders first
        counts[split] += counts.sum() < images
    while counts.sum() > images:
        counts[counts.argmax()] -= 1
    return counts


def _chosen(counts: ClassCounts, size: int, seed: int) -> np.ndarray:
    """Return the rows of `size` of R images, ascending: for each class in turn, the rarest first, those it still lacks.

    In the first round each class gets one image, in the second its share, then all images are taken as they come.
    """
    total = len(counts.images)
    order = np.random.default_rng(seed).permutation(total)
    chosen = np.zeros(total, bool)
    for rows, wanted in _rounds(counts, order, size / total):
        missing = min(wanted - int(np.count_nonzero(chosen[rows])), size - int(np.count_nonzero(chosen)))
        chosen[rows[~chosen[rows]][: max(missing, 0)]] = True
    return np.flatnonzero(chosen)


def _rounds(counts: ClassCounts, order: np.ndarray, share: float) -> Iterator[tuple[np.ndarray, int]]:
    """Yield rows of images in random order, and how many of them shall be chosen."""
    place = np.argsort(order)
    ends = np.bincount(counts.label).cumsum()
    by_label = counts.group[np.lexsort([place[counts.group], counts.label])]
    classes = [rows for rows in np.split(by_label, ends[:-1]) if len(rows)]
    classes.sort(key=len)
    yield from ((rows, 1) for rows in classes)
    yield from ((rows, round(share * len(rows))) for rows in classes)
    yield order, len(order)
