"""List folders without the hidden files that systems and programs leave among the data.

macOS writes `._a.jpg` beside `a.jpg`, and `__MACOSX` into archives; Jupyter keeps copies in `.ipynb_checkpoints`. They
have the names and suffixes of data, but are not data.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, NoReturn

from detect.errors import BadInput

_SYSTEM_NAMES = frozenset(
    ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found")
)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or belongs to a system or a program."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


class _Listing(NamedTuple):
    """The names in a folder, ordered, without hidden ones."""

    folders: list[str]  # and links to folders
    names: list[str]  # of everything else
    not_files: frozenset[str]  # those of `names` that are neither files nor links to files
    error: str = ""  # why the folder cannot be listed; empty where it can


class Folder:
    """A folder, and the folders in it: each is listed once, when it is first asked for what it holds.

    A folder that does not exist or cannot be read is empty.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._inside: dict[str, Folder] = {}

    @cached_property
    def _listing(self) -> _Listing:
        try:
            return _list(self.path)
        except OSError as error:
            return _Listing([], [], frozenset(), str(error.strerror))
        except ValueError as error:  # the path is not one: it has a null character
            return _Listing([], [], frozenset(), str(error))

    @property
    def error(self) -> str:
        """The reason why the folder cannot be listed; empty where it can."""
        return self._listing.error

    @property
    def names(self) -> list[str]:
        """The names of all that is not a folder, such as a link that leads nowhere."""
        return self._listing.names

    @property
    def files(self) -> list[str]:
        """The names of files and of links to files."""
        listing = self._listing
        if not listing.not_files:
            return listing.names
        return [name for name in listing.names if name not in listing.not_files]

    @property
    def folders(self) -> list["Folder"]:
        """The folders in it, and links to folders; a link that leads to itself is not one."""
        return [self.inside(name) for name in self._listing.folders]

    def inside(self, name: str) -> "Folder":
        """Return the folder of this name in it, which may not exist."""
        return self._inside.setdefault(name, Folder(self.path / name))

    def files_with(self, suffixes: tuple[str, ...]) -> Iterator[Path]:
        """Yield the paths of the files whose names end with one of some suffixes in lower case."""
        return (self.path / name for name in self.files if name.lower().endswith(suffixes))

    def walk(
        self, leave_out: str | Path | None = None, note: Callable[[str], None] | None = None
    ) -> Iterator[tuple[str, list[str]]]:
        """Yield the path and the `names` of this folder and of each folder below it but `leave_out`.

        Links are followed after the folders beside them, and never to a folder that was visited before: one that leads
        back would have no end. Where `note` is given, folders that cannot be read are left out, and it is called with a
        sentence about each.

        Raises:
            BadInput: a folder cannot be read, and there is no `note`.
        """
        visited = set()
        if leave_out is not None:
            with suppress(OSError):
                visited.add(_identity(leave_out))
        yield from self._walk(visited, note or _refuse)

    def _walk(self, visited: set[tuple[int, int]], note: Callable[[str], None]) -> Iterator[tuple[str, list[str]]]:
        try:
            identity = _identity(self.path)
        except (OSError, ValueError):
            return
        if self.error and os.path.isdir(self.path):
            note(f"{self.path}: the folder cannot be read: {self.error}.")
        if identity in visited or self.error:
            return
        visited.add(identity)
        yield str(self.path), self.names
        for name in sorted(self._listing.folders, key=lambda name: os.path.islink(self.path / name)):
            # One that was not listed before is forgotten again: it may hold a million names.
            yield from self._inside.get(name, Folder(self.path / name))._walk(visited, note)


def unordered_names(path: str | Path) -> Iterator[str]:
    """Yield `names` of a folder as the system has them, one at a time: there may be a million."""
    with suppress(OSError), os.scandir(path) as found:
        yield from (entry.name for entry in found if not is_hidden(entry.name) and not _or_no(entry.is_dir))


def _list(path: Path) -> _Listing:
    folders, names, not_files = [], [], set()
    with os.scandir(path) as found:
        for entry in found:
            if is_hidden(entry.name):
                continue
            if _or_no(entry.is_dir):
                folders.append(entry.name)
                continue
            names.append(entry.name)
            if not _or_no(entry.is_file):
                not_files.add(entry.name)
    return _Listing(sorted(folders), sorted(names), frozenset(not_files))


def _refuse(sentence: str) -> NoReturn:
    raise BadInput(sentence)


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _or_no(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # too many links
        return False
