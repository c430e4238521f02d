"""Images that teach or show less than they should, or that are not what the others are."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import boxes_by_image
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject
from detect.data.doctor.found_examples import image_examples, images_found
from detect.data.pixels.stored_forms import FORMS

_BACKGROUND = 0.5  # share of the images
_SHORTEST_SIDE = 32  # pixels: one cell of the coarsest feature map of common detectors
_LONGEST = 4  # times the other side
_MIXED_SIZES = 4  # times the smallest
_OTHER_SIZE = 2  # times the median size of another split
_OTHER_COLOUR = 0.5  # difference between the shares of grey images


def _background(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        empty = np.flatnonzero(boxes_by_image(records) == 0)
        if _BACKGROUND * len(records) < len(empty) < len(records):
            what = f"images without boxes: {len(empty)} of {len(records)}"
            yield Found(split, len(empty), what, image_examples(records, empty))


def _small(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        small = np.flatnonzero(records.sizes.min(axis=1) < _SHORTEST_SIDE)
        yield from images_found(split, records, small, f"images with a side of less than {_SHORTEST_SIDE} pixels")


def _long(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        long = np.flatnonzero(records.sizes.max(axis=1) > _LONGEST * records.sizes.min(axis=1))
        what = f"images with a side that is more than {_LONGEST} times as long as the other"
        yield from images_found(split, records, long, what)


def _mixed_sizes(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        sides = records.sizes.max(axis=1)
        small, large = int(sides.min()), int(sides.max())
        if large > _MIXED_SIZES * small:
            ends = np.array([sides.argmin(), sides.argmax()])
            what = f"the longer sides of the images have {small} to {large} pixels"
            yield Found(split, len(sides), what, image_examples(records, ends))


def _other_sizes(subject: Subject) -> Iterator[Found]:
    sizes = {split: np.median(records.sizes.max(axis=1)) for split, records in subject.dataset.splits.items()}
    for split, size in sizes.items():
        ours = sizes.get("train", size)
        if max(ours / size, size / ours) > _OTHER_SIZE:
            what = f"the longer sides of the images have {ours:g} and {size:g} pixels (median)"
            yield Found(f"train, {split}", len(subject.dataset.splits[split]), what)


def _blank(subject: Subject) -> Iterator[Found]:
    for split, survey in subject.surveys.items():
        records, blank = subject.dataset.splits[split], np.flatnonzero(survey.blank)
        yield from images_found(split, records, blank, "images that show nothing but one colour")


def _other_colours(subject: Subject) -> Iterator[Found]:
    grey = {
        split: float((survey.forms[survey.readable] == FORMS.index("grey")).mean())
        for split, survey in subject.surveys.items()
        if survey.readable.any()
    }
    for split, share in grey.items():
        ours = grey.get("train", share)
        if abs(ours - share) > _OTHER_COLOUR:
            what = f"{ours:.0%} and {share:.0%} of the images are grey"
            yield Found(f"train, {split}", len(subject.dataset.splits[split]), what)


def _converted(subject: Subject) -> Iterator[Found]:
    """Find forms of pixels that only a part of the images has, or that decoding to RGB changes."""
    for split, survey in subject.surveys.items():
        counts = np.bincount(survey.forms[survey.readable], minlength=len(FORMS))
        named = [f"{form} ({count})" for form, count in zip(FORMS, counts, strict=True) if count]
        other = np.flatnonzero(survey.readable & (survey.forms != FORMS.index("colour")))
        if len(other) and named != [f"grey ({len(other)})"]:
            what = f"pixels are stored in different forms: {', '.join(named)}"
            yield Found(split, len(other), what, image_examples(subject.dataset.splits[split], other))


CHECKS = (
    Check(
        "images-without-boxes",
        Severity.WARNING,
        f"more than {_BACKGROUND:.0%} of the images of a split have no box",
        "They count as background: make sure that no object in them was left unmarked.",
        _background,
    ),
    Check(
        "blank-images",
        Severity.WARNING,
        "images of one colour, such as black ones",
        "Remove them, or restore what they showed.",
        _blank,
    ),
    Check(
        "small-images",
        Severity.WARNING,
        f"images with a side of less than {_SHORTEST_SIDE} pixels",
        "Check whether these are thumbnails of the images that were meant.",
        _small,
    ),
    Check(
        "long-images",
        Severity.NOTE,
        f"images with a side that is more than {_LONGEST} times as long as the other",
        "They become narrow strips where they are fitted into a square: cut them into tiles.",
        _long,
    ),
    Check(
        "mixed-sizes",
        Severity.NOTE,
        f"images of a split of which some are more than {_MIXED_SIZES} times as large as others",
        "All are fitted into one square, so that objects of one size become small in some and large in others.",
        _mixed_sizes,
    ),
    Check(
        "other-sizes",
        Severity.WARNING,
        f"images of a split that are more than {_OTHER_SIZE} times as large or small as those of `train` (median)",
        "Objects have other sizes in them: train on images like those that the model is for.",
        _other_sizes,
    ),
    Check(
        "other-colours",
        Severity.WARNING,
        f"shares of grey images in a split and in `train` that differ by more than {_OTHER_COLOUR:.0%}",
        "Train on images like those that the model is for.",
        _other_colours,
    ),
    Check(
        "converted-pixels",
        Severity.NOTE,
        "images that are grey among coloured ones, transparent, animated, CMYK or of 16 bits",
        "They are converted to RGB: transparent pixels become white, and of an animation the first image is taken.",
        _converted,
    ),
)
