"""Ids of COCO files: keys by which annotations name their image and their category.

Most files count with integers. Others write these as text or as 7.0, or have names or UUIDs instead.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

Key = int | str

NO_NUMBER = -(2**63)  # of what is not an id
_FIRST_TEXT = NO_NUMBER + 1  # the numbers of ids that are texts begin here: no file counts from there
_FIRST_INTEGER = NO_NUMBER + 2**32
_LONGEST = 256  # characters
_INTEGER = re.compile(r"(-?(?:0|[1-9][0-9]{0,18}))(?:\.0)?")


def key(value: Any) -> Key | None:
    """Return the id that a value in a file states; None where it cannot be one.

    The same number is the same id, however it is written: 7, 7.0, "7" and "7.0" are the key 7. Another text is a key
    without the spaces around it, and an integer of more than 64 bits is one as text. Therefore `str` of a key tells it
    from all others.
    """
    if type(value) is int and _FIRST_INTEGER <= value < 2**63:  # as in most files: without making a text of it
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, Key):
        return None
    text = str(value).strip()
    integer = _INTEGER.fullmatch(text)
    if integer and _FIRST_INTEGER <= int(integer[1]) < 2**63:
        return int(integer[1])
    return text if 0 < len(text) <= _LONGEST and text.isprintable() else None


def key_column(keys: Sequence[Key]) -> np.ndarray:
    """Return keys [n] as an array: of int64 where all are integers, else of texts."""
    if all(isinstance(value, int) for value in keys):
        return np.array(keys, np.int64)
    return np.array([str(value) for value in keys])


def positions(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the position of each of ids [n] in `known` [m], the first where it is there twice, or -1: int64 [n]."""
    if not len(known):
        return np.full(len(ids), -1, np.int64)
    order = np.argsort(known, kind="stable")
    ordered = known[order]
    places = np.minimum(np.searchsorted(ordered, ids), len(known) - 1)
    return np.where(ordered[places] == ids, order[places], -1)


class Keys:
    """The keys of a file as integers of 64 bits: millions of them are one column.

    An integer is its own number. The texts are numbered as they are first met.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []

    def number(self, value: Any) -> int:
        """Return the number of the id that `value` states, NO_NUMBER where it cannot be one."""
        if type(value) is int and _FIRST_INTEGER <= value < 2**63:  # as in most files
            return value
        stated = key(value)
        if not isinstance(stated, str):
            return NO_NUMBER if stated is None else stated
        if stated not in self._numbers:
            self._numbers[stated] = _FIRST_TEXT + len(self._texts)
            self._texts.append(stated)
        return self._numbers[stated]

    def key(self, number: int) -> Key:
        """Return the key that has this number."""
        return number if number >= _FIRST_INTEGER else self._texts[number - _FIRST_TEXT]

    def column(self, numbers: np.ndarray) -> np.ndarray:
        """Return the keys [n] of numbers, int64 [n], as `key_column` does."""
        if (numbers >= _FIRST_INTEGER).all():
            return numbers
        return key_column([self.key(number) for number in numbers.tolist()])
