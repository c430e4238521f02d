"""Find images by file names of which each side may know another part: `a.jpg`, `val/a.jpg`, `/data/val/a.jpg`."""

import re
import unicodedata
from collections.abc import Sequence
from urllib.parse import unquote

import numpy as np

_NONE = (0, False, False)  # no agreement
_UPLOADED = re.compile(r"(^|/)[0-9a-f]{8}-(?=[^/]*$)")


class ImageNames:
    """The file names of R images, to look others up in. It takes 16 bytes per image besides the names."""

    def __init__(self, names: Sequence[str]):
        self._names = names
        hashes = np.fromiter((_hash(_parts(name)) for name in names), np.int64, len(names))
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]

    def find(self, name: str) -> list[int]:
        """Return the positions of the images that `name` may stand for: one where it is clear, none for an unknown one.

        Two names agree where all parts of the shorter path are the last ones of the longer. Those that agree in most
        parts are returned; among them, the whole name comes first. Case, Unicode form and percent-encoding count only
        where names differ in nothing else.
        """
        key = _hash(_parts(name))
        low, high = (np.searchsorted(self._hashes, key, side) for side in ("left", "right"))
        agreed = {row: _agreement(name, self._names[row]) for row in self._order[low:high].tolist()}
        most = max(agreed.values(), default=_NONE)
        return [row for row, agreement in agreed.items() if agreement == most > _NONE]


def plain(name: str) -> str:
    """Return a name without what systems and tools change in it: letter case, Unicode form and percent-encoding."""
    return unicodedata.normalize("NFC", unquote(name).casefold())


def without_upload(name: str) -> str:
    """Return a path with slashes without the prefix that Label Studio gives to uploaded files: `1a2b3c4d-a.jpg`."""
    return _UPLOADED.sub(r"\1", name)


def _parts(name: str) -> list[str]:
    """Return the parts of a path of any operating system, without what tools change about names."""
    return [part for part in re.split(r"[\\/]+", plain(name)) if part not in ("", ".")]


def _hash(parts: list[str]) -> int:
    return hash(parts[-1]) if parts else 0


def _agreement(one: str, other: str) -> tuple[int, bool, bool]:
    """Return how well two names agree: parts from the end, whether these are all of both, and letter by letter."""
    ours, theirs = _parts(one), _parts(other)
    count = min(len(ours), len(theirs))
    if not count or ours[-count:] != theirs[-count:]:
        return _NONE
    return count, len(ours) == len(theirs), one.endswith(other) or other.endswith(one)
