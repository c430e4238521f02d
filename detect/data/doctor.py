"""Describe a dataset in tables, and find what will spoil training or make its scores misleading.

Readers report what is broken. Here it is what can be read but should be known: images in two splits, classes that
cannot be learned or scored, boxes that are too small to be detected.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.data.dataset import Dataset
from detect.data.pixels.images import read_image
from detect.data.records import Records
from detect.errors import BadInput

_SMALL, _LARGE = 32**2, 96**2  # square pixels: the limits of COCO's sizes
_TINY_SIDE = 8  # pixels: one cell of the finest feature map of common detectors
_MANY_BOXES = 100  # COCO's evaluation looks at this many detections per image
_FEW_BOXES = 20  # of a class
_IMBALANCE = 100  # boxes of the most frequent class per box of the rarest
_FIRST_READ = 64 * 1024  # bytes of each file that are compared first
_PERCENTILES = (50, 95, 100)

_SPLIT_COLUMNS = ("split", "images", "without boxes", "boxes", "ignored", "lost images", "lost boxes")
_BOX_COLUMNS = ("split", "small boxes", "medium boxes", "large boxes", "boxes per image (median, 95 %, max.)")
_IMAGE_COLUMNS = ("split", "width (min., median, max.)", "height (min., median, max.)")


@dataclass(frozen=True)
class Finding:
    """Something that the owner of the data should know."""

    split: str  # one split, or several as "train, val"
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.split}: {self.what}. {self.advice}"


@dataclass(frozen=True)
class Table:
    """Rows of text under headings."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def examine(dataset: Dataset) -> list[Finding]:
    """Return everything worth knowing, what prevents training first.

    Files that may be copies of each other are read, not decoded.
    """
    findings = [*_training(dataset), *_copies(dataset)]
    findings += _classes(dataset)
    for split, records in dataset.splits.items():
        findings += _boxes(split, records)
        findings += _background(split, records)
    return findings


def tables(dataset: Dataset) -> list[Table]:
    """Return the figures of a dataset: splits, boxes, images and classes."""
    splits = dataset.splits.items()
    of_classes = [f"{split}: {what}" for split in dataset.splits for what in ("boxes", "images")]
    labels = range(len(dataset.classes))
    return [
        Table("Splits", _SPLIT_COLUMNS, tuple(_split_row(dataset, split) for split in dataset.splits)),
        Table("Boxes", _BOX_COLUMNS, tuple((split, *_box_cells(records)) for split, records in splits)),
        Table("Images", _IMAGE_COLUMNS, tuple((split, *_image_cells(records)) for split, records in splits)),
        Table("Classes", ("class", *of_classes), tuple(_class_row(dataset, label) for label in labels)),
    ]


def undecodable(records: Records, threads: int = 4) -> Iterator[str]:
    """Decode every image, and yield why for those that cannot be. Opening a dataset reads only their headers."""
    with ThreadPoolExecutor(threads) as pool:
        paths = (records.image_path(index) for index in range(len(records)))
        for reason in pool.map(_why_undecodable, paths):
            if reason:
                yield reason


def copies(dataset: Dataset) -> list[list[tuple[str, str]]]:
    """Find images that are the same file, byte for byte: groups of two or more (split, path)."""
    everything = [
        (split, str(records.image_path(index)))
        for split, records in dataset.splits.items()
        for index in range(len(records))
    ]
    groups = [everything]
    for trait in (os.path.getsize, _digest_of_beginning, _digest):  # each costs more, and has fewer files to look at
        groups = [alike for group in groups for alike in _divided(group, trait) if len(alike) > 1]
    return groups


def _divided(images: list[tuple[str, str]], trait: Callable[[str], int | bytes]) -> list[list[tuple[str, str]]]:
    alike = defaultdict(list)
    for split, path in images:
        alike[trait(path)].append((split, path))
    return list(alike.values())


def _why_undecodable(path: Path) -> str | None:
    try:
        read_image(path)
    except BadInput as error:
        return str(error)
    return None


def _digest_of_beginning(path: str) -> bytes:
    return _digest(path, _FIRST_READ)


def _digest(path: str, length: int = -1) -> bytes:
    with open(path, "rb") as file:
        return hashlib.blake2b(file.read(length), digest_size=16).digest()


def _training(dataset: Dataset) -> Iterator[Finding]:
    if "train" not in dataset.splits:
        why = dataset.refused.get("train", "Name a split 'train', or put the images to train on into a folder 'train'.")
        yield Finding("train", "there are no images to train on", why)


