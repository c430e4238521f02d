"""Ground truth to score detections against: from records, or from a COCO file whose images need not exist."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.looked_for import LookedFor
from detect.data.readers.assembly.annotations import flag
from detect.data.readers.assembly.ids import Keys, key, key_column
from detect.data.readers.assembly.segmentation import stands_for_box, stated_area, stated_box
from detect.data.readers.coco.coco_looked_for import LookedForLists
from detect.data.records import Records
from detect.data.texts import Texts
from detect.errors import BadInput, counted
from detect.evaluation.json_files import collection_paused, read_json, shorten


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
    files: Sequence[str] = ()  # [I], names of the image files; none where they are not known
    notes: tuple[str, ...] = ()  # sentences on what was left out
    looked_for: LookedFor | None = None  # categories, by position, in each image; None where that is all in all images

    def __len__(self) -> int:
        return len(self.boxes)


def truth_from_records(records: Records, classes: Sequence[str], category_ids: Sequence[int | str]) -> Truth:
    """Return the truth of `records`, whose label k is the category `category_ids[k]` with the name `classes[k]`.

    Boxes are those that the annotation files state: pycocotools counts each of them, whatever training makes of it.
    Ignored boxes become crowds. Areas are those of the mask where the dataset has masks, because COCO defines its
    groups of sizes by them.
    """
    stated = records.stated_truth()
    ids = key_column(category_ids)
    image_ids, rows = np.unique(records.image_ids, return_index=True)
    order = np.argsort(ids)
    looked_for = records.looked_for and records.looked_for.select(rows)
    return Truth(
        image_ids=image_ids,
        category_ids=ids[order],
        names=tuple(classes[position] for position in order.tolist()),
        images=np.searchsorted(image_ids, records.image_ids[stated.images]),
        categories=np.argsort(order)[stated.labels],
        boxes=stated.boxes,
        areas=stated.areas,
        crowd=stated.ignore,
        notes=_more_than_training(len(stated.boxes) - len(records.boxes)),
        looked_for=looked_for and replace(looked_for, sets=looked_for.sets[:, order]),
    )


def _more_than_training(boxes: int) -> tuple[str, ...]:
    if boxes <= 0:
        return ()
    count = counted(boxes, "box", "boxes")
    return (f"The scores count {count} that training leaves out: they are those of pycocotools, which counts all.",)


def file_names(records: Records) -> Texts:
    """Return the image files of `records` in the order of the ids, as `Truth.files` has them."""
    _, rows = np.unique(records.image_ids, return_index=True)
    return Texts(str(records.image_path(row)) for row in rows.tolist())


@collection_paused()
def truth_from_file(path: str | Path) -> Truth:
    """Read the truth of a COCO annotation file. Its images are not read.

    Raises:
        BadInput: the file is missing, is not JSON, or an entry lacks what scoring needs; the message names the entry.
    """
    content = _read_object(Path(path))
    images = content["images"]
    ids = [_field(image, "id", f"{path}: images[{row}]") for row, image in enumerate(images)]
    truth = truth_from_entries(ids, _unique_names(content["categories"], path), content["annotations"], str(path))
    _, rows = np.unique(id_column(ids), return_index=True)
    files = tuple(str(images[row].get("file_name", "")) for row in rows.tolist())
    return replace(truth, files=files, looked_for=_looked_for([images[row] for row in rows.tolist()], truth))


def _looked_for(images: Sequence[Mapping[str, Any]], truth: Truth) -> LookedFor | None:
    """Return the categories that were looked for in `images` of a file, which are in the order of their ids."""
    lists, keys = LookedForLists(), Keys()
    numbers = np.array([keys.number(image["id"]) for image in images], np.int64)
    for image, number in zip(images, numbers.tolist(), strict=True):
        lists.add(image, number, keys)
    categories = {category: place for place, category in enumerate(truth.category_ids.tolist())}
    return lists.in_images(numbers, keys, categories, len(categories), (truth.images, truth.categories))


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
    columns = [_columns_of(entry, f"{where}: annotations[{row}]") for row, entry in enumerate(annotations)]
    owners, kinds, boxes, areas, crowd = zip(*columns, strict=True) if columns else ((), (), (), (), ())
    image_column, category_column = (np.unique(_ids(ids, where)) for ids in (image_ids, [*categories]))
    images = positions_of(_ids(owners, where), image_column)
    kinds_of_boxes = positions_of(_ids(kinds, where), category_column)
    known = (images >= 0) & (kinds_of_boxes >= 0)
    left_out = {"an image": np.count_nonzero(images < 0), "a category": np.count_nonzero((images >= 0) & ~known)}
    names = {str(key(number)): name for number, name in categories.items()}
    return Truth(
        image_ids=image_column,
        category_ids=category_column,
        names=tuple(names[str(number)] for number in category_column.tolist()),
        images=images[known],
        categories=kinds_of_boxes[known],
        boxes=np.array(boxes, np.float64).reshape(-1, 4)[known],
        areas=np.array(areas, np.float64)[known],
        crowd=np.array(crowd, bool)[known],
        notes=(
            *(f"{where}: boxes of {what} that the file does not list were left out ({count})."
              for what, count in left_out.items() if count),
            *_other_in_pycocotools(annotations, where),
        ),
    )  # fmt: skip


def _other_in_pycocotools(annotations: Sequence[Any], where: str) -> Iterator[str]:
    """Yield a sentence for each way in which the ids of annotations change the scores of pycocotools, and not these."""
    ids = Counter(key(entry.get("id")) for entry in annotations)
    if 0 in ids:
        yield (
            f'{where}: an annotation has the id 0, which pycocotools takes for "no match": it counts the detection of '
            "this box as wrong. Here, it is right."
        )
    again = [number for number, count in ids.items() if count > 1 and number is not None]
    if again:
        yield (
            f"{where}: {counted(len(again), 'id is', 'ids are')} of several annotations, the first {again[0]!r}. "
            "pycocotools takes the last of them in place of each; here, each counts."
        )


def id_column(ids: Sequence[Any]) -> np.ndarray:
    """Return the ids [n] that values state as an array, see `key`. Raises `ValueError` where one cannot be an id."""
    if {*map(type, ids)} == {int}:  # as in most files
        with suppress(OverflowError):
            return np.array(ids, np.int64)
    keys = [found for found in map(key, ids) if found is not None]
    if len(keys) < len(ids):
        raise ValueError
    return key_column(keys)


def positions_of(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the position of each of `ids` [n] in `known` [m], which ascends; -1 if it is not there. int64 [n]."""
    if not len(ids) or not len(known):
        return np.full(len(ids), -1, np.int64)
    if ids.dtype.kind != known.dtype.kind:  # one column has texts, among which integers are texts, too
        texts, order = known.astype(str), np.argsort(known.astype(str))
        places = positions_of(ids.astype(str), texts[order])
        return np.where(places >= 0, order[places], -1)
    positions = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return np.where(known[positions] == ids, positions, -1)


