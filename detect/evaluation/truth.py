"""The truth that detections are scored against: from records, or from a COCO file whose pictures need not be there."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.records import Records
from detect.errors import BadInput


@dataclass(frozen=True)
class Truth:
    """Annotated boxes in the terms of COCO: `[x, y, width, height]` in pixels, ids of images and of categories."""

    image_ids: tuple[int, ...]
    categories: dict[int, str]  # id -> name, no name twice
    annotations: list[dict[str, Any]]  # keys: id (from 1), image_id, category_id, bbox, area, iscrowd
    notes: tuple[str, ...] = ()  # what was left out, for the person who asked for the score


def truth_from_records(records: Records, classes: Sequence[str], category_ids: Sequence[int]) -> Truth:
    """The truth of `records`, whose label k is category `category_ids[k]`, named `classes[k]`.

    Ignored boxes become crowds: COCO's way of saying "a detection here is neither right nor wrong". Areas are the
    records' own, the mask's where the dataset has masks, because the size groups of COCO are made of these.
    """
    corners = records.boxes.astype(np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    counts = np.diff(records.box_ends, prepend=0)
    owners = np.repeat(records.image_ids, counts).tolist()
    categories = np.asarray(category_ids, np.int64)[records.labels].tolist()
    columns = zip(owners, categories, boxes, records.areas.tolist(), records.ignore.tolist(), strict=True)
    return Truth(
        image_ids=tuple(records.image_ids.tolist()),
        categories=dict(zip(category_ids, classes, strict=True)),
        annotations=[_annotation(position, *column) for position, column in enumerate(columns)],
    )


def truth_from_file(path: str | Path) -> Truth:
    """The truth of a COCO annotation file. Only its numbers are read, never its pictures.

    Raises:
        BadInput: the file is missing, is not JSON, or an entry lacks what scoring needs; the message names the entry.
    """
    content = _read_object(Path(path))
    image_ids = tuple(_field(image, "id", f"{path}: images[{row}]") for row, image in enumerate(content["images"]))
    categories = _unique_names(content["categories"], path)
    known_images, left_out = set(image_ids), Counter[str]()
    annotations: list[dict[str, Any]] = []
    for row, entry in enumerate(content["annotations"]):
        where = f"{path}: annotations[{row}]"
        image_id, category_id = _field(entry, "image_id", where), _field(entry, "category_id", where)
        if image_id not in known_images:
            left_out["an image"] += 1
        elif category_id not in categories:
            left_out["a category"] += 1
        else:
            box = _box(entry, where)
            area = float(entry.get("area", box[2] * box[3]))
            annotations.append(_annotation(len(annotations), image_id, category_id, box, area, entry.get("iscrowd", 0)))
    notes = tuple(
        f"{path}: {count} boxes of {what} that it does not list were left out" for what, count in left_out.items()
    )
    return Truth(tuple(dict.fromkeys(image_ids)), categories, annotations, notes)


def _annotation(position: int, image_id: int, category_id: int, box: list[float], area: float, crowd) -> dict[str, Any]:
    """Ids are ours and start at 1: pycocotools takes the id 0 for "matched with nothing"."""
    return {
        "id": position + 1,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": box,
        "area": area,
        "iscrowd": int(crowd),
    }


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
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
        raise BadInput(f"{path} lists no images: there is nothing to score.")
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
    if len(numbers) != 4 or not np.isfinite(numbers).all():
        raise BadInput(
            f"{where} (id {entry.get('id')}): expected bbox as four numbers [x, y, width, height], got {_shorten(box)}."
        )
    return numbers


def _unique_names(entries: list[Any], path: str | Path) -> dict[int, str]:
    """Category names by id; a name that several ids have gets its id added, so that none hides another."""
    names = {}
    for row, entry in enumerate(entries):
        where = f"{path}: categories[{row}]"
        names[_field(entry, "id", where)] = str(_field(entry, "name", where))
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} (id {key})" for key, name in names.items()}


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
