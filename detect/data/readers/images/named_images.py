"""Find the images that an annotation file names, although it may name them as another system does.

A name is looked for as it stands. Then letter case, Unicode form (macOS writes "ü" as two characters) and
percent-encoding (web programs write a space as "%20") count no longer, nor does which slash is between folders, and
then the prefix that Label Studio gives to the names of uploaded files: `1a2b3c4d-a.jpg`. Then it loses its leading
folders, one after the other: paths are often those of another machine. A name that could be several files is none of
them.

A folder is not asked for each name. It is listed for the names as they stand, and once more for all steps that follow,
if there are any. Names are compared by their hashes, which take 16 bytes per name.
"""

import os
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard
from urllib.parse import unquote

import numpy as np

from detect.data.image_names import plain, without_upload
from detect.data.readers.files.listing import Folder
from detect.data.texts import Texts

MOST_PARTS = 50  # of a name: no file lies deeper


@dataclass(frozen=True)
class FoundImages:
    """The places of R named images in a folder."""

    names: Texts  # [R], relative to the folder; the stated name of an image that is not found
    found: np.ndarray  # bool [R]
    respelt: np.ndarray  # bool [R]: found in another spelling
    cut: np.ndarray  # bool [R]: found without leading folders


def find_images(stated: Texts, folder: Path) -> FoundImages:
    """Find R images in a folder, or in folders inside it, by their stated names."""
    listings = _Listings(folder)
    found = _as_stated(stated, listings)
    respelt, cut = np.zeros((2, len(stated)), bool)
    others, places = Texts(), np.full(len(stated), -1)  # names other than the stated ones, and whose they are
    rows = np.flatnonzero(~found)
    parts = np.fromiter((len(parts_of(unquote(stated[row]))) for row in rows), int, len(rows))
    usable = (parts > 0) & (parts <= MOST_PARTS)
    rows = rows[usable]
    for dropped in range(parts[usable].max(initial=0)):
        for spelling in (_as_it_is, plain, _before_upload):
            names = Texts(_ending(stated[row], dropped, spelling) for row in rows)
            positions, files = _match(names, listings, spelling)
            hits = rows[positions >= 0]
            found[hits], respelt[hits], cut[hits] = True, spelling is not _as_it_is, dropped > 0
            places[hits] = len(others) + np.arange(len(hits))
            others.extend(files[position] for position in positions[positions >= 0])
            rows = rows[positions < 0]
    return FoundImages(_replaced(stated, others, places), found, respelt, cut)


def can_name_file(value: object) -> TypeGuard[str]:
    """Return whether a value can be the name of a file: one with lone surrogates or null characters cannot."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return False
    try:
        return bool(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False


def parts_of(stated: str) -> list[str]:
    """Return the names in a path of any operating system, without drive, root and leading dots."""
    names = [name for name in re.split(r"[\\/]+", stated.strip()) if name not in ("", ".")]
    if names and re.fullmatch("[A-Za-z]:", names[0]):
        names = names[1:]
    return names


def _ending(stated: str, dropped: int, spelling: Callable[[str], str]) -> str:
    """Return a name without its first folders. In the plain spelling, slashes may be encoded: `?d=folder%2Fa.jpg`."""
    return "/".join(parts_of(stated if spelling is _as_it_is else unquote(stated))[dropped:])


def _before_upload(name: str) -> str:
    """Return the plain spelling of a name without the prefix of an upload."""
    return without_upload(plain(name))


def _as_it_is(name: str) -> str:
    return name


class _Listings:
    """The names in a folder and in folders inside it, which are given by their paths in it."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: dict[str, Texts] = {}
        self._folders: dict[str, list[str]] = {}

    def path(self, inside: str) -> str:
        """Return the path of a folder inside the folder."""
        return os.path.join(self._folder, inside)

    def read_files(self, inside: str) -> Iterator[str]:
        """Yield the names of the files in a folder, which are not kept."""
        with suppress(OSError, ValueError), os.scandir(self.path(inside)) as found:  # ValueError: a null character
            yield from (entry.name for entry in found if not entry.is_dir(follow_symlinks=False))

    def files(self, inside: str) -> Texts:
        """Return the names of the files in a folder."""
        if inside not in self._files:
            self._files[inside] = Texts(self.read_files(inside))
        return self._files[inside]

    def folders(self, inside: str) -> list[str]:
        """Return the names of the folders in a folder."""
        if inside not in self._folders:
            self._folders[inside] = [found.path.name for found in Folder(self.path(inside)).folders]
        return self._folders[inside]


