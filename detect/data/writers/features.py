"""Features of annotations that some formats have no place for, and how many of each a dataset has."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from detect.data.dataset import Dataset
from detect.data.records import Records

_ONE_PIXEL = 1 + 1e-5  # of which decimals may make one pixel
_SAME_AREA = 1e-3  # of the box's area, by which a stated one may differ: tools round it


@dataclass(frozen=True)
class Feature:
    """Something that annotations may state."""

    name: str  # plural, behind a number: "ids of images"
    without: str  # what becomes of it in a format that has no place for it
    count: Callable[[Dataset], int]  # how many of them a dataset has
    # Which boxes cannot be stated at all without it, bool [M]; None where all can be.
    boxes: Callable[[Records], np.ndarray] | None = None
    part_of: "Feature | None" = None  # without which there is no place for this one either


def of_boxes(name: str, without: str, boxes: Callable[[Records], np.ndarray], left_out: bool) -> Feature:
    """Return a feature that is counted by the boxes that have it.

    Args:
        name: of the feature.
        without: what becomes of it in a format that has no place for it.
        boxes: returns which boxes have it, bool [M].
        left_out: whether such boxes cannot be stated without it.
    """

    def count(dataset: Dataset) -> int:
        return sum(int(np.count_nonzero(boxes(records))) for records in dataset.splits.values())

    return Feature(name, without, count, boxes if left_out else None)


def _own_image_ids(dataset: Dataset) -> int:
    return sum(int(np.count_nonzero(_differ(records.image_ids))) for records in dataset.splits.values())


def _differ(ids: np.ndarray) -> np.ndarray:
    """Return which ids of images are not their positions, counted from 1."""
    positions = np.arange(1, len(ids) + 1)
    return ids != (positions.astype(str) if ids.dtype.kind == "U" else positions)


def _own_category_ids(dataset: Dataset) -> int:
    """Return how many categories have ids of their own; none where readers number them the same, from 0 or from 1."""
    ids = list(dataset.category_ids)
    if ids == list(range(len(ids))):
        return 0
    return sum(number != label for label, number in enumerate(ids, 1))


def _not_numbered(dataset: Dataset) -> int:
    return sum(not _is_class_number(number) for number in dataset.category_ids)


def _is_class_number(number: int | str) -> bool:
    return isinstance(number, int) and 0 < number < 2**31


def numbers_of_classes(dataset: Dataset) -> tuple[int, ...]:
    """Return the ids of the classes if they can be those of a label map, else 1..K."""
    ids = tuple(number for number in dataset.category_ids if isinstance(number, int) and _is_class_number(number))
    return ids if len(ids) == len(dataset.classes) else tuple(range(1, len(dataset.classes) + 1))


def _unordered_ids(dataset: Dataset) -> int:
    """Return how many classes have another label where labels follow the category ids: numbers, then texts."""
    ids = dataset.category_ids
    order = sorted(range(len(ids)), key=lambda label: (isinstance(ids[label], str), ids[label]))
    return sum(place != label for place, label in enumerate(order))


def _unsorted_classes(dataset: Dataset) -> int:
    """Return how many classes have another label where labels follow the sorted names that boxes have."""
    used = {label for records in dataset.splits.values() for label in np.unique(records.labels).tolist()}
    order = sorted(dataset.classes[label] for label in used)
    return sum(order[label : label + 1] != [name] for label, name in enumerate(dataset.classes))


def _other_areas(records: Records) -> np.ndarray:
    sides = (records.boxes[:, 2:] - records.boxes[:, :2]).astype(np.float64)
    area = sides.prod(axis=1)
    return np.abs(records.areas - area) > _SAME_AREA * area


def _fractional(records: Records) -> np.ndarray:
    return (records.boxes != np.floor(records.boxes)).any(axis=1)


def _not_exact(records: Records) -> np.ndarray:
    counts = np.diff(records.box_ends, prepend=0)
    differs = np.zeros(len(records.boxes), bool)
    for side in range(4):
        size = np.repeat(records.sizes[:, side % 2], counts).astype(np.float64)
        fractions = (records.boxes[:, side] / size).astype(np.float32)
        differs |= (fractions * size).astype(np.float32) != records.boxes[:, side]
    return differs


def _narrow(records: Records) -> np.ndarray:
    return (records.boxes[:, 2:] - records.boxes[:, :2] <= _ONE_PIXEL).any(axis=1)


def _partly_labelled(dataset: Dataset) -> int:
    """Return the number of images in which not all classes were looked for."""
    looked_for = (records.looked_for for records in dataset.splits.values())
    return sum(int(np.count_nonzero(~found.is_complete())) for found in looked_for if found)


IMAGE_IDS = Feature("ids of images other than their places", "images are numbered from 1 when read", _own_image_ids)
CATEGORY_IDS = Feature("ids of categories", "classes are numbered when they are read", _own_category_ids)
NUMBERED_CLASSES = Feature(
    "ids of categories that are 0, negative or texts", "all are numbered from 1", _not_numbered, part_of=CATEGORY_IDS
)
CLASS_LIST = Feature(
    "places in the list of classes",
    "labels follow the names in alphabetical order, and classes without a box are unknown",
    _unsorted_classes,
)
LABELS = Feature(
    "labels in another order than the ids of categories", "labels follow the ids", _unordered_ids, part_of=CLASS_LIST
)
IGNORED = of_boxes(
    "boxes to be ignored (crowd or difficult)",
    "left out: as boxes of objects they would be wrong",
    lambda records: records.ignore,
    left_out=True,
)
AREAS = of_boxes("areas of masks", "the area of the box counts instead", _other_areas, left_out=False)
FRACTIONS = of_boxes(
    "boxes with fractions of a pixel",
    "written as decimals, which programs that expect whole pixels refuse or cut",
    _fractional,
    left_out=False,
)
NARROW = of_boxes(
    "boxes of one pixel or less in width or height",
    "left out: they would be read as clicks without an area",
    _narrow,
    left_out=True,
)
EXACT_FRACTIONS = of_boxes(
    "boxes with corners that are not float32 fractions of the image",
    "rounded, by less than a thousandth of a pixel",
    _not_exact,
    left_out=False,
)
PARTLY_LABELLED = Feature(
    "images in which not all classes were looked for",
    "these classes will be taken for background there; COCO JSON states which they are",
    _partly_labelled,
)
