"""Datasets that TensorFlow Datasets has prepared: `dataset_info.json`, `features.json`, and shards of TFRecord.

Source: the pages on the format and the layout of tensorflow.org/datasets, and the features of its datasets. Features
have the names of `features.json`, those within others after a slash: `objects/bbox`. Boxes are ymin, xmin, ymax, xmax
as fractions of the image. The numbers of classes count from 0, and `objects-label.labels.txt` names them. Boxes with
`is_crowd`, `is_difficult`, `is_group_of` or `is_ignored` become ignore regions.

`tfds:coco/2017` is the dataset of that name in the folder `TFDS_DATA_DIR`, by default `~/tensorflow_datasets`. The
package `tensorflow_datasets` prepares it where it is not there.
"""

import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from detect.data.dataset import Dataset
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_names, read_text
from detect.data.readers.reader import DatasetFolder, Reader
from detect.data.readers.tf_examples.example_content import FeatureNames
from detect.data.readers.tf_examples.examples import read_examples
from detect.data.readers.tf_examples.label_map import LabelMapItem
from detect.data.readers.tf_examples.tfrecord_files import record_files
from detect.errors import BadInput

FORMAT = "TensorFlow Datasets"
_INFO, _FEATURES = "dataset_info.json", "features.json"
_SPLITS = {"validation": "val"}
_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"  # of the names of files, where none is stated
_IGNORED = ("is_crowd", "is_difficult", "is_group_of", "is_ignored")
_LEVELS = 2  # of folders below that of the name: config and version


def is_prepared(folder: Folder) -> bool:
    """Return whether a folder has the two files that describe a prepared dataset."""
    return (folder.path / _INFO).is_file() and (folder.path / _FEATURES).is_file()


def read_prepared(folder: Path) -> Dataset:
    """Read a folder that TensorFlow Datasets has prepared.

    Raises:
        BadInput: its examples have no images with boxes, or its files are not TFRecord files.
    """
    objects = _objects(folder)
    items = _classes(folder, objects)
    return read_examples(folder, FORMAT, _splits(folder), _feature_names(objects), items)


def read_named(name: str) -> Dataset:
    """Read a dataset by its name, `coco`, `coco/2017` or `coco/2017:1.1.0`; prepare it where it is not.

    Raises:
        BadInput: the name stands for several datasets, or for none that is prepared or can be.
    """
    base = Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    wanted, _, version = name.partition(":")
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.+-]*)?", wanted):
        raise BadInput(f"'tfds:{name}' is not a dataset. Expected tfds:NAME, tfds:NAME/CONFIG or tfds:NAME:VERSION.")
    prepared = _prepared_below(Folder(base / wanted), _LEVELS)
    found = [folder for folder in prepared if folder.name == (version or folder.name)]
    if not found:
        return read_prepared(_prepare(name, base))
    configs = {folder.parent for folder in found}
    if len(configs) > 1:
        names = ", ".join(f"tfds:{wanted}/{config.name}" for config in sorted(configs))
        raise BadInput(f"tfds:{name} is prepared in several configurations: give one of {names}.")
    return read_prepared(max(found, key=_version))


class _Objects(NamedTuple):
    """The features of an example that hold its image and its boxes."""

    image: str
    prefix: str  # of the names of the features of objects, with its slash; empty for a single object
    box: str
    label: str  # empty where objects have no class
    class_count: int  # 0 where it is not stated


def _objects(folder: Path) -> _Objects:
    features = _members(_object(folder / _FEATURES))
    images = [name for name, value in features.items() if "image" in value]
    groups = {f"{name}/": _members(_part(_part(value, "sequence"), "feature")) for name, value in features.items()}
    for prefix, members in {**groups, "": features}.items():
        boxes = [name for name, value in members.items() if "boundingBox" in value]
        if boxes and images:
            labels = [name for name, value in members.items() if "classLabel" in value]
            label = next((name for name in ("label", "category", *labels) if name in labels), "")
            stated = str(_part(members.get(label), "classLabel").get("numClasses", 0))
            image = "image" if "image" in images else images[0]
            box = "bbox" if "bbox" in boxes else boxes[0]
            return _Objects(image, prefix, box, label, int(stated) if re.fullmatch("[0-9]{1,6}", stated) else 0)
    raise BadInput(f"{folder}: expected an image and bounding boxes in {_FEATURES}, found: {', '.join(features)}.")


