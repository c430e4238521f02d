"""Boxes that are unlikely to be right, or that a detector can hardly find."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.columns import box_examples, boxes_by_image, image_examples
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject

_TINY_SIDE = 8  # pixels: one cell of the finest feature map of common detectors
_TINY_SHARE = 0.05  # of the boxes
_MANY_BOXES = 100  # COCO's evaluation looks at this many detections per image


def _tiny_boxes(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        images = np.repeat(np.arange(len(records)), boxes_by_image(records))
        scale = (subject.image_size / records.sizes.max(axis=1))[images]
        short_sides = (records.boxes[:, 2:] - records.boxes[:, :2]).min(axis=1) * scale
        tiny = np.flatnonzero(short_sides < _TINY_SIDE)
        if len(tiny) > _TINY_SHARE * len(short_sides):
            share = f"{len(tiny) / len(short_sides):.0%} of the boxes"
            what = f"{share} are narrower than {_TINY_SIDE} pixels in images of {subject.image_size} pixels"
            yield Found(split, len(tiny), what, box_examples(records, tiny))


def _crowded_images(subject: Subject) -> Iterator[Found]:
    for split, records in subject.dataset.splits.items():
        crowded = np.flatnonzero(boxes_by_image(records) > _MANY_BOXES)
        if len(crowded):
            what = f"{len(crowded)} images have more than {_MANY_BOXES} boxes"
            yield Found(split, len(crowded), what, image_examples(records, crowded))


CHECKS = (
    Check(
        "tiny-boxes",
        Severity.WARNING,
        f"more than {_TINY_SHARE:.0%} of the boxes are narrower than {_TINY_SIDE} pixels at the image size",
        "Use a larger image size, or cut the images into tiles.",
        _tiny_boxes,
    ),
    Check(
        "crowded-images",
        Severity.NOTE,
        f"images with more than {_MANY_BOXES} boxes",
        f"COCO's scores look only at the best {_MANY_BOXES} detections per image.",
        _crowded_images,
    ),
)
