"""`Dataset`, what every reader returns: classes, splits, and everything that was found wrong or decided on the way."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from detect.data.problems import Problems
from detect.data.records import Records
from detect.data.tolerance import MAX_LOST
from detect.errors import BadInput, counted, did_you_mean

_DESCRIPTIONS = (".yaml", ".yml", ".data")  # suffixes of files that name the files of a dataset


@dataclass(frozen=True)
class Dataset:
    """Annotated images by split, ready to use."""

    source: Path  # what the user gave
    format: str  # in words, such as "COCO JSON"
    classes: tuple[str, ...]  # K names, by label
    category_ids: tuple[int | str, ...]  # K ids, by label: those of COCO results for this dataset
    splits: Mapping[str, Records]  # by "train", "val", "test": those that can be used
    problems: Mapping[str, Problems]  # by split
    notes: tuple[str, ...]  # mappings and decisions that the user should see
    refused: Mapping[str, str] = field(default_factory=dict)  # splits that exist but cannot be used, and why
    given: "Dataset | None" = None  # as it was read, where classes or boxes have been added to it for a run

    def digest(self) -> str:
        """Return the SHA-256 of classes, splits and annotations in hexadecimal: the same in any folder."""
        hashed = hashlib.sha256(repr(self.classes).encode())
        for name, records in sorted(self.splits.items()):
            hashed.update(name.encode() + records.digest())
        return hashed.hexdigest()


def split(dataset: Dataset, name: str) -> Records:
    """Return the records of one split; BadInput where the dataset does not have it."""
    if name in dataset.splits:
        return dataset.splits[name]
    if name in dataset.refused:
        raise BadInput(_refused(dataset, name))
    raise BadInput(f"{dataset.source} has no split {name!r}. {did_you_mean(name, dataset.splits)}")


def _refused(dataset: Dataset, name: str) -> str:
    return f"The split {name!r} of {dataset.source} cannot be used. {dataset.refused[name]}"


def notes_of(dataset: Dataset, split: str) -> tuple[str, ...]:
    """Return sentences on what was noticed about a split when it was read."""
    problems = dataset.problems.get(split)
    return (*dataset.notes, *(problems.summary() if problems else ()))


def check_losses(dataset: Dataset, split: str, max_lost: float = MAX_LOST) -> None:
    """Raise BadInput where more than `max_lost` (0-1) of the images or of the boxes of a split are lost."""
    problems = dataset.problems.get(split)
    if problems is None or problems.lost_share() <= max_lost:
        return
    images = _share(problems.lost_images, problems.images_total, "images")
    boxes = _share(problems.lost_boxes, problems.boxes_total, "boxes")
    raise BadInput(
        f"{dataset.source}, split {split!r}: {images} and {boxes} cannot be used, and at most {max_lost:.0%} may be "
        "lost (`max_lost`).",
        *_reasons(problems),
        "Correct what is named here, or allow a larger share.",
    )


def check_learnable(dataset: Dataset) -> None:
    """Raise BadInput where the split "train" has no box to learn from."""
    records = split(dataset, "train")
    if not records.ignore.all():  # of no boxes, all are
        return
    boxes = len(records.boxes)
    why = (
        f"all boxes ({boxes}) are marked as crowd regions or as difficult, and are ignored. Correct these marks"
        if boxes
        else "no image has a box. Check that the labels are where the format expects them"
    )
    nothing = f"{dataset.source}: there is nothing to learn: in the split 'train', {why}."
    raise BadInput(nothing, *_reasons(dataset.problems.get("train", Problems())))


def _reasons(problems: Problems) -> list[str]:
    return [f"  {line}" for line in problems.summary(examples=3)]


def with_validation(dataset: Dataset, share: float = 0.15, seed: int = 0) -> Dataset:
    """Return the dataset with a split "val": its own, or else a part of "train" that is held out for it.

    Args:
        dataset: with or without a split "val".
        share: how much of "train" is held out, 0-1.
        seed: decides which images are held out.

    Raises:
        BadInput: the split "val" cannot be used, or there is neither one nor a split "train" with two images.
    """
    if "val" in dataset.splits:
        return dataset
    if "val" in dataset.refused:
        way_on = "Correct it, or take it out of the dataset: then a part of 'train' is held out for it."
        raise BadInput(f"{_refused(dataset, 'val')} {way_on}")
    train = split(dataset, "train")
    if len(train) < 2:
        count = counted(len(train), "training image", "training images")
        raise BadInput(f"{dataset.source}: no validation split, and {count} cannot be divided.")
    held_out = min(max(round(share * len(train)), 1), len(train) - 1)
    order = np.random.default_rng(seed).permutation(len(train))
    parts = {"train": train.select(np.sort(order[held_out:])), "val": train.select(np.sort(order[:held_out]))}
    note = f"no split 'val': {held_out} of the {len(train)} images of 'train' are held out for it (seed {seed})"
    problems = {**dataset.problems, "val": Problems(len(parts["val"]), len(parts["val"].boxes))}
    splits = {**dataset.splits, **parts}
    return replace(dataset, splits=splits, problems=problems, notes=(*dataset.notes, note))


def scored_split(dataset: Dataset, name: str) -> tuple[Dataset, Records]:
    """Return the dataset and the records to score a model on.

    A single annotation file has one split: all of it is taken, under any name. Of any other dataset without a split
    "val", a part of "train" is held out for it.
    """
    if _is_one_file(dataset) and name not in (*dataset.splits, *dataset.refused):
        dataset = _renamed(dataset, name)
    elif name == "val":
        dataset = with_validation(dataset)
    return dataset, split(dataset, name)


def _is_one_file(dataset: Dataset) -> bool:
    """Return whether the dataset is an annotation file, and not a folder or a file that names others."""
    path = dataset.source
    return len(dataset.splits) == 1 and path.is_file() and path.suffix.lower() not in _DESCRIPTIONS


def _renamed(dataset: Dataset, name: str) -> Dataset:
    """Return the dataset with its only split under another name."""
    ((only, records),) = dataset.splits.items()
    note = f"all images of {dataset.source} are taken ({len(records)}): it is one file, and has no split {name!r}"
    problems = {name: dataset.problems[only]} if only in dataset.problems else {}
    return replace(dataset, splits={name: records}, problems=problems, notes=(*dataset.notes, note))


def _share(lost: int, total: int, what: str) -> str:
    return f"{lost} of {total} {what} ({lost / total:.1%})" if total else f"none of 0 {what}"
