"""COCO JSON: images, categories with any ids, and boxes as x, y, width, height; read and written.

Source: the data format page of cocodataset.org. `iscrowd` boxes become ignore regions; `area`, the mask's where there
is one, is kept for scoring by size.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.categories import Category, CategoryMap, map_categories, parse_categories
from detect.data.checking import NO_AREA, NO_SIZE, Annotations
from detect.data.dataset import Dataset, assemble, attempt
from detect.data.headers import SUFFIXES
from detect.data.locating import split_named
from detect.data.records import Record
from detect.errors import BadInput

FORMAT = "COCO JSON"
ROBOFLOW_FILE = "_annotations.coco.json"
_NAMES_TRIED = 500  # of a file's images, when their folder is looked for


@dataclass(frozen=True)
class CocoFile:
    """An annotation file and the folder of its images; None to look for it."""

    path: Path
    images: Path | None = None


def read_coco_file(path: Path) -> Dataset:
    """One COCO JSON; the split is the one that its name speaks of (for Roboflow's, its folder's), else "train"."""
    name = path.parent.name if path.name == ROBOFLOW_FILE else path.stem
    split = split_named(name)
    note = f"split {split!r}, after the name {name!r}" if split else f"split 'train': {name!r} names none"
    return read_coco(path, {split or "train": CocoFile(path)}, notes=[note])


def read_coco_folder(folder: Path) -> Dataset:
    """COCO's own layout: `annotations/instances_train2017.json` and so on, the images in `train2017`."""
    files: dict[str, CocoFile] = {}
    for path in coco_files(folder):
        split = split_named(path.stem)
        if split in files:
            raise BadInput(
                f"{folder}: {files[split].path.name} and {path.name} both name split {split!r}. "
                "Give one of the files, or describe the data set in a YAML file."
            )
        if split:
            files[split] = CocoFile(path)
    if not files:
        found = ", ".join(path.name for path in coco_files(folder))
        raise BadInput(f"{folder / 'annotations'}: no file name speaks of train, val or test: {found}.")
    return read_coco(folder, files)


def coco_files(folder: Path) -> list[Path]:
    """The box annotations in COCO's layout: `instances_*.json` where there are any, else every JSON."""
    files = sorted((folder / "annotations").glob("*.json"))
    return [path for path in files if path.name.startswith("instances_")] or files


def roboflow_files(folder: Path) -> dict[str, CocoFile]:
    """The splits of a Roboflow export: `train`, `valid` and `test`, each with its JSON among its images."""
    files = ((split_named(name), folder / name / ROBOFLOW_FILE) for name in ("train", "valid", "val", "test"))
    return {split: CocoFile(path, path.parent) for split, path in files if split and path.is_file()}


def read_roboflow(folder: Path) -> Dataset:
    """A Roboflow export folder."""
    return read_coco(folder, roboflow_files(folder), format="Roboflow COCO")


def read_coco(
    source: Path,
    files: Mapping[str, CocoFile],
    classes: Sequence[str] = (),
    format: str = FORMAT,
    notes: Sequence[str] = (),
) -> Dataset:
    """A data set whose splits are COCO files; `classes` orders the labels, else the category ids do.

    Raises:
        BadInput: a file is no COCO truth, or no split has images.
    """
    documents = {split: load_coco(file.path) for split, file in files.items()}
    stated = {str(file.path): _categories(documents[split], str(file.path)) for split, file in files.items()}
    categories = map_categories(stated, classes)
    notes = [*notes, *categories.notes]
    splits = {
        split: attempt(partial(_read_split, documents.pop(split), file, categories, notes))
        for split, file in files.items()
    }
    return assemble(source, format, categories.classes, categories.category_ids, splits, notes)


