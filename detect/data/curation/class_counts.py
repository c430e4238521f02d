"""Numbers of images with each class, by groups of images."""

from typing import NamedTuple

import numpy as np

from detect.data.records import Records


class ClassCounts(NamedTuple):
    """The classes of G groups of images: n pairs of a group and a class in it, ordered by group."""

    images: np.ndarray  # int64 [G], of each group
    group: np.ndarray  # int64 [n]
    label: np.ndarray  # int64 [n]
    occurrences: np.ndarray  # int64 [n], images of the group with a box of the class


def count_classes(records: Records, groups: np.ndarray) -> ClassCounts:
    """Count the images with each class in groups 0..G-1, int64 [R], of images. Boxes to be ignored do not count."""
    rows = np.repeat(np.arange(len(records)), np.diff(records.box_ends, prepend=0))[~records.ignore]
    width = int(records.labels.max(initial=0)) + 1
    in_images = np.unique(rows * width + records.labels[~records.ignore])
    pairs, count = np.unique(groups[in_images // width] * width + in_images % width, return_counts=True)
    return ClassCounts(np.bincount(groups), pairs // width, pairs % width, count)
