"""Write a corrected copy of a dataset, and a list of what was done to it.

Only what can be corrected without a guess is. Readers leave out or correct what cannot be used as it is (see
`detect.data.readers.assembly.checking`). Here images are left out that cannot be decoded or that are in the dataset
twice, and classes are joined whose names differ in case or spaces only.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.curation.converting import Written, convert
from detect.data.dataset import Dataset
from detect.data.doctor.all_images import AllImages
from detect.data.doctor.columns import image_of_box, images_of
from detect.data.doctor.dataset_check import Subject
from detect.data.doctor.found_examples import place
from detect.data.joining import repeats
from detect.data.merging import merge
from detect.data.problems import Problems
from detect.data.records import Records
from detect.files import write_text

FIXES = "fixes.json"  # the list, beside the copy
_SCORED_FIRST = ("test", "val", "train")  # where an image stays that is in several splits: scores stay comparable
_TRAIN_FIRST = ("train", "test", "val")
_SHORTEST_NAME = 3  # letters; the case of shorter names may be what tells classes apart, such as `a` and `A`

_Kept = Mapping[str, np.ndarray]  # by split, which images stay, bool [R]


def write_corrected(
    subject: Subject,
    folder: str | Path,
    copies: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Written, Mapping[str, Problems]]:
    """Write a corrected copy of a dataset as COCO JSON, and `fixes.json`, the list of what was done.

    Args:
        subject: the dataset, and what its pixels say.
        folder: where to write it; it is missing or empty.
        copies: as of `convert`.
        progress: as of `convert`.

    Returns:
        What was written; and by split what was done, as problems with their actions.

    Raises:
        BadInput: the folder is not empty, or more than `subject.max_lost` of a split is unusable.
        RunFailure: an image cannot be read any more, or the folder cannot be written.
    """
    dataset = corrected(subject)
    written = convert(dataset, "coco", folder, copies, subject.max_lost, progress)
    write_text(Path(folder) / FIXES, _as_json(dataset))
    return written, dataset.problems


def corrected(subject: Subject) -> Dataset:
    """Return the dataset of a subject, corrected. What was done is among its problems."""
    problems = {split: found.copy() for split, found in subject.dataset.problems.items()}
    dataset = _with_one_spelling(replace(subject.dataset, problems=problems))
    kept = {split: survey.readable.copy() for split, survey in subject.surveys.items()}
    _leave_copies_out(dataset, subject.images, kept, subject.max_lost)
    splits = {split: records.select(np.flatnonzero(kept[split])) for split, records in dataset.splits.items()}
    return replace(dataset, splits={split: records for split, records in splits.items() if len(records)})


def _with_one_spelling(dataset: Dataset) -> Dataset:
    """Join classes whose names differ in case or spaces only; the spelling of most boxes stays."""
    renamed = _other_spellings(dataset)
    if not renamed:
        return dataset
    for split, records in dataset.splits.items():
        _report_spellings(dataset.problems[split], records, dataset.classes, renamed)
    merged = merge([dataset], renamed)
    splits = {split: _without_repeats(records, dataset.problems[split]) for split, records in merged.splits.items()}
    return replace(dataset, splits=splits, classes=merged.classes, category_ids=merged.category_ids)


def _other_spellings(dataset: Dataset) -> dict[str, str]:
    """Return the names of classes that another name replaces, with that name."""
    counts = np.zeros(len(dataset.classes), np.int64)
    for records in dataset.splits.values():
        counts += np.bincount(records.labels, minlength=len(counts))
    staying: dict[str, str] = {}
    renamed = {}
    for label in np.argsort(-counts, kind="stable").tolist():
        name = dataset.classes[label]
        key = "".join(name.casefold().split())
        kept = staying.setdefault(key, name)
        if kept != name and len(key) >= _SHORTEST_NAME:
            renamed[name] = kept
    return renamed


def _report_spellings(problems: Problems, records: Records, classes: Sequence[str], renamed: Mapping[str, str]) -> None:
    def describe(row: int) -> tuple[str, str]:
        name = classes[records.labels[row]]
        return _image_path(records, row), f"class {name!r} is {renamed[name]!r}"

    rows = np.flatnonzero(np.array([name in renamed for name in classes])[records.labels])
    problems.add_many("class in another spelling", rows, describe, "renamed")


def _without_repeats(records: Records, problems: Problems) -> Records:
    def describe(row: int) -> tuple[str, str]:
        return _image_path(records, row), place(records.boxes[row])

    repeated = repeats([image_of_box(records), records.labels, records.ignore, *records.boxes.T])
    problems.add_many("duplicate box", np.flatnonzero(repeated), describe, "the first is kept")
    return records.select_boxes(~repeated)


def _image_path(records: Records, box: int) -> str:
    return str(records.image_path(int(images_of(records, np.array(box)))))


def _leave_copies_out(dataset: Dataset, images: AllImages, kept: _Kept, max_lost: float) -> None:
    """Mark in `kept` the files that are in another split too, or in the same one with the same boxes.

    An image stays where it is scored, unless "train" would lose more than `max_lost` (0-1) of its images by that.
    """
    train = np.array([name == "train" for name in images.names])[images.splits]
    first, left_out = _copies(dataset, images, _SCORED_FIRST)
    if np.count_nonzero(train[left_out] & ~train[first[left_out]]) > max_lost * np.count_nonzero(train):
        first, left_out = _copies(dataset, images, _TRAIN_FIRST)
    for image in left_out.tolist():
        (split, row), (other, original) = _place(images, image), _place(images, first[image])
        path = dataset.splits[other].image_path(original)
        what = f"the same file as {path} in {other!r}"
        dataset.problems[split].add(
            "copy of an image", str(dataset.splits[split].image_path(row)), what, "left out with its boxes"
        )
        kept[split][row] = False


def _copies(dataset: Dataset, images: AllImages, order: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the copy of each image that stays if one does, int64 [R], and the images that are left out.

    Args:
        dataset: the boxes.
        images: R images.
        order: the first of these splits that has an image keeps it.
    """
    rank = np.array([order.index(name) for name in images.names], np.int64)[images.splits]
    by_content = np.lexsort((images.rows, rank, images.contents))
    _, starts, group = np.unique(images.contents[by_content], return_index=True, return_inverse=True)
    first = np.empty(len(rank), np.int64)
    first[by_content] = by_content[starts[group]]
    later = np.flatnonzero(first != np.arange(len(first))).tolist()
    repeated = [image for image in later if _repeats(dataset, images, image, int(first[image]))]
    return first, np.array(repeated, np.int64)


