"""COCO JSON: images, categories with any ids, and boxes as x, y, width, height.

Source: the data format page of cocodataset.org. `iscrowd` boxes become ignore regions; `area`, the mask's where there
is one, is kept for scoring by size. Where no box is stated, it is the bounds of the segmentation. Ids may be texts.

A JSON is the split that its name speaks of (`instances_val2017.json`), else "train". Images are looked for beside it,
in folders such as `images` and `data`, and in those named after the JSON or its split; by their names as they are, then
without regard to letter case, Unicode form, percent-encoding and leading folders. An image that is named several times
with different boxes is lost: files of several images had one name. Where images have LVIS's `neg_category_ids` and
`not_exhaustive_category_ids`, other classes than those with boxes or in the first list were not looked for there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from detect.data.dataset import Dataset
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble, attempt
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.categories import Category, CategoryMap, map_categories, parse_categories
from detect.data.readers.coco.coco_content import CocoContent, load_coco, locate_box, take_boxes
from detect.data.readers.coco.coco_files import (
    ROBOFLOW_FILE,
    is_coco,
    layout_files,
    loose_files,
    roboflow_files,
    split_files,
)
from detect.data.readers.coco.coco_looked_for import ABSENT
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import AnnotationFile, described_files, files_by_split, split_of_file
from detect.data.readers.images.image_folders import locate_images
from detect.data.readers.images.named_images import FoundImages
from detect.data.readers.reader import DatasetFile, DatasetFolder, Reader, SplitFiles

FORMAT = "COCO JSON"


def read_coco_file(path: Path) -> Dataset:
    """Read one COCO JSON, as the split that its name (for Roboflow's, its folder's name) speaks of, else as "train"."""
    split, note = split_of_file(path)
    return read_coco(path, {split: AnnotationFile(path)}, notes=[note])


def read_coco_files(folder: Path, paths: list[Path]) -> Dataset:
    """Read the COCO files of a folder: each as the split that its name speaks of; one alone is "train" otherwise."""
    if len(paths) == 1:
        return replace(read_coco_file(paths[0]), source=folder)
    files, notes = files_by_split(folder, paths)
    return read_coco(folder, files, notes=notes)


def read_coco_folder(folder: Path) -> Dataset:
    """Read COCO's own layout: `annotations/instances_train2017.json` and so on, the images in `train2017`."""
    return read_coco_files(folder, layout_files(Folder(folder)))


def read_loose(folder: Path) -> Dataset:
    """Read the COCO files in a folder, else those in the folders inside it that are named after splits."""
    listed = Folder(folder)
    files = loose_files(listed)
    return read_coco_files(folder, files) if files else read_coco(folder, split_files(listed))


def read_roboflow(folder: Path) -> Dataset:
    """Read a Roboflow export folder."""
    return read_coco(folder, roboflow_files(folder), format="Roboflow COCO")


def read_splits(source: Path, splits: Mapping[str, SplitFiles], classes: Sequence[str]) -> Dataset:
    """Read what a YAML description describes: one annotation file per split."""
    return read_coco(source, described_files(source, splits), classes)


def read_coco(
    source: Path,
    files: Mapping[str, AnnotationFile],
    classes: Sequence[str] = (),
    format: str = FORMAT,
    notes: Sequence[str] = (),
) -> Dataset:
    """Read a dataset whose splits are COCO files.

    Args:
        source: what the user gave, for messages.
        files: the annotation file of each split.
        classes: the classes in the order of their labels; where empty, the order is that of the category ids.
        format: the format in words.
        notes: what has been decided so far.

    Raises:
        BadInput: a file does not hold COCO truth, or no split has images.
    """
    contents = {split: load_coco(file.path) for split, file in files.items()}
    stated = {str(file.path): _categories(contents[split]) for split, file in files.items()}
    categories = map_categories(stated, classes)
    notes = [*notes, *categories.notes]
    splits = {
        split: attempt(partial(_read_split, contents.pop(split), file, categories, notes))
        for split, file in files.items()
    }
    return assemble(source, format, categories.classes, categories.category_ids, splits, notes)


def _read_split(content: CocoContent, file: AnnotationFile, categories: CategoryMap, notes: list[str]) -> Annotations:
    path = file.path
    images = content.images
    folder, found = locate_images(file, images.names)
    _report_names(content, found, folder, notes)
    images.names = found.names
    if folder != path.parent:
        notes.append(f"images of {path.name} are found in {folder}")
    if content.bounds:
        notes.append(
            f"{path.name}: where annotations state no box, the bounds of their segmentations are taken "
            f"({content.bounds})"
        )
    labels = categories.labels[str(path)]
    boxes = take_boxes(content, labels)
    owners = boxes.table["row"], boxes.table["label"]
    looked_for = content.looked_for.in_images(images.ids, content.keys, labels, len(categories.classes), owners)
    if looked_for:
        notes.append(f"{path.name}: not all classes were looked for in all images, as {ABSENT!r} says")
    return Annotations(
        source=str(path),
        locate_image=partial(_locate_image, content),
        locate_box=partial(locate_box, path),
        form=Form.SIZE,
        kept_form=Form.SIZE,
        folder=str(folder),
        keys=content.keys,
        images=images,
        boxes=boxes,
        problems=content.problems,
        looked_for=looked_for,
    )


def _categories(content: CocoContent) -> list[Category]:
    return parse_categories(content.categories, content.used_categories(), str(content.path))


def _report_names(content: CocoContent, found: FoundImages, folder: Path, notes: list[str]) -> None:
    """Report images that are found under other names than the stated ones."""
    stated = content.images.names

    def describe(row: int) -> tuple[str, str]:
        return _locate_image(content, row), f"{stated[row]!r} is {found.names[row]!r} in {folder}"

    content.problems.add_many("image with another spelling", np.flatnonzero(found.respelt), describe, "taken")
    cut = np.flatnonzero(found.cut)
    if len(cut):
        example = f"{stated[cut[0]]!r} is {found.names[cut[0]]!r}"
        notes.append(
            f"{content.path.name}: images are found without folders before their names ({len(cut)}): {example}"
        )


def _locate_image(content: CocoContent, row: int) -> str:
    return f"{content.path}: image {content.keys.key(int(content.images.ids[row]))!r}"


READER = Reader(
    files=(
        DatasetFile(
            "a COCO JSON", (".json",), "lists `images` and `annotations`", is_coco, read_coco_file, in_folders=False
        ),
    ),
    folders=(
        DatasetFolder(
            "a Roboflow COCO export",
            f"train|valid|test/{ROBOFLOW_FILE}",
            lambda folder: bool(roboflow_files(folder.path)),
            read_roboflow,
        ),
        DatasetFolder(
            "one split of a Roboflow export",
            ROBOFLOW_FILE,
            lambda folder: (folder.path / ROBOFLOW_FILE).is_file(),
            lambda folder: read_coco_file(folder / ROBOFLOW_FILE),
        ),
        DatasetFolder(
            "COCO's own layout", "annotations/*.json", lambda folder: bool(layout_files(folder)), read_coco_folder
        ),
        DatasetFolder(
            "COCO files",
            "*.json, or train|valid|test/*.json",
            lambda folder: bool(loose_files(folder) or split_files(folder)),
            read_loose,
            described=False,
        ),
    ),
    read_splits=read_splits,
)
