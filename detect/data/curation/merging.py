"""Merge datasets: their classes by name, their images split by split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from detect.data.curation.joining import join
from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.records import Records
from detect.errors import BadInput, did_you_mean


def merge(datasets: Sequence[Dataset], renamed: Mapping[str, str] | None = None) -> Dataset:
    """Return one dataset with the images of all, as `detect data merge` does.

    Classes of one name are one. They are in the order of the first dataset that has them, and keep its ids as long as
    these differ. A file that several datasets name is one image with the boxes of all.

    Args:
        datasets: what to merge.
        renamed: new names by old names; what has an empty new name is left out with its boxes.

    Raises:
        BadInput: no dataset has a class that is to be renamed, or no class is left.
    """
    renamed = dict(renamed or {})
    known = dict.fromkeys(name for dataset in datasets for name in dataset.classes)
    for old in renamed:
        if old not in known:
            raise BadInput(f"No dataset has a class {old!r} to be renamed. {did_you_mean(old, known)}")
    new = {name: renamed.get(name, name) for name in known}
    classes = tuple(dict.fromkeys(filter(None, new.values())))
    if not classes:
        raise BadInput("All classes are left out. Give at least one of them a name.")
    labels = {old: classes.index(name) if name else -1 for old, name in new.items()}
    category_ids, notes = _category_ids(datasets, new, classes)
    splits = {}
    for split in dict.fromkeys(split for dataset in datasets for split in dataset.splits):
        parts = [_relabelled(dataset, split, labels) for dataset in datasets if split in dataset.splits]
        splits[split], noted = join(parts)
        notes += [f"split {split!r}: {note}" for note in noted]
    return Dataset(
        source=Path(", ".join(str(dataset.source) for dataset in datasets)),
        format="merged",
        classes=classes,
        category_ids=category_ids,
        splits=splits,
        problems=_problems(datasets),
        notes=(*_left_out(datasets, labels), *notes, *_alike(classes)),
        refused={name: why for dataset in datasets for name, why in dataset.refused.items()},
    )


def _relabelled(dataset: Dataset, split: str, labels: Mapping[str, int]) -> Records:
    records = dataset.splits[split]
    new = np.array([labels[name] for name in dataset.classes], np.int32)[records.labels]
    return replace(records, labels=new).select_boxes(new >= 0)


def _category_ids(
    datasets: Sequence[Dataset], new: Mapping[str, str], classes: Sequence[str]
) -> tuple[tuple[int | str, ...], list[str]]:
    """Return the ids of the classes, and a note where they are other ids."""
    ids: dict[str, int | str] = {}
    for dataset in datasets:
        for name, number in zip(dataset.classes, dataset.category_ids, strict=True):
            ids.setdefault(new[name], number)
    kept = tuple(ids[name] for name in classes)
    if len(set(kept)) == len(kept):
        return kept, []
    return tuple(range(1, len(classes) + 1)), ["classes of several datasets have the same id: all are numbered from 1"]


def _left_out(datasets: Sequence[Dataset], labels: Mapping[str, int]) -> list[str]:
    """Return a note on each class that is left out, with its number of boxes."""
    counts = Counter[str]()
    for dataset in datasets:
        for records in dataset.splits.values():
            boxes = np.bincount(records.labels, minlength=len(dataset.classes))
            counts.update(dict(zip(dataset.classes, boxes.tolist(), strict=True)))
    return [f"class {name!r} is left out with its {counts[name]} boxes" for name, label in labels.items() if label < 0]


def _alike(classes: Sequence[str]) -> list[str]:
    """Return a note on each pair of names that differ only in case, spaces or signs between words."""
    first: dict[str, str] = {}
    pairs = [(first.setdefault("".join(filter(str.isalnum, name.casefold())), name), name) for name in classes]
    return [
        f"{one!r} and {other!r} are two classes; to make them one: --map '{other}={one}'"
        for one, other in pairs
        if one != other
    ]


def _problems(datasets: Sequence[Dataset]) -> dict[str, Problems]:
    joined: dict[str, Problems] = {}
    for dataset in datasets:
        for split, problems in dataset.problems.items():
            own = joined.setdefault(split, Problems())
            own.images_total += problems.images_total
            own.boxes_total += problems.boxes_total
            own.join(problems)
    return joined
