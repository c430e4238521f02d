"""Names for copies of images that differ from each other, on any system."""

import os
from collections.abc import Callable, Iterable, Sequence
from itertools import count

import numpy as np

from detect.data.image_names import plain
from detect.data.readers.files.listing import is_hidden
from detect.data.texts import Texts

_FORBIDDEN = frozenset('\\:*?"<>|')  # on Windows


def portable(name: str) -> str:
    """Return a name that is a path inside a folder on any system, fits on a line of a list, and is not hidden.

    Letters that are not allowed become `_`. Folders that lead upwards are left out.
    """
    return "/".join(filter(None, map(_portable_part, name.split("/")))) or "_"


def _portable_part(part: str) -> str:
    if not part.strip(" ."):  # "." and ".."
        return ""
    allowed = "".join("_" if letter in _FORBIDDEN or not letter.isprintable() else letter for letter in part)
    allowed = allowed.strip(" ").rstrip(".")
    return f"_{allowed}" if is_hidden(allowed) or allowed.startswith("'") else allowed


def unique_names(groups: Sequence[Texts], by_stem: bool) -> list[Texts]:
    """Return names that differ, also where case, Unicode form and percent-encoding do not count.

    Args:
        groups: names of which no two may be alike, in several lists.
        by_stem: whether names may not be alike without their suffixes either.

    Returns:
        The names; one that is like an earlier one gets a number behind its stem, as in `a-2.jpg`.
    """
    key = _stem_key if by_stem else plain
    names = _UniqueNames(key, (name for group in groups for name in group), sum(map(len, groups)))
    return [Texts(map(names.choose, group)) for group in groups]


def _stem_key(name: str) -> str:
    return plain(os.path.splitext(name)[0])


class _UniqueNames:
    """Chooses names. Of those that occur once only their hashes are kept: there may be a million of them."""

    def __init__(self, key: Callable[[str], str], names: Iterable[str], length: int):
        self._key = key
        hashes = np.fromiter((hash(key(name)) for name in names), np.int64, length)
        self._known, counts = np.unique(hashes, return_counts=True)
        self._shared = set(self._known[counts > 1].tolist())
        self._taken: set[str] = set()
        self._numbers: dict[str, int] = {}  # the next one to try, by key

    def choose(self, name: str) -> str:
        """Return the name, with a number behind its stem where a name like it was chosen before."""
        key = self._key(name)
        if hash(key) not in self._shared:
            return name
        if key in self._taken:
            name = self._numbered(name, key)
        self._taken.add(self._key(name))
        return name

    def _numbered(self, name: str, key: str) -> str:
        stem, suffix = os.path.splitext(name)
        numbers = count(self._numbers.get(key, 2))
        number = next(number for number in numbers if self._is_free(f"{stem}-{number}{suffix}"))
        self._numbers[key] = number + 1
        return f"{stem}-{number}{suffix}"

    def _is_free(self, name: str) -> bool:
        key = self._key(name)
        position = np.searchsorted(self._known, hash(key))
        is_known = position < len(self._known) and self._known[position] == hash(key)
        return not is_known and key not in self._taken
