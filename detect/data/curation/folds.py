"""Cross-validation: the images of a dataset in folds, each of which is held out once while the others are learnt from.

Images that belong together are in one fold, so that nothing of a fold is known to the model that is scored on it, and
each fold has its share of every class, as far as there are enough groups.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detect.data.curation.class_counts import count_classes
from detect.data.curation.grouping import belonging_together
from detect.data.curation.stratifying import stratify
from detect.data.dataset import Dataset, notes_of, split
from detect.data.joining import join
from detect.data.problems import Problems
from detect.data.records import Records
from detect.errors import BadInput, counted, listed

PARTS = ("train", "val")  # the splits that are divided; others, such as "test", stay as they are


@dataclass(frozen=True)
class Folds:
    """A dataset in K folds."""

    dataset: Dataset  # as it was opened
    records: Records  # R images of `PARTS`
    numbers: np.ndarray  # int64 [R], the fold of each image, 1..K
    notes: tuple[str, ...]  # all that was noticed and decided

    def held_out(self, fold: int) -> Dataset:
        """Return the dataset with one fold as its split "val", and the others as "train"."""
        kept = self.numbers == fold
        parts = {"train": self.records.select(np.flatnonzero(~kept)), "val": self.records.select(np.flatnonzero(kept))}
        found = {name: Problems(len(records), len(records.boxes)) for name, records in parts.items()}
        return replace(
            self.dataset,
            splits={**self.dataset.splits, **parts},
            problems={**self.dataset.problems, **found},
            notes=self.notes,
        )


def divide_into_folds(
    dataset: Dataset,
    count: int,
    seed: int = 0,
    group_by: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Folds:
    """Divide the images of the splits "train" and "val" into folds.

    Args:
        dataset: what to divide.
        count: K, two or more.
        seed: decides about images that are alike in their classes.
        group_by: what keeps images together by their names, see `detect.data.curation.grouping.by_names`; empty:
            nothing. Those that show nearly the same are kept together in any case.
        progress: called with the number of images that are decoded, and of all.

    Raises:
        BadInput: a split cannot be used, or there are fewer groups of images than folds.
    """
    names = [name for name in PARTS if name in dataset.splits or name in dataset.refused]
    records, joined = join([split(dataset, name) for name in names or PARTS])
    groups, noted = belonging_together(records, group_by, "--set group_by=video", progress)
    found = int(groups.max(initial=-1)) + 1
    if found < count:
        raise BadInput(
            f"--folds {count}: the images of {dataset.source} ({len(records)}) make "
            f"{counted(found, 'group', 'groups')} of images that belong together, and each fold needs one. "
            f"{_way_on(found)}"
        )
    numbers = 1 + stratify(count_classes(records, groups), [1 / count] * count, seed)[groups]
    decided = f"{len(records)} images of {' and '.join(names)} are divided into {count} folds (seed {seed})"
    problems = [f"{name}: {line}" for name in names for line in notes_of(replace(dataset, notes=()), name)]
    missing = _in_one_fold(records, numbers, dataset.classes)
    return Folds(dataset, records, numbers, (*dataset.notes, *problems, decided, *joined, *noted, *missing))


def _way_on(groups: int) -> str:
    return f"Give --folds {groups} or fewer." if groups > 1 else "Add images, or group them by another rule."


def _in_one_fold(records: Records, numbers: np.ndarray, classes: Sequence[str]) -> list[str]:
    """Return a note on the classes whose boxes are in a single fold; an empty list where there are none."""
    counts = count_classes(records, numbers)
    folds = np.bincount(counts.label, minlength=len(classes))
    alone = [classes[label] for label in np.flatnonzero(folds == 1).tolist()]
    if not alone:
        return []
    return [
        f"all boxes of {listed(alone)} are in one fold: the model that is scored on them has not learnt this class, "
        "and AP counts it as 0. Add images of it, in other surroundings"
    ]
