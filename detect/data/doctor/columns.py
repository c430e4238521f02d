"""Quantities of images and boxes that several checks need, by column."""

import numpy as np

from detect.data.curation.class_counts import count_classes
from detect.data.records import Records


def boxes_by_class(records: Records, classes: int) -> np.ndarray:
    """Return how many boxes each class has that count, int64 [K]."""
    return np.bincount(records.labels[~records.ignore], minlength=classes)


def images_by_class(records: Records, classes: int) -> np.ndarray:
    """Return how many images have boxes of each class that count, int64 [K]."""
    counted = count_classes(records, np.zeros(len(records), np.int64))
    images = np.zeros(classes, np.int64)
    images[counted.label] = counted.occurrences
    return images


def boxes_by_image(records: Records) -> np.ndarray:
    """Return how many boxes each image has, int64 [R]."""
    return np.diff(records.box_ends, prepend=0)


def image_of_box(records: Records) -> np.ndarray:
    """Return the position of the image of each box, int64 [M]."""
    return np.repeat(np.arange(len(records)), boxes_by_image(records))


def images_of(records: Records, boxes: np.ndarray) -> np.ndarray:
    """Return the position of the image of each of the boxes in rows `boxes`, int64 [n]: fast for few of them."""
    return np.searchsorted(records.box_ends, boxes, side="right")


def box_sides(records: Records) -> np.ndarray:
    """Return width and height of each box, float32 [M, 2]."""
    return records.boxes[:, 2:] - records.boxes[:, :2]


def relative_areas(records: Records) -> np.ndarray:
    """Return the share of its image that each box covers, 0-1, float64 [M]."""
    return box_sides(records).prod(axis=1) / records.sizes.prod(axis=1)[image_of_box(records)]


def scales(records: Records, image_size: int) -> np.ndarray:
    """Return the factor by which each image is scaled to fit into a square, float64 [R]."""
    return image_size / records.sizes.max(axis=1)


def deviations(values: np.ndarray, least: float) -> np.ndarray:
    """Return by how many standard deviations values [n] are off their median, with sign, float64 [n].

    The deviation is estimated from the median of the distances, which outliers do not change, and is at least `least`.
    """
    off = values - np.median(values)
    return off / max(1.4826 * np.median(np.abs(off)), least)  # the factor holds for a normal distribution