def load_coco(path: Path) -> dict[str, Any]:
    """The content of a COCO truth file; BadInput where it is something else."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
    if isinstance(document, list):
        raise BadInput(f"{path}: expected COCO annotations, found a list, as results files are.")
    keys = ("images", "annotations")
    if not isinstance(document, dict) or not all(isinstance(document.get(key), list) for key in keys):
        found = ", ".join(document) if isinstance(document, dict) else type(document).__name__
        raise BadInput(f"{path}: expected COCO annotations with lists 'images' and 'annotations', found: {found}.")
    return document


def write_coco(path: Path, records: Iterable[Record], classes: Sequence[str], images: Path) -> None:
    """Writes records as a COCO JSON; category ids are 1..K, file names relative to the folder `images`."""
    pictures: list[dict[str, Any]] = []
    truth: list[dict[str, Any]] = []
    for record in records:
        name = record.image_path.relative_to(images).as_posix()
        pictures.append({"id": record.image_id, "file_name": name, "width": record.width, "height": record.height})
        truth += _boxes_of(record, len(truth) + 1)
    categories = [{"id": label + 1, "name": name} for label, name in enumerate(classes)]
    document = {"images": pictures, "annotations": truth, "categories": categories}
    path.write_text(json.dumps(document), encoding="utf-8")


def _boxes_of(record: Record, first_id: int) -> list[dict[str, Any]]:
    corners = record.boxes.astype(np.float64)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    columns = zip(boxes, record.labels.tolist(), record.areas.tolist(), record.ignore.tolist(), strict=True)
    return [
        {
            "id": first_id + row,
            "image_id": record.image_id,
            "category_id": label + 1,
            "bbox": box,
            "area": area,
            "iscrowd": int(ignore),
        }
        for row, (box, label, area, ignore) in enumerate(columns)
    ]


def _read_split(document: dict, file: CocoFile, categories: CategoryMap, notes: list[str]) -> Annotations:
    path = str(file.path)
    numbers: list[Any] = []  # of each box: its annotation id
    annotations: Annotations = Annotations(
        source=path,
        locate_image=lambda row: f"{path}: image {annotations.image_ids[row]}",
        locate_box=lambda number: f"{path}: annotation {numbers[number]}",
    )
    images = _well_formed_images(document["images"], annotations)
    folder, names = _find_images(file, [image["file_name"] for image in images])
    if folder != file.path.parent:
        notes.append(f"images of {file.path.name} are found in {folder}")
    rows = _add_images(images, [os.path.join(folder, name) for name in names], annotations)
    _add_boxes(document["annotations"], rows, categories.labels[path], numbers, annotations)
    return annotations


def _categories(document: dict, where: str) -> list[Category]:
    used = {entry.get("category_id") for entry in document["annotations"] if isinstance(entry, dict)}
    return parse_categories(document.get("categories"), used, where)


def _well_formed_images(entries: list, annotations: Annotations) -> list[dict]:
    """The entries of `images` that have an integer id, of their own, and a file name."""
    good: dict[int, dict] = {}
    problems = annotations.problems
    for position, entry in enumerate(entries):
        where = f"{annotations.source}: image entry {position}"
        if not isinstance(entry, dict) or type(entry.get("id")) is not int or not _is_name(entry.get("file_name")):
            kind, what = "malformed image entry", f"no integer 'id' or no 'file_name': {entry!r:.120}"
        elif entry["id"] in good:
            kind, what = "repeated image id", f"id {entry['id']} is already {good[entry['id']]['file_name']!r}"
        else:
            good[entry["id"]] = entry
            continue
        problems.images_total += 1
        problems.add(kind, where, what, "left out", images=1)
    return list(good.values())


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _add_images(images: list[dict], paths: list[str], annotations: Annotations) -> dict[int, int]:
    """Adds the images and gives the row of each id."""
    rows = {}
    for image, path in zip(images, paths, strict=True):
        width, height = image.get("width"), image.get("height")
        stated = (width, height) if type(width) is int and type(height) is int else NO_SIZE
        rows[image["id"]] = annotations.add_image(path, image["id"], stated)
    return rows


def _add_boxes(
    entries: list, rows: Mapping[int, int], labels: Mapping[int, int], numbers: list, annotations: Annotations
) -> None:
    problems = annotations.problems
    for position, entry in enumerate(entries):
        try:
            x, y, width, height = map(float, entry["bbox"])
            row, label = rows[entry["image_id"]], labels[entry["category_id"]]
        except (TypeError, ValueError, KeyError, OverflowError):
            kind, what = _what_is_wrong(entry, rows, labels)
            number = entry.get("id") if isinstance(entry, dict) else None
            where = f"{annotations.source}: " + (f"annotation {number}" if number else f"annotation entry {position}")
            problems.boxes_total += 1
            problems.add(kind, where, what, "dropped", boxes=1)
            continue
        numbers.append(entry.get("id", f"entry {position}"))
        area = entry.get("area")
        area = float(area) if isinstance(area, int | float) else NO_AREA
        annotations.add_box(row, (x, y, x + width, y + height), label, bool(entry.get("iscrowd")), area)


def _what_is_wrong(entry: Any, rows: Mapping[int, int], labels: Mapping[int, int]) -> tuple[str, str]:
    if not isinstance(entry, dict):
        return "malformed annotation", f"expected an object, found {entry!r:.80}"
    image, category = entry.get("image_id"), entry.get("category_id")
    if not _has(rows, image):
        return "unknown image", f"image_id {image!r} is not among the images"
    if not _has(labels, category):
        return "unknown class", f"category_id {category!r} is not among the classes"
    return "malformed annotation", f"expected 'bbox' of four numbers, found {entry.get('bbox')!r:.80}"


def _has(known: Mapping[int, int], number: Any) -> bool:
    return isinstance(number, int) and number in known


def _find_images(file: CocoFile, names: list[str]) -> tuple[Path, list[str]]:
    """The folder that holds the most of the named images, the first of equals, and the names as found in it.

    Candidates: the JSON's own folder; `images` in it and beside it; a folder beside either named as the JSON is, after
    `instances_` (train2017); one named as its split; and the JSON's parent folder. Where no name is found as it
    stands, paths of another machine are cut to their last part.

    Raises:
        BadInput: none of them holds any of the images.
    """
    candidates = [file.images] if file.images else _candidate_folders(file.path)
    stated = [name.replace("\\", "/") for name in names]
    for tried in (stated, [name.rsplit("/", 1)[-1] for name in stated]):
        for sample in (tried[:: max(len(tried) // _NAMES_TRIED, 1)], tried):
            held = [sum((folder / name).is_file() for name in sample) for folder in candidates]
            if max(held) or not names:
                return candidates[held.index(max(held))], tried
    raise BadInput(_no_images(file, names, candidates))


def _candidate_folders(path: Path) -> list[Path]:
    folder, parent = path.parent, path.parent.parent
    tail = path.stem.removeprefix("instances_")
    words = [word for word in (tail, split_named(tail)) if word]
    named = [base / word for word in words for base in (parent, parent / "images", folder, folder / "images")]
    candidates = [folder, folder / "images", parent / "images", *named, parent]
    return [candidate for candidate in dict.fromkeys(candidates) if candidate.is_dir()]


def _no_images(file: CocoFile, names: list[str], candidates: list[Path]) -> str:
    looked = ", ".join(str(folder) for folder in candidates)
    text = f"{file.path}: none of the {len(names)} images that it names exists ({names[0]!r} ...). Looked in {looked}."
    others = [path for path in (file.images or file.path.parent).iterdir() if path.suffix.lower() in SUFFIXES]
    if others:
        return (
            f"{text} The {len(others)} images beside it, such as {others[0].name!r}, are not in it: these annotations "
            "are of other images. Put its own images there, or the right JSON."
        )
    return f"{text} Put them there. Scoring a results file needs no images: `detect evaluate --predictions`."