def _feature_names(objects: _Objects) -> FeatureNames:
    prefix, image = objects.prefix, objects.image
    return FeatureNames(
        image=image,
        file_name=f"{image}/filename",
        image_id=f"{image}/id",
        size=("width", "height"),
        corners=(prefix + objects.box,),
        class_number=prefix + objects.label if objects.label else "",
        class_text="",
        ignored=tuple(prefix + name for name in _IGNORED),
        area=f"{prefix}area",
    )


def _classes(folder: Path, objects: _Objects) -> list[LabelMapItem]:
    if not objects.label:  # all objects are of one class, as in datasets of faces
        return [LabelMapItem(0, "", objects.prefix.strip("/") or "object")]
    path = folder / f"{objects.prefix}{objects.label}.labels.txt".replace("/", "-")
    names = read_names(path) if path.is_file() else [str(number) for number in range(objects.class_count)]
    return [LabelMapItem(number, name, name) for number, name in enumerate(names)]


def _splits(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split that has some."""
    info, paths = _object(folder / _INFO), record_files(Folder(folder))
    if info.get("fileFormat", "tfrecord") != "tfrecord":
        raise BadInput(
            f"{folder}: its files are {info['fileFormat']!r:.40}, which cannot be read. Prepare the dataset again with "
            "file_format='tfrecord'."
        )
    stated = info.get("splits")
    splits = {}
    for split in stated if isinstance(stated, list) else []:
        name = split.get("name") if isinstance(split, dict) else None
        if isinstance(name, str):
            pattern = _pattern(str(split.get("filepathTemplate") or _TEMPLATE), str(info.get("name", "")), name)
            if files := [path for path in paths if re.fullmatch(pattern, path.name)]:
                splits[_SPLITS.get(name, name)] = files
    if not splits:
        raise BadInput(f"{folder}: no file of a split is there that {_INFO} names. Prepare the dataset again.")
    return splits


def _pattern(template: str, dataset: str, split: str) -> str:
    """Return the pattern of the names of the files of a split."""
    known = {"{DATASET}": re.escape(dataset), "{SPLIT}": re.escape(split)}
    return "".join(
        known.get(part, ".*") if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{\w+\})", template.rpartition("/")[2])
    )


def _prepared_below(folder: Folder, levels: int) -> list[Path]:
    if is_prepared(folder):
        return [folder.path]
    return [found for inside in (folder.folders if levels else []) for found in _prepared_below(inside, levels - 1)]


def _version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall("[0-9]{1,9}", folder.name)]


def _prepare(name: str, base: Path) -> Path:
    """Let TensorFlow Datasets download and prepare a dataset; return its folder."""
    try:
        tfds = importlib.import_module("tensorflow_datasets")
    except ImportError:
        raise BadInput(
            f"tfds:{name} is not prepared in {base}, and tensorflow-datasets, which can do that, is not installed. "
            "Run: pip install tensorflow-datasets. If it is prepared elsewhere, set TFDS_DATA_DIR."
        ) from None
    try:
        builder = tfds.builder(name, data_dir=str(base), file_format="tfrecord")
        builder.download_and_prepare()
    except Exception as error:  # each dataset has a program of its own, which may raise anything
        reason = " ".join(str(error).split())
        raise BadInput(f"tfds:{name}: TensorFlow Datasets cannot prepare it in {base}: {reason:.300}") from None
    return Path(str(builder.data_dir))


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: expected an object, found {type(content).__name__}.")
    return content


def _members(feature: Any) -> dict[str, Mapping]:
    """Return the features in a dictionary of features; none where it is another kind of feature."""
    members = _part(_part(feature, "featuresDict"), "features")
    return {name: value for name, value in members.items() if isinstance(value, dict)}


def _part(value: Any, name: str) -> Mapping:
    part = value.get(name) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}


READER = Reader(
    folders=(
        DatasetFolder("a dataset of TensorFlow Datasets", f"{_INFO} and {_FEATURES}", is_prepared, read_prepared),
    ),
    read_named=read_named,
)
