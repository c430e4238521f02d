"""Classes that cannot be learned or scored, or that may be one."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import boxes_by_class, listed
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject

_FEW_BOXES = 20  # of a class
_IMBALANCE = 100  # boxes of the most frequent class per box of the rarest


def _classes_without_boxes(subject: Subject) -> Iterator[Found]:
    classes = subject.dataset.classes
    for split, records in subject.dataset.splits.items():
        boxes = boxes_by_class(records, len(classes))
        none = [name for name, count in zip(classes, boxes, strict=True) if count == 0]
        if none:
            verb = "learned" if split == "train" else "scored"
            yield Found(split, len(none), f"no boxes of {listed(none)}, which cannot be {verb}")


def _rare_classes(subject: Subject) -> Iterator[Found]:
    counts = zip(subject.dataset.classes, _boxes_to_learn_from(subject), strict=True)
    few = [f"{name} ({boxes})" for name, boxes in counts if 0 < boxes < _FEW_BOXES]
    if few:
        yield Found("train", len(few), f"fewer than {_FEW_BOXES} boxes of {listed(few)}")


def _imbalance(subject: Subject) -> Iterator[Found]:
    boxes = _boxes_to_learn_from(subject)
    if boxes.any() and boxes.max() > _IMBALANCE * boxes[boxes > 0].min():
        most, least = int(boxes.argmax()), int(np.where(boxes, boxes, np.inf).argmin())
        names = subject.dataset.classes
        yield Found("train", 2, f"{boxes[most]} boxes of {names[most]} and {boxes[least]} of {names[least]}")


def _boxes_to_learn_from(subject: Subject) -> np.ndarray:
    """Return the number of boxes of each class in the split "train", int64 [K]; zeros where there is none."""
    dataset = subject.dataset
    train = dataset.splits.get("train")
    return np.zeros(len(dataset.classes), int) if train is None else boxes_by_class(train, len(dataset.classes))


CHECKS = (
    Check(
        "classes-without-boxes",
        Severity.WARNING,
        "classes that have no box in a split",
        "Check whether these are classes of the dataset, and whether the split is large enough to have them.",
        _classes_without_boxes,
    ),
    Check(
        "rare-classes",
        Severity.WARNING,
        f"classes with fewer than {_FEW_BOXES} boxes to learn from",
        "Expect low scores for them, and add images of them.",
        _rare_classes,
    ),
    Check(
        "imbalance",
        Severity.WARNING,
        f"a class with more than {_IMBALANCE} times as many boxes as another one",
        "Look at the scores of each class, not only at their mean.",
        _imbalance,
    ),
)
