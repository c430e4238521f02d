"""List folders without the hidden files that systems and programs leave among the data.

macOS writes `._a.jpg` beside `a.jpg`, and `__MACOSX` into archives; Jupyter keeps copies in `.ipynb_checkpoints`. They
have the names and suffixes of data, but are not data.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_SYSTEM_NAMES = frozenset(("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or belongs to a system or a program."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def entries(folder: str | Path) -> list[os.DirEntry]:
    """Return what lies in a folder and is not hidden, ordered by name; OSError where it cannot be read."""
    with os.scandir(folder) as found:
        return sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda entry: entry.name)


def entries_if_any(folder: str | Path) -> list[os.DirEntry]:
    """Return the same; nothing where the folder is not there or cannot be read."""
    try:
        return entries(folder)
    except OSError:
        return []


def is_folder(entry: os.DirEntry) -> bool:
    """Return whether this is a folder or a link to one; not where it is a link that leads to itself."""
    return _or_no(entry.is_dir)


def is_file(entry: os.DirEntry) -> bool:
    """Return whether this is a file or a link to one; not where it is a link that leads to itself."""
    return _or_no(entry.is_file)


def walk(folder: str | Path, leave_out: str | Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield `folder` and each folder below it but `leave_out`, with the names of the files in it; nothing hidden.

    Links are followed after the folders beside them, and never to a folder that was visited before: one that leads back
    would have no end. Folders that cannot be read are left out.
    """
    visited = set()
    if leave_out is not None:
        with suppress(OSError):
            visited.add(_identity(leave_out))
    yield from _walk(str(folder), visited)


def _walk(folder: str, visited: set[tuple[int, int]]) -> Iterator[tuple[str, list[str]]]:
    try:
        identity = _identity(folder)
        if identity in visited:
            return
        found = entries(folder)
    except OSError:
        return
    visited.add(identity)
    folders = [entry for entry in found if is_folder(entry)]
    yield folder, [entry.name for entry in found if not is_folder(entry)]
    for entry in sorted(folders, key=lambda entry: entry.is_symlink()):
        yield from _walk(entry.path, visited)


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _or_no(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # too many links
        return False