def _ids(ids: Sequence[Any], where: str) -> np.ndarray:
    try:
        return id_column(ids)
    except ValueError:
        wrong = next(value for value in ids if key(value) is None)
        raise BadInput(f"{where}: expected integers or strings as ids, got {shorten(wrong)}.") from None


def _columns_of(entry: Any, where: str) -> tuple[Any, Any, list[float], float, bool]:
    """Return image id, category id, box, area and crowd of an annotation."""
    image, category, box = _field(entry, "image_id", where), _field(entry, "category_id", where), _box(entry, where)
    area = stated_area(entry)
    return image, category, box, box[2] * box[3] if area is None else area, bool(flag(entry.get("iscrowd")))


def _read_object(path: Path) -> dict[str, Any]:
    content = read_json(path)
    for name in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise BadInput(
                f"{path}: expected a COCO annotation file with lists 'images', 'annotations' and "
                f"'categories'; {name!r} is missing."
            )
    if not content["images"]:
        raise BadInput(f"{path} lists no images, so there is nothing to score. Give a file with annotated images.")
    return content


def _field(entry: Any, key: str, where: str) -> Any:
    if not isinstance(entry, dict) or key not in entry:
        raise BadInput(f"{where}: expected an object with {key!r}, got {shorten(entry)}.")
    return entry[key]


def _box(entry: dict[str, Any], where: str) -> list[float]:
    """Return x, y, width and height of an annotation, those of its segmentation where it states no box."""
    if not stands_for_box(entry):
        _field(entry, "bbox", where)
    try:
        numbers = stated_box(entry)
    except (TypeError, ValueError, KeyError, OverflowError):
        numbers = []
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise BadInput(
            f"{where} (id {entry.get('id')}): expected bbox as four numbers [x, y, width, height], got "
            f"{shorten(entry.get('bbox'))}."
        )
    return numbers


def _unique_names(entries: list[Any], path: str | Path) -> dict[Any, str]:
    """Return category names by id. A name that several ids share gets the id added, so that all names differ."""
    names: dict[Any, str] = {}
    for row, entry in enumerate(entries):
        where = f"{path}: categories[{row}]"
        number = _field(entry, "id", where)
        if key(number) is None:
            raise BadInput(f"{where}: expected an integer or a string as 'id', got {shorten(number)}.")
        name = str(_field(entry, "name", where))
        if names.setdefault(key(number), name) != name:
            raise BadInput(f"{where}: the id {number!r} is that of {names[key(number)]!r} and of {name!r}. Change one.")
    return _told_apart(names)


def _told_apart(names: dict[Any, str]) -> dict[Any, str]:
    """Return the names with the id added to those that several ids share, as often as it takes."""
    counts = Counter(names.values())
    if len(counts) == len(names):
        return names
    return _told_apart({key: name if counts[name] == 1 else f"{name} (id {key})" for key, name in names.items()})
