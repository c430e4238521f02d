"""The classes of examples: boxes say the name or the number of theirs, and a label map may name the numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detect.data.readers.tf_examples.example_content import StatedClass
from detect.data.readers.tf_examples.label_map import LabelMapItem
from detect.errors import BadInput

_ByNumber = dict[int | None, str]


@dataclass(frozen=True)
class ExampleClasses:
    """The K classes of examples."""

    names: tuple[str, ...]  # by label
    category_ids: tuple[int, ...]  # by label: their numbers in the examples, where these are clear
    labels: np.ndarray  # int64 [C]: the label of each stated class, -1 where it is none of these
    notes: tuple[str, ...]


def name_classes(
    stated: Sequence[StatedClass], items: Sequence[LabelMapItem], classes: Sequence[str], where: str
) -> ExampleClasses:
    """Give names and labels to the classes that boxes state. The text counts, and the number where there is none.

    Args:
        stated: C different statements of boxes.
        items: of the label map; none where there is none.
        classes: the names in the order of their labels; none for the order of the numbers.
        where: names the dataset in messages.

    Raises:
        BadInput: there is none of the name of one of `classes`.
    """
    by_number, by_text = _names(stated, items)
    found = [_name_of(one, by_text, by_number) for one in stated]
    numbers: dict[str, int] = {}
    for number, name in sorted((number, name) for number, name in by_number.items() if number is not None):
        numbers.setdefault(name, number)
    known = _in_order(numbers, found)
    names = tuple(classes) or known
    if missing := [name for name in names if name not in known]:
        raise BadInput(f"{where}: no class is named {', '.join(missing)}. Known: {', '.join(known)}.")
    labels = {name: label for label, name in enumerate(names)}
    ids = [numbers.get(name) for name in names]
    whole = tuple(number for number in ids if number is not None)
    notes = [f"labels: {', '.join(f'{label} {name!r}' for name, label in labels.items())}"]
    notes += _contradictions(stated, by_text, by_number)
    return ExampleClasses(
        names,
        whole if len(whole) == len(names) else tuple(range(1, len(names) + 1)),
        np.array([*(labels.get(name, -1) for name in found), -1], np.int64)[: len(stated)],
        tuple(notes),
    )


def _names(stated: Sequence[StatedClass], items: Sequence[LabelMapItem]) -> tuple[_ByNumber, dict[str, str]]:
    """Return the name of each class by its number and by its text, after the label map or else after the boxes."""
    if items:
        by_text = {text: item.display_name for item in items for text in (item.name, item.display_name)}
        return {item.number: item.display_name for item in items}, by_text
    by_number: _ByNumber = {one.number: str(one.number) for one in stated if one.number is not None}
    by_number |= {one.number: one.text for one in reversed(stated) if one.number is not None and one.text}
    return by_number, {one.text: one.text for one in stated if one.text}


def _name_of(stated: StatedClass, by_text: Mapping[str, str], by_number: _ByNumber) -> str:
    """Return the name of a class; empty where it is unknown."""
    if stated.text or stated.number is None:
        return by_text.get(stated.text, "")
    return by_number.get(stated.number, "")


def _in_order(numbers: dict[str, int], found: Sequence[str]) -> tuple[str, ...]:
    """Return class names by their numbers, then those without a number by name."""
    return tuple(dict.fromkeys([*numbers, *sorted(filter(None, found))]))


def _contradictions(stated: Sequence[StatedClass], by_text: Mapping[str, str], by_number: _ByNumber) -> list[str]:
    """Return a note on each text whose number is another class."""
    return [
        f"boxes say {one.text!r}, and their number {one.number} is {by_number[one.number]!r}: the text counts"
        for one in stated
        if one.text in by_text and by_number.get(one.number, by_text[one.text]) != by_text[one.text]
    ]
