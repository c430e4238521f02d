"""Examples of findings: images and boxes, and their places in words."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor.columns import images_of
from detect.data.doctor.dataset_check import EXAMPLES, Example, Found, Subject
from detect.data.records import Records


def images_found(split: str, records: Records, images: np.ndarray, what: str) -> Iterator[Found]:
    """Yield what was found in a split, with the number of the images at positions `images`, if there are any."""
    if len(images):
        yield Found(split, len(images), f"{what}: {len(images)}", image_examples(records, images))


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
    images = images_of(records, boxes[:EXAMPLES])
    found = []
    for row, index in zip(boxes[:EXAMPLES].tolist(), images.tolist(), strict=True):
        path, box = str(records.image_path(index)), tuple(records.boxes[row].tolist())
        found.append(Example(f"{path}, {place(box)}", path, (box,)))
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


def place(box: Sequence[float]) -> str:
    """Return the place of a box x1, y1, x2, y2 in its image, in words."""
    x1, y1, x2, y2 = (f"{value:g}" for value in box)
    return f"x {x1}..{x2}, y {y1}..{y2}"
