"""Make a `Dataset` of what a reader found."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from detect.data.dataset import Dataset
from detect.data.problems import Problems
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.checking import check
from detect.data.readers.assembly.ids import Key
from detect.data.records import Records
from detect.data.regular_files import not_permitted
from detect.errors import BadInput

T = TypeVar("T")  # what is read of a split


def attempt(read: Callable[[], T]) -> T | BadInput:
    """Read a split, or return why it cannot be used: one bad split is not a reason to refuse the others."""
    try:
        return read()
    except BadInput as error:
        return error
    except PermissionError as error:  # of what may be a file of the split
        return not_permitted(error)


def assemble(
    source: Path,
    format: str,
    classes: tuple[str, ...],
    category_ids: tuple[Key, ...],
    splits: Mapping[str, Annotations | BadInput],
    notes: list[str],
) -> Dataset:
    """Check what a reader found, and make a dataset of it.

    Args:
        source: what the user gave.
        format: the format in words.
        classes: K names, by label.
        category_ids: K ids, by label, which COCO results of this dataset have.
        splits: what was read of each split, or why it could not be (`attempt`). A split that is an error, or that no
            image is left of, is refused with its reason.
        notes: mappings and decisions that the user should see.

    Raises:
        BadInput: no split is left.
    """
    records, problems, refused = {}, {}, {}
    for name, annotations in splits.items():
        if isinstance(annotations, BadInput):
            refused[name] = str(annotations)
            continue
        checked = check(annotations)
        problems[name] = annotations.problems
        if len(checked):
            records[name] = checked
        else:
            refused[name] = _nothing_left(annotations)
    if not records:
        raise BadInput(" ".join(refused.values()) or f"{source}: no split was found.")
    notes = notes + _same_images(records) + [f"split {name!r} is left out. {why}" for name, why in refused.items()]
    return Dataset(source, format, classes, category_ids, records, problems, tuple(notes), refused)


def no_classes(source: Path, problems: Iterable[Problems], refused: Iterable[str] = ()) -> str:
    """Return why a dataset has no classes.

    Args:
        source: what the user gave.
        problems: those of each split that was read.
        refused: why the others could not be.
    """
    reasons = [line for found in problems for line in found.summary()]
    why = " ".join([*reasons, *refused]) or "No object is annotated in any split."
    return f"{source}: there is no class to learn. {why}"


def _same_images(records: Mapping[str, Records]) -> list[str]:
    pairs = itertools.combinations(records, 2)
    return [
        f"splits {first!r} and {second!r} are the same images: the scores on one are not scores on new images"
        for first, second in pairs
        if (records[first].folder, records[first].paths) == (records[second].folder, records[second].paths)
    ]


def _nothing_left(annotations: Annotations) -> str:
    reasons = " ".join(annotations.problems.summary())
    return f"{annotations.source}: none of its images ({annotations.problems.images_total}) can be used. {reasons}"
