"""What several checks compute from records."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import EXAMPLES, Example, Subject
from detect.data.records import Records


def boxes_by_class(records: Records, classes: int) -> np.ndarray:
    """Return how many boxes each class has that count, int64 [K]."""
    return np.bincount(records.labels[~records.ignore], minlength=classes)


def boxes_by_image(records: Records) -> np.ndarray:
    """Return how many boxes each image has, int64 [R]."""
    return np.diff(records.box_ends, prepend=0)


def image_of_box(records: Records) -> np.ndarray:
    """Return the position of the image of each box, int64 [M]."""
    return np.repeat(np.arange(len(records)), boxes_by_image(records))


def box_sides(records: Records) -> np.ndarray:
    """Return width and height of each box, float32 [M, 2]."""
    return records.boxes[:, 2:] - records.boxes[:, :2]


def scales(records: Records, image_size: int) -> np.ndarray:
    """Return the factor by which each image is scaled to fit into a square, float64 [R]."""
    return image_size / records.sizes.max(axis=1)


def deviations(values: np.ndarray, least: float) -> np.ndarray:
    """Return by how many standard deviations values [n] are off their median, with sign, float64 [n].

    The deviation is estimated from the median of the distances, which outliers do not change, and is at least `least`.
    """
    off = values - np.median(values)
    return off / max(1.4826 * np.median(np.abs(off)), least)  # the factor holds for a normal distribution


def image_examples(records: Records, images: np.ndarray) -> tuple[Example, ...]:
    """Return the first of the images at positions `images`, with all their boxes."""
    found = []
    for index in images[:EXAMPLES].tolist():
        path = str(records.image_path(index))
        found.append(Example(path, path, tuple(map(tuple, records.truth(index)[0].tolist()))))
    return tuple(found)


def split_examples(subject: Subject, images: np.ndarray) -> tuple[Example, ...]:
    """Return the first of some images, positions in `subject.images`, each with its split."""
    examples = []
    for image in images[:EXAMPLES].tolist():
        split = subject.images.names[subject.images.splits[image]]
        path = str(subject.dataset.splits[split].image_path(subject.images.rows[image]))
        examples.append(Example(f"{split}: {path}", path))
    return tuple(examples)


def box_examples(records: Records, boxes: np.ndarray) -> tuple[Example, ...]:
    """Return the first of the boxes in rows `boxes`, each with its image."""
    images = np.searchsorted(records.box_ends, boxes[:EXAMPLES], side="right")
    found = []
    for row, index in zip(boxes[:EXAMPLES].tolist(), images.tolist(), strict=True):
        path, box = str(records.image_path(index)), tuple(records.boxes[row].tolist())
        x1, y1, x2, y2 = (f"{value:g}" for value in box)
        found.append(Example(f"{path}, x {x1}..{x2}, y {y1}..{y2}", path, (box,)))
    return tuple(found)


def class_examples(dataset: Dataset, labels: Sequence[int]) -> tuple[Example, ...]:
    """Return the first boxes of some classes, as many of each, with the names of these."""
    each, found = max(1, EXAMPLES // max(1, len(labels))), []
    for label in labels[:EXAMPLES]:
        boxes = (
            box_examples(records, np.flatnonzero((records.labels == label) & ~records.ignore)[:each])
            for records in dataset.splits.values()
        )
        first = itertools.islice(itertools.chain.from_iterable(boxes), each)
        found += [replace(example, where=f"{dataset.classes[label]}: {example.where}") for example in first]
    return tuple(found)


def listed(names: list[str], most: int = 10) -> str:
    """Return names in one line, the first `most` of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
