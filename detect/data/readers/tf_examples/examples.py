"""Read a dataset whose splits are TFRecord files of `tf.train.Example`, whatever their features are called."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.assembly.assembling import assemble, no_classes
from detect.data.readers.tf_examples.example_classes import name_classes
from detect.data.readers.tf_examples.example_content import ExampleSplit, FeatureNames, StatedClass
from detect.data.readers.tf_examples.label_map import LabelMapItem
from detect.data.readers.tf_examples.tfrecord_files import missing_shards
from detect.data.readers.tf_examples.unpacking import unpacked_file
from detect.errors import BadInput


def read_examples(
    source: Path,
    format: str,
    splits: Mapping[str, Sequence[Path]],
    features: FeatureNames,
    items: Sequence[LabelMapItem],
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """Read the examples in TFRecord files.

    Args:
        source: what the user gave, for messages.
        format: the format in words.
        splits: the files of each split.
        features: the names of the features.
        items: the names of the classes by number; none where the examples name them.
        classes: the classes in the order of their labels; where empty, the order of their numbers.
        notes: what has been decided so far.

    Raises:
        BadInput: there are no classes, or no split has images.
    """
    stated: dict[StatedClass, int] = {}
    files = {name: [unpacked_file(path.absolute()) for path in paths] for name, paths in splits.items()}
    read = {name: _read_split(paths, features, stated) for name, paths in files.items()}
    if not stated and not items:
        raise BadInput(no_classes(source, [split.annotations.problems for split in read.values()]))
    known = name_classes(list(stated), items, classes, str(source))
    described = [_described(one) for one in stated]
    annotations = {name: split.finish(known.labels, described.__getitem__) for name, split in read.items()}
    shards = [f"split {name!r}: {missing}" for name, paths in splits.items() if (missing := missing_shards(paths))]
    unpacked = [note for name, paths in splits.items() for note in _unpacked(paths, files[name])]
    notes = [*notes, *unpacked, *known.notes, *shards]
    return assemble(source, format, known.names, known.category_ids, annotations, notes)


def _read_split(paths: Sequence[Path], features: FeatureNames, classes: dict[StatedClass, int]) -> ExampleSplit:
    split = ExampleSplit(Path(os.path.commonpath([path.parent for path in paths])), features, classes)
    for path in paths:
        split.add_file(path)
    return split


def _unpacked(given: Sequence[Path], read: Sequence[Path]) -> list[str]:
    """Return a note on files that were unpacked."""
    others = [(old, new) for old, new in zip(given, read, strict=True) if old.absolute() != new]
    return [f"compressed files are unpacked ({len(others)}), such as {old} to {new}" for old, new in others[:1]]


def _described(stated: StatedClass) -> str:
    number = "no number" if stated.number is None else f"the number {stated.number}"
    return f"the class with the text {stated.text!r} and {number} is not among the classes"
