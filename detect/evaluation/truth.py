"""Ground truth to score detections against: from records, or from a COCO file whose images need not exist."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.readers.ids import key_column
from detect.data.records import Records
from detect.errors import BadInput


@dataclass(frozen=True)
class Truth:
    """Annotated boxes by column, in COCO's terms: M boxes in I images, of K categories."""

    image_ids: np.ndarray  # [I], integers or strings, ascending
    category_ids: np.ndarray  # [K], integers or strings, ascending
    names: tuple[str, ...]  # of the categories, all different
    images: np.ndarray  # int64 [M], position of the box's image in `image_ids`
    categories: np.ndarray  # int64 [M], position of its category in `category_ids`
    boxes: np.ndarray  # float64 [M, 4]: x, y, width, height in pixels
    areas: np.ndarray  # float64 [M], square pixels: of the mask where there is one
    crowd: np.ndarray  # bool [M]: a detection here is neither right nor wrong
    notes: tuple[str, ...] = ()  # sentences on what was left out

    def __len__(self) -> int:
        return len(self.boxes)


def truth_from_records(records: Records, classes: Sequence[str], category_ids: Sequence[int | str]) -> Truth:
    """Return the truth of `records`, whose label k is the category `category_ids[k]` with the name `classes[k]`.

    Ignored boxes become crowds. Areas are those of the records, of the mask where the dataset has masks, because COCO
    defines its groups of sizes by them.
    """
    corners = records.boxes.astype(np.float64)
    owners = np.repeat(records.image_ids, np.diff(records.box_ends, prepend=0))
    ids = key_column(category_ids)
    image_ids, order = np.unique(records.image_ids), np.argsort(ids)
    return Truth(
        image_ids=image_ids,
        category_ids=ids[order],
        names=tuple(classes[position] for position in order.tolist()),
        images=np.searchsorted(image_ids, owners),
        categories=np.argsort(order)[records.labels],
        boxes=np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
        areas=records.areas,
        crowd=records.ignore,
    )


def truth_from_file(path: str | Path) -> Truth:
    """Read the truth of a COCO annotation file. Its images are not read.

    Raises:
        BadInput: the file is missing, is not JSON, or an entry lacks what scoring needs; the message names the entry.
    """
    content = _read_object(Path(path))
    image_ids = [_field(image, "id", f"{path}: images[{row}]") for row, image in enumerate(content["images"])]
    return truth_from_entries(image_ids, _unique_names(content["categories"], path), content["annotations"], str(path))


def truth_from_entries(
    image_ids: Sequence[Any], categories: Mapping[Any, str], annotations: Sequence[Any], where: str = "truth"
) -> Truth:
    """Convert COCO annotations `{image_id, category_id, bbox, area, iscrowd}`; the last two may be missing.

    Args:
        image_ids: ids of all images, including those without boxes.
        categories: name of each category id.
        annotations: those of other images or categories are left out, which `notes` then reports.
        where: names the file in errors.

    Raises:
        BadInput: an annotation lacks what scoring needs; some ids are integers and others strings.
    """
    known_images, left_out = set(image_ids), Counter[str]()
    rows: list[tuple[Any, Any, float, bool]] = []
    boxes: list[list[float]] = []
    for row, entry in enumerate(annotations):
        place = f"{where}: annotations[{row}]"
        image_id, category_id = _field(entry, "image_id", place), _field(entry, "category_id", place)
        if image_id not in known_images:
            left_out["an image"] += 1
        elif category_id not in categories:
            left_out["a category"] += 1
        else:
            box = _box(entry, place)
            boxes.append(box)
            rows.append((image_id, category_id, float(entry.get("area", box[2] * box[3])), bool(entry.get("iscrowd"))))
    images, kinds, areas, crowd = zip(*rows, strict=True) if rows else ((), (), (), ())
    try:
        image_column, category_column = np.unique(id_column(image_ids)), np.unique(id_column(list(categories)))
    except ValueError:
        raise BadInput(f"{where}: expected ids that are all integers or all strings.") from None
    return Truth(
        image_ids=image_column,
        category_ids=category_column,
        names=tuple(categories[key] for key in category_column.tolist()),
        images=positions_of(id_column(images), image_column),
        categories=positions_of(id_column(kinds), category_column),
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        areas=np.array(areas, np.float64),
        crowd=np.array(crowd, bool),
        notes=tuple(
            f"{where}: {count} boxes of {what} that the file does not list were left out."
            for what, count in left_out.items()
        ),
    )


def id_column(ids: Sequence[Any]) -> np.ndarray:
    """Return ids [n] as an array of integers or of strings. Raises `ValueError` for other or mixed types."""
    kinds = {*map(type, ids)}
    if kinds <= {int}:
        return np.array(ids, np.int64)
    if kinds == {str}:
        return np.array(ids)
    raise ValueError


def positions_of(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the position of each of `ids` [n] in `known` [m], which ascends; -1 if it is not there. int64 [n]."""
    if not len(ids) or not len(known) or ids.dtype.kind != known.dtype.kind:
        return np.full(len(ids), -1, np.int64)
    positions = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[positions] == ids, positions, -1)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"Cannot read {path}: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise BadInput(
                f"{path}: expected a COCO annotation file with lists 'images', 'annotations' and "
                f"'categories'; {key!r} is missing."
            )
    if not content["images"]:
        raise BadInput(f"{path} lists no images, so there is nothing to score. Give a file with annotated images.")
    return content


def _field(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise BadInput(f"{where}: expected an object with {key!r}, got {_shorten(entry)}.")
    return entry[key]


def _box(entry: dict[str, Any], where: str) -> list[float]:
    box = _field(entry, "bbox", where)
    try:
        numbers = [float(value) for value in box]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise BadInput(
            f"{where} (id {entry.get('id')}): expected bbox as four numbers [x, y, width, height], got {_shorten(box)}."
        )
    return numbers


def _unique_names(entries: list[Any], path: str | Path) -> dict[Any, str]:
    """Return category names by id. A name that several ids share gets the id added, so that all names differ."""
    names = {}
    for row, entry in enumerate(entries):
        where = f"{path}: categories[{row}]"
        names[_field(entry, "id", where)] = str(_field(entry, "name", where))
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} (id {key})" for key, name in names.items()}


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