def _repeats(dataset: Dataset, images: AllImages, image: int, other: int) -> bool:
    """Return whether a copy of an image is in another split, or has the same boxes."""
    (split, row), (other_split, other_row) = _place(images, image), _place(images, other)
    return split != other_split or _same_truth(dataset.splits[split], row, other_row)


def _place(images: AllImages, image: int) -> tuple[str, int]:
    return images.names[images.splits[image]], int(images.rows[image])


def _same_truth(records: Records, one: int, other: int) -> bool:
    first, second = (np.unique(np.column_stack(records.truth(row)), axis=0) for row in (one, other))
    return np.array_equal(first, second)


def _as_json(dataset: Dataset) -> str:
    content = {
        "source": str(dataset.source),
        "splits": {name: _done(found) for name, found in dataset.problems.items()},
    }
    return json.dumps(content, indent=2) + "\n"  # in ASCII: names of files need not be text


def _done(problems: Problems) -> list[dict[str, Any]]:
    """Return what was done in a split, kind by kind; of each kind the number and the first places."""
    return [
        {
            "kind": kind,
            "count": problems.counts[kind],
            "places": [{"where": one.where, "what": one.what, "action": one.action} for one in group],
        }
        for kind, group in groupby(problems, lambda problem: problem.kind)
    ]
