"""Boxes that a detector can hardly find, or that are unlikely to be right."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import box_sides, boxes_by_image, deviations, image_of_box, relative_areas, scales
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject
from detect.data.doctor.found_examples import box_examples, images_found
from detect.data.records import Records

_TINY_SIDE = 8  # pixels: one cell of the finest feature map of common detectors
_TINY_SHARE = 0.05  # of the boxes
_MANY_BOXES = 100  # COCO's evaluation looks at this many detections per image
_WHOLE = 0.95  # share of the area of the image
_WHOLE_SHARE = 0.5  # of the boxes
_IGNORED_SHARE = 0.5  # of the boxes
_UNUSUAL = 6  # standard deviations: two in a billion of a normal distribution are further off
_LEAST_SPREAD = 0.25  # of logarithms: a factor of 4.5 is never unusual
_LEAST_SPREAD_OF_COUNTS = 0.5  # a factor of 20
_ENOUGH = 30  # boxes of a class, or images with it, to say what is usual


def _tiny_boxes(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        short_sides = box_sides(records).min(axis=1) * scales(records, subject.image_size)[image_of_box(records)]
        tiny = np.flatnonzero(short_sides < _TINY_SIDE)
        if len(tiny) > _TINY_SHARE * len(short_sides):
            share = f"{len(tiny) / len(short_sides):.0%} of the boxes"
            what = f"{share} are narrower than {_TINY_SIDE} pixels in images of {subject.image_size} pixels"
            yield Found(split, len(tiny), what, box_examples(records, tiny))


def _crowded_images(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        crowded = np.flatnonzero(boxes_by_image(records) > _MANY_BOXES)
        yield from images_found(split, records, crowded, f"images with more than {_MANY_BOXES} boxes")


def _whole_images(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        areas = relative_areas(records)
        whole = np.flatnonzero(areas >= _WHOLE)
        if len(whole) > _WHOLE_SHARE * len(areas):
            what = f"boxes that cover {_WHOLE:.0%} of their image or more: {len(whole)} of {len(areas)}"
            yield Found(split, len(whole), what, box_examples(records, whole))


def _ignored_boxes(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        ignored = np.flatnonzero(records.ignore)
        if _IGNORED_SHARE * len(records.ignore) < len(ignored):
            what = f"boxes that are crowd or difficult, and are ignored: {len(ignored)} of {len(records.ignore)}"
            yield Found(split, len(ignored), what, box_examples(records, ignored))


def _unusual_sizes(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        sides = np.sqrt(relative_areas(records))
        yield from _unusual_boxes(subject, split, sides, "boxes of a size that is unusual for their class")


def _unusual_shapes(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        width, height = box_sides(records).T
        yield from _unusual_boxes(subject, split, width / height, "boxes of a shape that is unusual for their class")


def _unusual_boxes(subject: Subject, split: str, ratios: np.ndarray, what: str) -> Iterator[Found]:
    """Find the boxes whose logarithm of a ratio [M] is far from that of the other boxes of their class."""
    records = subject.dataset.splits[split]
    off = np.zeros(len(ratios))
    for rows in _rows_by_class(records):
        if len(rows) >= _ENOUGH:
            off[rows] = np.abs(deviations(np.log(ratios[rows]), _LEAST_SPREAD))
    unusual = np.flatnonzero(off > _UNUSUAL)
    unusual = unusual[np.argsort(-off[unusual], kind="stable")]
    if len(unusual):
        yield Found(split, len(unusual), f"{what}: {len(unusual)}", box_examples(records, unusual))


def _unusual_counts(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        unusual: set[int] = set()
        images_of_boxes = image_of_box(records)
        for rows in _rows_by_class(records):
            images, counts = np.unique(images_of_boxes[rows], return_counts=True)
            if len(images) >= _ENOUGH:
                unusual.update(images[deviations(np.log1p(counts), _LEAST_SPREAD_OF_COUNTS) > _UNUSUAL].tolist())
        what = "images with an unusual number of boxes of a class"
        yield from images_found(split, records, np.array(sorted(unusual)), what)


def _rows_by_class(records: Records) -> list[np.ndarray]:
    """Return the rows of the boxes of each class that has some."""
    order = np.argsort(records.labels, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(records.labels[order])) + 1)


CHECKS = (
    Check(
        "tiny-boxes",
        Severity.WARNING,
        f"more than {_TINY_SHARE:.0%} of the boxes are narrower than {_TINY_SIDE} pixels at the image size",
        "Use a larger image size, or cut the images into tiles.",
        _tiny_boxes,
    ),
    Check(
        "whole-images",
        Severity.WARNING,
        f"more than {_WHOLE_SHARE:.0%} of the boxes cover {_WHOLE:.0%} of their image or more",
        "A detector learns little from them: draw the objects, or train a classifier.",
        _whole_images,
    ),
    Check(
        "ignored-boxes",
        Severity.WARNING,
        f"more than {_IGNORED_SHARE:.0%} of the boxes are marked as crowd or as difficult",
        "They are neither learned nor scored: check whether these marks are meant so.",
        _ignored_boxes,
    ),
    Check(
        "unusual-sizes",
        Severity.NOTE,
        "boxes whose share of the image is far from that of other boxes of their class",
        "Look at them: they may be slips of the mouse, or of another class.",
        _unusual_sizes,
    ),
    Check(
        "unusual-shapes",
        Severity.NOTE,
        "boxes whose ratio of the sides is far from that of other boxes of their class",
        "Look at them: they may be slips of the mouse, or of another class.",
        _unusual_shapes,
    ),
    Check(
        "unusual-counts",
        Severity.NOTE,
        "images with far more boxes of a class than the other images that have it",
        "Look at them: groups may be divided into single objects in some images only.",
        _unusual_counts,
    ),
    Check(
        "crowded-images",
        Severity.NOTE,
        f"images with more than {_MANY_BOXES} boxes",
        f"COCO's scores look only at the best {_MANY_BOXES} detections per image.",
        _crowded_images,
    ),
)
