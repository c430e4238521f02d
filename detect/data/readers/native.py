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

A split may have several sources. `data` is a dataset of any format, which gives its split of the same name, and
`classes` are those that were looked for in the images of a source; where it is not stated, all were:

    splits:
      train:
        - {annotations: persons.json, images: street, classes: [person]}
        - {data: cars/data.yaml, classes: [car, truck]}
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from detect.config import Settings, build
from detect.data.dataset import Dataset
from detect.data.dataset import split as split_of
from detect.data.merging import Source, merge_sources
from detect.data.readers import readers
from detect.data.readers.description import open_dataset
from detect.data.readers.files.text_files import read_yaml
from detect.data.readers.reader import DatasetFile, Reader, SplitFiles
from detect.data.regular_files import why_not_found
from detect.errors import BadInput, did_you_mean

Name = Annotated[str, Field(min_length=1)]  # what is not stated is an empty text, which as a path would be a folder


class SourceDescription(Settings):
    """A source of one split; its files are relative to the description's root."""

    annotations: Name | Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """File or files with the annotations, or folders of them."""
    images: str = ""
    """Folder of the images; empty: it is searched for."""
    data: Name | None = None
    """Dataset of any format, of which the split of the same name is taken, in place of `annotations`."""
    classes: tuple[str, ...] = ()
    """Names of the classes that were looked for in these images; empty: all."""

    def files(self, root: Path) -> SplitFiles:
        """Return the paths in `root`."""
        names = (self.annotations,) if isinstance(self.annotations, str) else self.annotations or ()
        return SplitFiles(tuple(root / name for name in names), root / self.images if self.images else None)


class SplitDescription(SourceDescription):
    """One split: a source, or several in a list."""

    sources: tuple[SourceDescription, ...] = ()
    """The sources, where there are several."""

    @model_validator(mode="before")
    @classmethod
    def _as_sources(cls, stated: Any) -> Any:
        return {"sources": stated} if isinstance(stated, list) else stated

    def parts(self, where: str) -> tuple[SourceDescription, ...]:
        """Return the sources; BadInput, which begins with `where`, if there is one beside those in the list."""
        if self.sources and len(self.model_fields_set) > 1:
            raise BadInput(f"{where}: state one source, or several in a list, not both.")
        return self.sources or (self,)


class Description(Settings):
    """The content of a description file."""

    format: str = ""
    """Name of the format of the annotations."""
    root: str = ""
    """Folder of the files of all splits, relative to the description."""
    classes: tuple[str, ...] = ()
    """Names of the classes, by label; empty: those that the annotations name."""
    splits: Annotated[dict[Literal["train", "val", "test"], SplitDescription], Field(min_length=1)]
    """The sources of each split."""


def is_native(path: Path) -> bool:
    """Return whether a YAML file means to be a description of ours."""
    return "splits" in read_yaml(path)


def read_native(path: Path) -> Dataset:
    """Read the dataset that a description of ours describes."""
    description = build(Description, read_yaml(path), str(path))
    root = path.parent / os.path.expanduser(description.root)
    if not os.path.isdir(root):
        raise BadInput(f"{path}: the folder {root} {why_not_found(root)}. Put the data there, or set 'root'.")
    sources = {str(name): split.parts(f"{path}: split {name}") for name, split in description.splits.items()}
    if any(len(parts) > 1 or parts[0].data or parts[0].classes for parts in sources.values()):
        return _merged(path, description, root, sources)
    files = {name: _files(path, name, part, root) for name, (part,) in sources.items()}
    return _reader(path, description.format)(path, files, description.classes)


def _merged(
    path: Path, description: Description, root: Path, sources: Mapping[str, Sequence[SourceDescription]]
) -> Dataset:
    """Read each source by itself, and merge them."""
    read = [
        (part, _read_source(path, description.format, root, name, part))
        for name, parts in sources.items()
        for part in parts
    ]
    known = dict.fromkeys(name for _, dataset in read for name in dataset.classes)
    for name in (*description.classes, *(name for part, _ in read for name in part.classes)):
        if name not in known:
            raise BadInput(f"{path}: no source names the class {name!r}. {did_you_mean(name, known)}")
    left_out = {name: "" for name in known if description.classes and name not in description.classes}
    parts = [Source(dataset, part.classes or tuple(known)) for part, dataset in read]
    merged = merge_sources(parts, left_out, order=description.classes)
    notes = [f"{dataset.source}: {note}" for _, dataset in read for note in dataset.notes]
    return replace(merged, source=path, format=f"sources in {path.name}", notes=(*dict.fromkeys(notes), *merged.notes))


def _read_source(path: Path, format: str, root: Path, split: str, part: SourceDescription) -> Dataset:
    """Return a source as a dataset with one split."""
    if part.data is None:
        files = _files(path, split, part, root)
        dataset = _reader(path, format)(path, {split: files}, ())
        return replace(dataset, source=files.annotations[0])
    if part.annotations is not None or part.images:
        raise BadInput(f"{path}: split {split}: a source has 'data', or 'annotations' and 'images', not both.")
    dataset = open_dataset(root / os.path.expanduser(part.data))
    records = split_of(dataset, split)
    return replace(dataset, splits={split: records}, problems={split: dataset.problems[split]}, refused={})


def _files(path: Path, split: str, part: SourceDescription, root: Path) -> SplitFiles:
    if part.annotations is None:
        raise BadInput(f"{path}: 'splits.{split}.annotations' is missing. Name the file with the annotations.")
    return part.files(root)


def _reader(path: Path, format: str) -> Callable[[Path, Mapping[str, SplitFiles], Sequence[str]], Dataset]:
    formats = {name: reader.read_splits for name, reader in readers().items() if reader.read_splits}
    if format not in formats:
        stated = f"format {format!r} is not one that can be described" if format else "'format' is missing"
        raise BadInput(f"{path}: {stated}. {did_you_mean(format, formats)}")
    return formats[format]


READER = Reader(
    files=(DatasetFile("a YAML description", (".yaml", ".yml"), "`format` and `splits`", is_native, read_native),)
)
