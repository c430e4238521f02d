"""TFRecord files of the TensorFlow Object Detection API: images, boxes and classes in records of `tf.train.Example`.

Source: `tf_example_decoder.py` of the API, and its page on preparing inputs. Corners are fractions of the image's width
and height, as it is stored: `image/object/bbox/xmin`, `ymin`, `xmax`, `ymax`. Crowds, difficult objects and groups
become ignore regions. A class is known by its text, else by its number; a label map (`.pbtxt`) beside the files or in
the folder above names the numbers. Without one, the texts and numbers in the examples do.

A file is of the split that its name speaks of, else "train"; in folders named `train`, `valid` and `test`, it is of the
split of its folder. Files of one split are its shards. Images are not unpacked: each is read from its place in the
file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import SPLIT_FOLDERS, require_readable, split_of_file
from detect.data.readers.images.locating import split_named
from detect.data.readers.reader import DatasetFile, DatasetFolder, Reader, SplitFiles
from detect.data.readers.tf_examples.example_content import FeatureNames
from detect.data.readers.tf_examples.examples import read_examples
from detect.data.readers.tf_examples.label_map import LabelMapItem, find_label_map, read_label_map
from detect.data.readers.tf_examples.tfrecord_files import SUFFIXES, first_record, record_files
from detect.data.tf_example import Example

FORMAT = "TFRecord"
FEATURES = FeatureNames(
    image="image/encoded",
    file_name="image/filename",
    image_id="image/source_id",
    size=("image/width", "image/height"),
    corners=tuple(f"image/object/bbox/{name}" for name in ("xmin", "ymin", "xmax", "ymax")),
    class_number="image/object/class/label",
    class_text="image/object/class/text",
    ignored=tuple(f"image/object/{name}" for name in ("is_crowd", "difficult", "group_of")),
    area="image/object/area",
)
_FILES_TRIED = 20


def read_tfrecord_file(path: Path) -> Dataset:
    """Read one TFRecord file, as the split that its name speaks of, else as "train"."""
    split, note = split_of_file(path)
    return read_tfrecords(path, {split: [path]}, notes=[note])


def read_tfrecord_folder(folder: Path) -> Dataset:
    """Read the TFRecord files of a folder, or of folders in it that are named after splits."""
    listed = Folder(folder)
    files = detection_files(listed)
    if files:
        splits, notes = _by_name(files)
        return read_tfrecords(folder, splits, notes=notes)
    return read_tfrecords(folder, split_folders(listed))


def read_splits(source: Path, splits: Mapping[str, SplitFiles], classes: Sequence[str]) -> Dataset:
    """Read what a YAML description describes: one or more files per split."""
    return read_tfrecords(source, {name: list(files.annotations) for name, files in splits.items()}, classes)


def read_tfrecords(
    source: Path, splits: Mapping[str, Sequence[Path]], classes: Sequence[str] = (), notes: Sequence[str] = ()
) -> Dataset:
    """Read a dataset whose splits are TFRecord files.

    Args:
        source: what the user gave, for messages.
        splits: the files of each split.
        classes: the classes in the order of their labels; where empty, the order of their numbers.
        notes: what has been decided so far.

    Raises:
        BadInput: there are no classes, the label maps contradict each other, or no split has images.
    """
    items, noted = _label_map([path.parent for paths in splits.values() for path in paths])
    return read_examples(source, FORMAT, splits, FEATURES, items, classes, [*notes, *noted])


def detection_files(folder: Folder) -> list[Path]:
    """Return the TFRecord files of a folder, if the first that can be read holds images."""
    files = record_files(folder)
    return files if any(is_detection_file(path) for path in files[:_FILES_TRIED]) else []


def split_folders(folder: Folder) -> dict[str, list[Path]]:
    """Return the TFRecord files in folders named after splits, by split."""
    splits: dict[str, list[Path]] = {}
    for name in SPLIT_FOLDERS:
        if files := detection_files(folder.inside(name)):
            splits.setdefault(str(split_named(name)), []).extend(files)
    for name in SPLIT_FOLDERS if splits else ():
        require_readable(folder.inside(name), SUFFIXES)
    return splits


def is_detection_file(path: Path) -> bool:
    """Return whether the first record of a file is an example with an encoded image."""
    try:
        return FEATURES.image in Example(first_record(path))
    except ValueError:
        return False


def _by_name(paths: Sequence[Path]) -> tuple[dict[str, list[Path]], list[str]]:
    """Return files by the splits that their names speak of, and notes; where none does, all are "train"."""
    splits: dict[str, list[Path]] = {}
    for path in paths:
        splits.setdefault(split_named(path.name) or "", []).append(path)
    others = splits.pop("", [])
    names = ", ".join(path.name for path in others)
    if not splits:
        return {"train": others}, [f"no split is in the names {names}: all are split 'train'"]
    return splits, [f"not read, because no split is in their names: {names}"] if others else []


def _label_map(folders: Sequence[Path]) -> tuple[list[LabelMapItem], list[str]]:
    path = find_label_map(folders) or find_label_map([folder.parent for folder in folders])
    return (read_label_map(path), [f"the classes are named by {path}"]) if path else ([], [])


READER = Reader(
    files=(
        DatasetFile(
            "a TFRecord file",
            SUFFIXES,
            "a `tf.train.Example` with `image/encoded`",
            is_detection_file,
            read_tfrecord_file,
            in_folders=False,
        ),
    ),
    folders=(
        DatasetFolder(
            "TFRecord files",
            "*.tfrecord, or train|valid|test/*.tfrecord",
            lambda folder: bool(detection_files(folder) or split_folders(folder)),
            read_tfrecord_folder,
        ),
    ),
    read_splits=read_splits,
)