def _copies(dataset: Dataset) -> Iterator[Finding]:
    groups = defaultdict(list)
    for group in copies(dataset):
        groups[", ".join(dict.fromkeys(split for split, _ in group))].append(group)
    for splits, found in groups.items():
        (_, first), (_, second), *_ = found[0]
        what = f"images that occur more than once: {len(found)}, such as {first} and {second}"
        leak = "Scores on one split will look better than they are: keep each image in one split."
        yield Finding(splits, what, leak if "," in splits else "Keep one of each.")


def _classes(dataset: Dataset) -> Iterator[Finding]:
    for split, records in dataset.splits.items():
        boxes = _boxes_by_class(records, len(dataset.classes))
        none = [name for name, count in zip(dataset.classes, boxes, strict=True) if count == 0]
        if none:
            advice = "They cannot be learned." if split == "train" else "They cannot be scored."
            yield Finding(split, f"no boxes of {_listed(none)}", advice)
        if split == "train" and boxes.any():
            yield from _balance(dataset, boxes)


def _balance(dataset: Dataset, boxes: np.ndarray) -> Iterator[Finding]:
    few = [f"{name} ({count})" for name, count in zip(dataset.classes, boxes, strict=True) if 0 < count < _FEW_BOXES]
    if few:
        yield Finding("train", f"fewer than {_FEW_BOXES} boxes of {_listed(few)}", "Expect low scores for them.")
    if boxes.max() > _IMBALANCE * boxes[boxes > 0].min():
        most, least = int(boxes.argmax()), int(np.where(boxes, boxes, np.inf).argmin())
        what = f"{boxes[most]} boxes of {dataset.classes[most]} and {boxes[least]} of {dataset.classes[least]}"
        yield Finding("train", what, "Look at the scores of each class, not only at their mean.")


def _boxes(split: str, records: Records) -> Iterator[Finding]:
    if not len(records.boxes):
        return
    short_sides = (records.boxes[:, 2:] - records.boxes[:, :2]).min(axis=1)
    tiny = np.count_nonzero(short_sides < _TINY_SIDE) / len(short_sides)
    if tiny > 0.05:
        what = f"{tiny:.0%} of the boxes are narrower than {_TINY_SIDE} pixels before the images are resized"
        yield Finding(split, what, "Use a large image size, or cut the images into tiles.")
    crowded = _boxes_by_image(records)
    if crowded.max() > _MANY_BOXES:
        what = f"{np.count_nonzero(crowded > _MANY_BOXES)} images have more than {_MANY_BOXES} boxes"
        yield Finding(split, what, "COCO's scores look only at the best 100 detections per image.")


def _background(split: str, records: Records) -> Iterator[Finding]:
    empty = np.count_nonzero(_boxes_by_image(records) == 0)
    if empty == len(records):
        yield Finding(split, "no image has a box", "There is nothing to learn or score: check the annotations.")
    elif empty > 0.5 * len(records):
        what = f"{empty} of {len(records)} images have no boxes"
        yield Finding(split, what, "They count as background: make sure that no object in them was left unmarked.")


def _listed(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _boxes_by_class(records: Records, classes: int) -> np.ndarray:
    return np.bincount(records.labels[~records.ignore], minlength=classes)


def _boxes_by_image(records: Records) -> np.ndarray:
    return np.diff(records.box_ends, prepend=0)


def _split_row(dataset: Dataset, split: str) -> tuple[str, ...]:
    records, problems = dataset.splits[split], dataset.problems[split]
    empty = np.count_nonzero(_boxes_by_image(records) == 0)
    counts = (len(records), empty, len(records.boxes), int(records.ignore.sum()))
    return split, *map(str, (*counts, problems.lost_images, problems.lost_boxes))


def _box_cells(records: Records) -> tuple[str, ...]:
    sizes = np.histogram(records.areas[~records.ignore], [0, _SMALL, _LARGE, np.inf])[0]
    per_image = np.percentile(_boxes_by_image(records), _PERCENTILES)
    return *map(str, sizes), ", ".join(f"{count:g}" for count in per_image)


def _image_cells(records: Records) -> tuple[str, ...]:
    return tuple(
        ", ".join(f"{value:g}" for value in (side.min(), np.median(side), side.max())) for side in records.sizes.T
    )


def _class_row(dataset: Dataset, label: int) -> tuple[str, ...]:
    cells = []
    for records in dataset.splits.values():
        images = np.repeat(np.arange(len(records)), _boxes_by_image(records))
        own = (records.labels == label) & ~records.ignore
        cells += [str(np.count_nonzero(own)), str(len(np.unique(images[own])))]
    return dataset.classes[label], *cells
