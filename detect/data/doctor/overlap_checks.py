"""Boxes that are there twice: nearly equal boxes of an image, of one class or of two, and boxes of many images."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import boxes_by_image, images_of
from detect.data.doctor.dataset_check import EXAMPLES, Check, Example, Found, Severity, Subject
from detect.data.doctor.found_examples import images_found
from detect.data.doctor.near_boxes import SAME_OBJECT
from detect.data.records import Records

_MANY_IMAGES = 5  # with exactly the same boxes
_FACTORS = np.random.default_rng(0).integers(2**63, size=5, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _boxes_twice(subject: Subject) -> Iterator[Found]:
    yield from _pairs(subject, True, "pairs of nearly equal boxes of one class")


def _two_classes(subject: Subject) -> Iterator[Found]:
    yield from _pairs(subject, False, "pairs of nearly equal boxes of two classes")


def _pairs(subject: Subject, same_class: bool, what: str) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        one, other = subject.near_boxes[split]
        chosen = (records.labels[one] == records.labels[other]) == same_class
        chosen &= ~records.ignore[one] & ~records.ignore[other]
        if chosen.any():
            pairs = np.stack([one[chosen], other[chosen]], axis=1)
            yield Found(split, len(pairs), f"{what}: {len(pairs)}", _pair_examples(subject, records, pairs))


def _pair_examples(subject: Subject, records: Records, pairs: np.ndarray) -> tuple[Example, ...]:
    """Return the first of some pairs of boxes, rows [n, 2]."""
    examples = []
    images = images_of(records, pairs[:EXAMPLES, 0])
    for pair, image in zip(pairs[:EXAMPLES].tolist(), images.tolist(), strict=True):
        path = str(records.image_path(image))
        names = " and ".join(subject.dataset.classes[label] for label in records.labels[pair])
        boxes = tuple(tuple(box) for box in records.boxes[pair].tolist())
        examples.append(Example(f"{path}, {names} at x {boxes[0][0]:g}, y {boxes[0][1]:g}", path, boxes))
    return tuple(examples)


def _same_everywhere(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        _, groups, counts = np.unique(_codes(records), return_inverse=True, return_counts=True)
        repeated = np.flatnonzero((counts[groups] >= _MANY_IMAGES) & (boxes_by_image(records) > 0))
        repeated = repeated[np.argsort(groups[repeated], kind="stable")]
        what = f"images with exactly the same boxes as {_MANY_IMAGES - 1} others or more"
        yield from images_found(split, records, repeated, what)


def _codes(records: Records) -> np.ndarray:
    """Return a number for each image that is equal for images with equal boxes, in any order: uint64 [R]."""
    numbers = np.column_stack([np.ascontiguousarray(records.boxes).view(np.uint32), records.labels]).astype(np.uint64)
    mixed = numbers @ _FACTORS  # modulo 2**64
    mixed = (mixed ^ (mixed >> np.uint64(29))) * _FACTORS[0]
    totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed, dtype=np.uint64)])
    return totals[records.box_ends] - totals[records.box_ends - boxes_by_image(records)]


CHECKS = (
    Check(
        "boxes-twice",
        Severity.WARNING,
        f"boxes of one class in one image with an IoU of {SAME_OBJECT:g} or more",
        "If they are one object, remove one of them: a detector cannot find both.",
        _boxes_twice,
    ),
    Check(
        "boxes-with-two-classes",
        Severity.WARNING,
        f"boxes of two classes in one image with an IoU of {SAME_OBJECT:g} or more",
        "If they are one object, decide for a class.",
        _two_classes,
    ),
    Check(
        "same-boxes-everywhere",
        Severity.NOTE,
        f"{_MANY_IMAGES} images or more with exactly the same boxes",
        "Right for a camera that stands still; otherwise labels were copied from one image to the others.",
        _same_everywhere,
    ),
)
