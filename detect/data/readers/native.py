"""Our own description of a dataset: a YAML file that says where annotations and images are.

    format: coco                    # or another of the formats that have one annotation file per split, or voc
    root: coco2017                  # folder of all paths below, relative to this file; default: this file's folder
    classes: [person, bicycle]      # optional: the order of the labels; objects of other classes are reported
    splits:
      train: {annotations: annotations/instances_train2017.json, images: train2017}
      val: {annotations: annotations/instances_val2017.json, images: val2017}

For `voc` the annotations of a split are one or more lists, such as `VOC2012/ImageSets/Main/train.txt`, or folders of
XML files. `images` is only needed where the images are not in the `JPEGImages` or `images` beside them. YOLO labels
have a description of their own, `data.yaml`. All values are text as written: a class may be called `no` or `007`.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from detect.config import Settings, build
from detect.data.dataset import Dataset
from detect.data.readers import readers
from detect.data.readers.files.text_files import read_yaml
from detect.data.readers.reader import DatasetFile, Reader, SplitFiles
from detect.data.regular_files import why_not_found
from detect.errors import BadInput, did_you_mean

Name = Annotated[str, Field(min_length=1)]  # what is not stated is an empty text, which as a path would be a folder


class SplitDescription(Settings):
    """The files of one split, relative to the description's root."""

    annotations: Name | Annotated[tuple[Name, ...], Field(min_length=1)]
    """File or files with the annotations, or folders of them."""
    images: str = ""
    """Folder of the images; empty: it is searched for."""

    def files(self, root: Path) -> SplitFiles:
        """Return the paths in `root`."""
        names = (self.annotations,) if isinstance(self.annotations, str) else self.annotations
        return SplitFiles(tuple(root / name for name in names), root / self.images if self.images else None)


class Description(Settings):
    """The content of a description file."""

    format: str
    """Name of the format of the annotations."""
    root: str = ""
    """Folder of the files of all splits, relative to the description."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty: those that the annotations name."""
    splits: Annotated[dict[Literal["train", "val", "test"], SplitDescription], Field(min_length=1)]
    """The files of each split."""


def is_native(path: Path) -> bool:
    """Return whether a YAML file means to be a description of ours."""
    return "splits" in read_yaml(path)


def read_native(path: Path) -> Dataset:
    """Read the dataset that a description of ours describes."""
    description = build(Description, read_yaml(path), str(path))
    root = path.parent / os.path.expanduser(description.root)
    if not os.path.isdir(root):
        raise BadInput(f"{path}: the folder {root} {why_not_found(root)}. Put the data there, or set 'root'.")
    formats = {name: reader.read_splits for name, reader in readers().items() if reader.read_splits}
    if description.format not in formats:
        known = did_you_mean(description.format, formats)
        raise BadInput(f"{path}: format {description.format!r} is not one that can be described. {known}")
    splits = {str(name): split.files(root) for name, split in description.splits.items()}
    return formats[description.format](path, splits, description.classes)


READER = Reader(
    files=(DatasetFile("a YAML description", (".yaml", ".yml"), "`format` and `splits`", is_native, read_native),)
)
