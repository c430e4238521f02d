"""Divide a dataset into splits, so that each has its share of every class and no image of one is nearly in another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from detect.data.curation.class_counts import count_classes
from detect.data.curation.grouping import belonging_together
from detect.data.curation.stratifying import stratify
from detect.data.dataset import Dataset
from detect.data.joining import join
from detect.data.records import Records
from detect.errors import BadInput, counted

_NAMED = 5  # classes in a note

Progress = Callable[[int, int], None]


def divide(
    dataset: Dataset,
    shares: Mapping[str, float],
    seed: int = 0,
    group_by: str = "",
    near_duplicates: bool = True,
    progress: Progress = lambda done, total: None,
) -> Dataset:
    """Divide all images of a dataset anew, as `detect data split` does; the splits that it has are joined first.

    Args:
        dataset: what to divide.
        shares: the share of each split but "train", which gets the rest: {"val": 0.2, "test": 0.1}.
        seed: decides about images that are alike in their classes.
        group_by: what keeps images together by their names, see `detect.data.curation.grouping.by_names`; empty:
            nothing.
        near_duplicates: decode all images, and keep those in one split that show nearly the same.
        progress: called with the number of images that are decoded, and of all.

    Returns:
        The dataset with the new splits, and with notes on what was decided.

    Raises:
        BadInput: the shares leave nothing for training, or there are fewer groups of images than splits.
    """
    parts = {"train": 1 - sum(shares.values()), **shares}
    if not all(share > 0 for share in parts.values()):  # nor is "not a number" a share
        stated = ", ".join(f"{name} {share:g}" for name, share in shares.items())
        raise BadInput(f"Expected shares above 0 whose sum is below 1, because the rest is 'train'; found {stated}.")
    records, notes = join(list(dataset.splits.values()))
    groups, noted = belonging_together(records, group_by, "--group-by video", progress if near_duplicates else None)
    count = int(groups.max(initial=-1)) + 1
    if count < len(parts):
        raise BadInput(
            f"{dataset.source}: its images ({len(records)}) make {counted(count, 'group', 'groups')} of images that "
            f"belong together, and {len(parts)} splits need one each. Group by another rule, do not group, or add "
            "images."
        )
    chosen = stratify(count_classes(records, groups), list(parts.values()), seed)[groups]
    splits = {name: records.select(np.flatnonzero(chosen == part)) for part, name in enumerate(parts)}
    if len(dataset.splits) > 1:
        notes = [f"the splits {', '.join(dataset.splits)} are joined and divided anew", *notes]
    notes = [*dataset.notes, *notes, *noted, *_missing(splits, dataset.classes)]
    return replace(dataset, splits=splits, notes=tuple(notes))


def _missing(splits: Mapping[str, Records], classes: Sequence[str]) -> list[str]:
    """Return a note for each split on the classes that it has no box of, although others have some."""
    used = {name: set(np.unique(records.labels).tolist()) for name, records in splits.items()}
    every = set().union(*used.values())
    without = {name: [classes[label] for label in sorted(every - own)] for name, own in used.items()}
    return [
        f"split {name!r} has no box of classes that are in too few groups of images ({len(missing)}): "
        + ", ".join(missing[:_NAMED])
        for name, missing in without.items()
        if missing
    ]
