"""Images that are in a dataset more than once, above all in two of its splits."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.all_images import repeated
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject
from detect.data.doctor.found_examples import split_examples


def _copies(subject: Subject, across: bool) -> Iterator[Found]:
    """Find files that are equal byte for byte, in several splits or within one."""
    for splits, found in repeated(subject.images, subject.images.contents, across):
        files = len(np.unique(subject.images.contents[found]))
        yield Found(splits, files, f"images that are there more than once: {files}", split_examples(subject, found))


def _lookalikes(subject: Subject, across: bool) -> Iterator[Found]:
    """Find images that look nearly the same, in several splits or within one, in files that are not equal."""
    images = subject.images
    pairs = np.unique(np.stack([images.lookalikes, images.contents]), axis=1)
    different = np.bincount(pairs[0], minlength=len(images.rows)) > 1  # files of each group
    for splits, found in repeated(images, images.lookalikes, across):
        found = found[different[images.lookalikes[found]]]
        if len(found):
            what = f"images that look nearly the same as another one: {len(found)}"
            yield Found(splits, len(found), what, split_examples(subject, found))


CHECKS = (
    Check(
        "copies-across-splits",
        Severity.WARNING,
        "the same file in two splits",
        "Scores on one split will look better than they are: keep each image in one split.",
        lambda subject: _copies(subject, across=True),
    ),
    Check(
        "lookalikes-across-splits",
        Severity.WARNING,
        "images in two splits that look nearly the same: resized, compressed, mirrored or turned copies, video frames",
        "Scores on one split will look better than they are: keep images of one scene in one split, as "
        "detect data split does.",
        lambda subject: _lookalikes(subject, across=True),
    ),
    Check(
        "copies",
        Severity.WARNING,
        "the same file twice in one split",
        "Keep one of each.",
        lambda subject: _copies(subject, across=False),
    ),
    Check(
        "lookalikes",
        Severity.NOTE,
        "images of one split that look nearly the same",
        "They teach little more than one of them. Where their boxes differ, look at them.",
        lambda subject: _lookalikes(subject, across=False),
    ),
)
