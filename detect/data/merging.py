"""Merge datasets: their classes by name, their images split by split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.data.dataset import Dataset
from detect.data.joining import join
from detect.data.looked_for import LookedFor, everywhere
from detect.data.problems import Problems
from detect.data.records import Records
from detect.errors import BadInput, counted, did_you_mean, listed


def merge(datasets: Sequence[Dataset], renamed: Mapping[str, str] | None = None, complete: bool = False) -> Dataset:
    """Return one dataset with the images of all, as `detect data merge` does.

    Classes of one name are one. They are in the order of the first dataset that has them, and keep its ids as long as
    these differ. A file that several datasets name is one image with the boxes of all. In the images of a dataset, only
    its own classes were looked for, see `detect.data.looked_for`.

    Args:
        datasets: what to merge.
        renamed: new names by old names; what has an empty new name is left out with its boxes.
        complete: whether the classes of all datasets were looked for in each of them.

    Raises:
        BadInput: no dataset has a class that is to be renamed, or no class is left.
    """
    renamed = dict(renamed or {})
    known = tuple(dict.fromkeys(name for dataset in datasets for name in dataset.classes))
    for old in renamed:
        if old not in known:
            raise BadInput(f"No dataset has a class {old!r} to be renamed. {did_you_mean(old, known)}")
    merged = merge_sources([Source(dataset, known if complete else dataset.classes) for dataset in datasets], renamed)
    return replace(merged, notes=(*merged.notes, *_alike(merged.classes)))


class Source(NamedTuple):
    """A dataset that is merged with others."""

    dataset: Dataset
    looked_for: Sequence[str]  # names of the classes that were looked for in its images


def merge_sources(sources: Sequence[Source], renamed: Mapping[str, str], order: Sequence[str] = ()) -> Dataset:
    """Return one dataset with the images of all sources.

    Args:
        sources: what to merge.
        renamed: new names by old names, see `merge`.
        order: classes that come first.

    Raises:
        BadInput: no class is left.
    """
    datasets = [source.dataset for source in sources]
    known = dict.fromkeys([*order, *(name for dataset in datasets for name in dataset.classes)])
    new = {name: renamed.get(name, name) for name in known}
    classes = tuple(dict.fromkeys(filter(None, new.values())))
    if not classes:
        raise BadInput("All classes are left out. Give at least one of them a name.")
    labels = {old: classes.index(name) if name else -1 for old, name in new.items()}
    category_ids, notes = _category_ids(datasets, new, classes)
    splits = {}
    for split in dict.fromkeys(split for dataset in datasets for split in dataset.splits):
        parts = [
            _relabelled(source, split, labels, len(classes)) for source in sources if split in source.dataset.splits
        ]
        joined, noted = join(parts)
        splits[split] = replace(joined, looked_for=joined.looked_for and joined.looked_for.unless_complete())
        notes += [f"split {split!r}: {note}" for note in noted]
    return Dataset(
        source=Path(", ".join(str(dataset.source) for dataset in datasets)),
        format="merged",
        classes=classes,
        category_ids=category_ids,
        splits=splits,
        problems=_problems(datasets),
        notes=(*_left_out(datasets, labels), *notes, *_partly_labelled(sources, labels, classes)),
        refused={name: why for dataset in datasets for name, why in dataset.refused.items()},
    )


def _relabelled(source: Source, split: str, labels: Mapping[str, int], count: int) -> Records:
    """Return the records of a split with new labels, of which there are `count`."""
    records = source.dataset.splits[split]
    columns = np.array([labels[name] for name in source.dataset.classes], np.int32)
    new = columns[records.labels]
    looked_for = _looked_for(source, records, labels, count)
    stated = records.stated and records.stated.relabelled(columns)
    kept = replace(records, labels=new, looked_for=looked_for).select_boxes(new >= 0)
    return replace(kept, stated=stated)


def _looked_for(source: Source, records: Records, labels: Mapping[str, int], count: int) -> LookedFor:
    """Return which of `count` new classes were looked for in each image: those that one of their old ones was."""
    own = records.looked_for or everywhere(len(source.dataset.classes), len(records))
    columns = {name: column for column, name in enumerate(source.dataset.classes)}
    sets = np.zeros((len(own.sets), count + 1), bool)  # the last column is for what is left out
    for name in source.looked_for:
        sets[:, labels[name]] |= own.sets[:, columns[name]] if name in columns else True
    return LookedFor(sets[:, :-1], own.rows)


def _partly_labelled(sources: Sequence[Source], labels: Mapping[str, int], classes: Sequence[str]) -> list[str]:
    """Return a note on each source in which not all classes were looked for."""
    notes = []
    for dataset, names in sources:
        found = sorted({labels[name] for name in names} - {-1})
        if len(found) < len(classes):
            images = counted(sum(map(len, dataset.splits.values())), "image", "images")
            named = listed([classes[label] for label in found])
            notes.append(f"in the {images} of {dataset.source}, these classes were looked for: {named or 'none'}")
    return notes


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
    return [
        f"class {name!r} is left out with its {counted(counts[name], 'box', 'boxes')}"
        for name, label in labels.items()
        if label < 0
    ]


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