def _as_stated(stated: Texts, listings: _Listings) -> np.ndarray:
    """Return which of the stated names [n] are those of files, letter by letter: bool [n]."""
    wanted, parents = _wanted(stated, listings, _as_it_is)
    held = np.fromiter((number for number, _ in _held(parents, listings.read_files, _as_it_is)), np.int64)
    held.sort()
    # The same as `np.isin`, which takes some 90 bytes per name.
    return np.searchsorted(held, wanted) < np.searchsorted(held, wanted, "right")


def _match(names: Texts, listings: _Listings, spelling: Callable[[str], str]) -> tuple[np.ndarray, Texts]:
    """Find files by their names [n], which are compared in some spelling.

    Returns:
        For each name the position of the file, int64 [n], -1 where there is none or more than one; and the files of all
        folders that are named, relative to the folder that is searched.
    """
    wanted, parents = _wanted(names, listings, spelling)
    files, hashes = Texts(), array("q")
    for number, name in _held(parents, listings.files, spelling):
        files.append(name)
        hashes.append(number)
    order = np.argsort(hashes, kind="stable")
    known = np.array(hashes, np.int64)[order]
    first, end = np.searchsorted(known, wanted), np.searchsorted(known, wanted, "right")
    return np.where(end - first == 1, np.append(order, -1)[first], -1), files


def _wanted(names: Texts, listings: _Listings, spelling: Callable[[str], str]) -> tuple[np.ndarray, dict[str, str]]:
    """Return the hashes of names [n] in some spelling, int64 [n], and their folders: as named and as they are."""
    parents: dict[str, str] = {}
    wanted = array("q")
    for name in names:
        parent, slash, base = name.rpartition("/")
        parent = parent or slash  # "/a.jpg" is not in the folder, but in that of the system
        if parent not in parents:
            parents[parent] = _folder_meant(parent, listings, spelling)
        wanted.append(hash(f"{parent}/{spelling(base)}"))
    return np.frombuffer(wanted, np.int64), parents


def _held(
    parents: Mapping[str, str], files: Callable[[str], Iterable[str]], spelling: Callable[[str], str]
) -> Iterator[tuple[int, str]]:
    """Yield the `files` of some folders: the hash that `_wanted` gives to such a name, and the path in the folder."""
    for parent, real in parents.items():
        beginning = os.path.join(real, "")  # of the names in it; empty for the folder itself
        for base in files(real):
            yield hash(f"{parent}/{spelling(base)}"), beginning + base


def _folder_meant(stated: str, listings: _Listings, spelling: Callable[[str], str]) -> str:
    """Return the folder that is meant by a name in some spelling, or the name where there is none."""
    if spelling is _as_it_is or os.path.isabs(stated):
        return stated
    real = ""
    for part in stated.split("/"):
        if not os.path.isdir(listings.path(os.path.join(real, part))):
            alike = [name for name in listings.folders(real) if spelling(name) == spelling(part)]
            part = alike[0] if len(alike) == 1 else part
        real = os.path.join(real, part)
    return real


def _replaced(stated: Texts, others: Texts, places: np.ndarray) -> Texts:
    """Return the stated names with others in their places, where these are not -1."""
    if not len(others):
        return stated
    return Texts(others[place] if place >= 0 else stated[row] for row, place in enumerate(places.tolist()))
