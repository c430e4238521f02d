"""The figures of a dataset in tables: mapping of classes, splits, boxes, images and classes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from detect.data.dataset import Dataset
from detect.data.doctor.columns import boxes_by_class, boxes_by_image, images_by_class
from detect.data.looked_for import everywhere
from detect.data.records import Records
from detect.errors import listed

_SMALL, _LARGE = 32**2, 96**2  # square pixels: the limits of COCO's sizes
_PERCENTILES = (50, 95, 100)

_SPLIT_COLUMNS = ("split", "images", "without boxes", "boxes", "ignored", "lost images", "lost boxes")
_BOX_COLUMNS = ("split", "small boxes", "medium boxes", "large boxes", "boxes per image (median, 95 %, max.)")
_LOOKED_FOR_COLUMNS = ("split", "images", "classes that were looked for")
_MOST_SETS = 20  # of classes, those of most images, in the table of a split
_IMAGE_COLUMNS = ("split", "width (min., median, max.)", "height (min., median, max.)")


@dataclass(frozen=True)
class Table:
    """Rows of text under headings."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(dataset: Dataset) -> list[Table]:
    """Return the figures of a dataset."""
    splits = dataset.splits.items()
    of_classes = [f"{split}: {what}" for split in dataset.splits for what in ("boxes", "images")]
    return [
        Table("Mapping of classes", ("class", "label", "category id"), _mapping_rows(dataset)),
        Table("Splits", _SPLIT_COLUMNS, tuple(_split_row(dataset, split) for split in dataset.splits)),
        Table("Boxes", _BOX_COLUMNS, tuple((split, *_box_cells(records)) for split, records in splits)),
        Table("Images", _IMAGE_COLUMNS, tuple((split, *_image_cells(records)) for split, records in splits)),
        Table("Classes", ("class", *of_classes), _class_rows(dataset)),
        *_looked_for_tables(dataset),
    ]


def _mapping_rows(dataset: Dataset) -> tuple[tuple[str, ...], ...]:
    classes = enumerate(zip(dataset.classes, dataset.category_ids, strict=True))
    return tuple((name, str(label), str(category)) for label, (name, category) in classes)


def _split_row(dataset: Dataset, split: str) -> tuple[str, ...]:
    records, problems = dataset.splits[split], dataset.problems[split]
    empty = np.count_nonzero(boxes_by_image(records) == 0)
    counts = (len(records), empty, len(records.boxes), int(records.ignore.sum()))
    return split, *map(str, (*counts, problems.lost_images, problems.lost_boxes))


def _box_cells(records: Records) -> tuple[str, ...]:
    sizes = np.histogram(records.areas[~records.ignore], [0, _SMALL, _LARGE, np.inf])[0]
    per_image = np.percentile(boxes_by_image(records), _PERCENTILES)
    return *map(str, sizes), ", ".join(f"{count:g}" for count in per_image)


def _image_cells(records: Records) -> tuple[str, ...]:
    return tuple(
        ", ".join(f"{value:g}" for value in (side.min(), np.median(side), side.max())) for side in records.sizes.T
    )


def _class_rows(dataset: Dataset) -> tuple[tuple[str, ...], ...]:
    columns = [
        count(records, len(dataset.classes))
        for records in dataset.splits.values()
        for count in (boxes_by_class, images_by_class)
    ]
    counts = np.transpose(columns).tolist()
    return tuple((name, *map(str, row)) for name, row in zip(dataset.classes, counts, strict=True))


def _looked_for_tables(dataset: Dataset) -> Iterator[Table]:
    """Yield which classes were looked for in which images, where that is not all of them."""
    if any(records.looked_for for records in dataset.splits.values()):
        rows = [row for split, records in dataset.splits.items() for row in _looked_for_rows(dataset, split, records)]
        yield Table("Classes that were looked for", _LOOKED_FOR_COLUMNS, tuple(rows))


def _looked_for_rows(dataset: Dataset, split: str, records: Records) -> Iterator[tuple[str, ...]]:
    looked_for = records.looked_for or everywhere(len(dataset.classes), len(records))
    counts = np.bincount(looked_for.rows, minlength=len(looked_for.sets))
    order = np.argsort(-counts, kind="stable")
    for row in order[:_MOST_SETS].tolist():
        names = [dataset.classes[label] for label in np.flatnonzero(looked_for.sets[row])]
        yield split, str(counts[row]), "all" if looked_for.sets[row].all() else listed(names) or "none"
    if len(order) > _MOST_SETS:
        yield split, str(counts[order[_MOST_SETS:]].sum()), f"{len(order) - _MOST_SETS} other sets of classes"
