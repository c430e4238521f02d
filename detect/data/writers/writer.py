"""The description of a format that datasets can be written in, and the function that writes them.

A new format is one new file in this folder with a `WRITER`. `detect data convert --to`, docs/datasets.md and the tests
of round trips find it by themselves.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from detect.data.dataset import Dataset
from detect.data.records import Records
from detect.data.writers.features import Feature
from detect.new_folder import NewFolder


@dataclass
class Job:
    """A dataset to be written."""

    dataset: Dataset  # its records have `names`, which differ, and only boxes that the format can state
    folder: NewFolder  # where to write it
    copies: bool = False  # whether images are copied where a second name of their file would do
    step: Callable[[], None] = lambda: None  # to be called after each image
    remarks: Counter[str] = field(default_factory=Counter)  # what happened to how many images


@dataclass(frozen=True)
class Writer:
    """A format that datasets can be written in."""

    name: str  # as `--to` takes it
    title: str  # "Pascal VOC"
    files: str  # what is written, in Markdown
    lacks: tuple[Feature, ...]  # what the format has no place for
    write: Callable[[Job], None]  # OSError where a file cannot be written
    one_folder: bool = False  # whether the images of all splits lie in one folder
    by_stem: bool = False  # whether annotations are found by the names of images without suffix

    def holds(self, feature: Feature) -> bool:
        """Return whether the format has a place for a feature."""
        return feature not in self.lacks and (feature.part_of is None or self.holds(feature.part_of))

    def fitted(self, records: Records) -> Records:
        """Return records without the boxes that the format cannot state."""
        left_out = np.zeros(len(records.boxes), bool)
        for feature in self.lacks:
            if feature.boxes:
                left_out |= feature.boxes(records)
        return records.select_boxes(~left_out) if left_out.any() else records

    def losses(self, dataset: Dataset) -> list[str]:
        """Return what the format cannot hold of a dataset, with counts: a sentence for each feature that it lacks."""
        counts = ((feature, feature.count(dataset)) for feature in self.lacks)
        return [f"{feature.name} ({count}): {feature.without}" for feature, count in counts if count]
