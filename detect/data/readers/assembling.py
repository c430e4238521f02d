"""From what a reader found to a `Dataset`."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.annotations import Annotations
from detect.data.readers.checking import check
from detect.data.records import Records
from detect.errors import BadInput


def attempt(read: Callable[[], Annotations]) -> Annotations | BadInput:
    """A split, or the reason why it cannot be used: one bad split is no reason to refuse the others."""
    try:
        return read()
    except BadInput as error:
        return error


def assemble(
    source: Path,
    format: str,
    classes: tuple[str, ...],
    category_ids: tuple[int, ...],
    splits: Mapping[str, Annotations | BadInput],
    notes: list[str],
) -> Dataset:
    """Checks what a reader found. A split given as an error, or left without images, is refused with its reason.

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


def _same_images(records: Mapping[str, Records]) -> list[str]:
    pairs = itertools.combinations(records, 2)
    return [
        f"splits {first!r} and {second!r} are the same images: scores on one say nothing of images new to the other"
        for first, second in pairs
        if (records[first].folder, records[first].paths) == (records[second].folder, records[second].paths)
    ]


def _nothing_left(annotations: Annotations) -> str:
    reasons = " ".join(annotations.problems.summary())
    return f"{annotations.source}: none of its {annotations.problems.images_total} images can be used. {reasons}"
