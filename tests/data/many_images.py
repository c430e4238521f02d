"""Datasets in memory, without files, for the tests of what divides and joins them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from records_of import records_of

from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.records import Record


def dataset_of(classes: str, folder: str = "/data", **splits: Sequence[str]) -> Dataset:
    """Return a dataset whose classes are single letters.

    Args:
        classes: their letters, by label.
        folder: of the images.
        splits: for each image its name and a letter for each box: "a.jpg xxy".
    """
    records = {
        split: records_of(_record(f"{folder}/{split}", line, classes, row) for row, line in enumerate(lines))
        for split, lines in splits.items()
    }
    problems = {split: Problems(len(part), len(part.boxes)) for split, part in records.items()}
    return Dataset(Path(folder), "none", tuple(classes), tuple(range(1, len(classes) + 1)), records, problems, ())


def _record(folder: str, line: str, classes: str, row: int) -> Record:
    name, _, letters = line.partition(" ")
    lefts = np.arange(len(letters), dtype=np.float32)
    boxes = np.stack([lefts, lefts, lefts + 2, lefts + 2], axis=1)
    labels = np.array([classes.index(letter) for letter in letters], np.int32)
    ignore = np.zeros(len(letters), bool)
    return Record(Path(folder, name), row + 1, 100, 100, boxes, labels, ignore, np.full(len(letters), 4.0))


def lines_of(dataset: Dataset, split: str) -> list[str]:
    """Return the images of a split as they are given to `dataset_of`."""
    return [
        " ".join([record.image_path.name, *filter(None, ["".join(dataset.classes[label] for label in record.labels)])])
        for record in dataset.splits[split]
    ]
