"""Our own description of a data set: a YAML file that says where annotations and images are.

    format: coco                    # or voc
    root: coco2017                  # folder of all paths below, relative to this file; default: this file's folder
    classes: [person, bicycle]      # optional: the order of the labels; objects of other classes are reported
    splits:
      train: {annotations: annotations/instances_train2017.json, images: train2017}
      val: {annotations: annotations/instances_val2017.json, images: val2017}

For `voc` the annotations of a split are one or more lists, such as `VOC2012/ImageSets/Main/train.txt`, and there is no
`images`: pictures lie in the `JPEGImages` beside `ImageSets`. YOLO labels have a description of their own, `data.yaml`.
"""

from pathlib import Path
from typing import Any, Literal

import yaml

from detect.config import Settings, build
from detect.data.dataset import Dataset
from detect.data.readers.coco import CocoFile, read_coco
from detect.data.readers.locating import read_text
from detect.data.readers.voc import read_voc_lists
from detect.errors import BadInput


class SplitDescription(Settings):
    """The files of one split, relative to the description's root."""

    annotations: str | tuple[str, ...]
    images: str = ""  # for COCO: the folder of the images; looked for where empty


class Description(Settings):
    """The content of a description file."""

    format: Literal["coco", "voc"]
    root: str = ""
    classes: tuple[str, ...] = ()
    splits: dict[Literal["train", "val", "test"], SplitDescription]


def load_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; BadInput otherwise."""
    try:
        content = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise BadInput(f"{path} is not YAML: {error}.") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: expected names and values, found {type(content).__name__}.")
    return content


def is_native(content: dict[str, Any]) -> bool:
    """Whether the content of a YAML file means to be a description of ours."""
    return "splits" in content


def read_native(path: Path) -> Dataset:
    """The data set that a description of ours describes."""
    description = build(Description, load_yaml(path), str(path))
    root = path.parent / Path(description.root).expanduser()
    if not root.is_dir():
        raise BadInput(f"{path}: the folder {root} does not exist. Put the data there, or set 'root'.")
    if description.format == "voc":
        lists = {str(name): [root / item for item in _listed(split)] for name, split in description.splits.items()}
        return read_voc_lists(path, lists, description.classes)
    files = {str(name): _coco_file(root, split, f"{path}: split {name}") for name, split in description.splits.items()}
    return read_coco(path, files, description.classes)


def _listed(split: SplitDescription) -> tuple[str, ...]:
    return (split.annotations,) if isinstance(split.annotations, str) else split.annotations


def _coco_file(root: Path, split: SplitDescription, where: str) -> CocoFile:
    if not isinstance(split.annotations, str):
        raise BadInput(f"{where}: COCO takes one annotation file a split, found {len(split.annotations)}.")
    images = root / split.images if split.images else None
    if images and not images.is_dir():
        raise BadInput(f"{where}: the folder of images {images} does not exist.")
    return CocoFile(root / split.annotations, images)
