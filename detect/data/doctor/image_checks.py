"""Images that teach or show less than they should."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import boxes_by_image, image_examples
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject

_BACKGROUND = 0.5  # share of the images


def _background(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        empty = np.flatnonzero(boxes_by_image(records) == 0)
        if len(empty) > _BACKGROUND * len(records):
            what = f"{len(empty)} of {len(records)} images have no boxes"
            yield Found(split, len(empty), what, image_examples(records, empty))


CHECKS = (
    Check(
        "images-without-boxes",
        Severity.WARNING,
        f"more than {_BACKGROUND:.0%} of the images of a split have no box",
        "They count as background: make sure that no object in them was left unmarked.",
        _background,
    ),
)
