"""The order of the records in each epoch, and rare classes more often than others."""

import functools
from dataclasses import dataclass

import numpy as np

from detect.data.curation.class_counts import count_classes
from detect.data.records import Records

ORDER = 1  # first number of the seed of an epoch's order; other uses of randomness have others


@dataclass(frozen=True, eq=False)
class SampleOrder:
    """The record that each sample of an endless stream is counted for, as a function of its position."""

    records: int  # R
    seed: int
    # float64 [R], how many samples an epoch has of the records up to each one, in the mean over all epochs; the last is
    # a whole number. None: one of each.
    ends: np.ndarray | None = None

    @property
    def length(self) -> int:
        """The number of samples of an epoch."""
        return self.records if self.ends is None else int(self.ends[-1])

    def record(self, position: int) -> int:
        """Return the record of the sample at a position, counted from 0."""
        epoch, place = divmod(position, self.length)
        return int(_records_of(self, epoch)[place])


@functools.lru_cache(maxsize=4)
def _records_of(order: SampleOrder, epoch: int) -> np.ndarray:
    """Return the records of an epoch, in their order.

    A record of which there are 2.3 samples per epoch has 2 or 3: whole numbers between its ends, which are shifted by a
    random part of 1.
    """
    rng = np.random.default_rng([ORDER, order.seed, epoch])
    if order.ends is None:
        return rng.permutation(order.records)
    ends = np.append(0, np.floor(order.ends + rng.random()).astype(np.int64))
    return rng.permutation(np.repeat(np.arange(order.records), ends[1:] - ends[:-1]))


def sample_order(records: Records, seed: int, repeat_factor: float, balanced: bool = False) -> SampleOrder:
    """Return the order of a training run.

    Args:
        records: the training images.
        seed: of the run.
        repeat_factor: share of the images, 0-1, below which classes are rare, see `repeat_factors`; 0: none is.
        balanced: images without objects take turns, so that an epoch has no more of them than of the others: of the
            tiles of a large image, most are empty.
    """
    if not (repeat_factor or balanced):
        return SampleOrder(len(records), seed)
    factors = repeat_factors(records, repeat_factor) if repeat_factor else np.ones(len(records))
    if balanced:
        factors *= background_factors(records)
    ends = np.cumsum(factors)
    length = np.ceil(ends[-1] - 1e-6)  # rounding is not one sample more
    ends *= length / ends[-1]
    ends[-1] = length
    return SampleOrder(len(records), seed, ends)


def background_factors(records: Records) -> np.ndarray:
    """Return how often each image is shown in an epoch, at most 1, so that half of them have objects: float64 [R]."""
    shown = shows_objects(records)
    return np.where(shown, 1.0, min(1.0, shown.sum() / max((~shown).sum(), 1)))


def shows_objects(records: Records) -> np.ndarray:
    """Return which images have a box that is not an ignored region: bool [R]."""
    owners = np.repeat(np.arange(len(records)), np.diff(records.box_ends, prepend=0))[~records.ignore]
    return np.bincount(owners, minlength=len(records)) > 0


def repeat_factors(records: Records, threshold: float) -> np.ndarray:
    """Return how often each image is shown in an epoch, in the mean: float64 [R], 1 or more.

    A class that is in a share f of the images has the factor `max(1, sqrt(threshold / f))`; an image has the largest of
    its classes, and 1 without any (repeat factor sampling: Gupta et al. 2019, LVIS, arXiv 1908.03195). f is the share
    of those images in which the class was looked for. Boxes to be ignored do not count.
    """
    counted = count_classes(records, np.zeros(len(records), np.int64))
    images = len(records)  # in which a class was looked for
    if records.looked_for:
        images = records.looked_for.images_by_class()[counted.label]
    of_class = np.ones(int(records.labels.max(initial=0)) + 1)
    of_class[counted.label] = np.maximum(1, np.sqrt(threshold * images / counted.occurrences))
    owners = np.repeat(np.arange(len(records)), np.diff(records.box_ends, prepend=0))[~records.ignore]
    factors = np.ones(len(records))
    np.maximum.at(factors, owners, of_class[records.labels[~records.ignore]])
    return factors
