"""What lies in folders, without the hidden files that systems and programs leave among the data.

macOS writes `._a.jpg` beside `a.jpg`, and `__MACOSX` into archives; Jupyter keeps copies in `.ipynb_checkpoints`. They
have the names and suffixes of data, but are not data.
"""

import os
from collections.abc import Iterator
from pathlib import Path

_SYSTEM_NAMES = frozenset(("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"))


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or belongs to a system or a program."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def entries(folder: str | Path) -> list[os.DirEntry]:
    """Return what lies in a folder and is not hidden, ordered by name; OSError where it cannot be read."""
    with os.scandir(folder) as found:
        return sorted((entry for entry in found if not is_hidden(entry.name)), key=lambda entry: entry.name)


def walk(folder: str | Path) -> Iterator[tuple[str, list[str]]]:
    """Yield `folder` and each folder below it, with the names of the files in it; nothing that is hidden.

    Links are followed after the folders beside them, and never to a folder that was visited before: one that leads back
    would have no end. Folders that cannot be read are left out.
    """
    yield from _walk(str(folder), set())


def _walk(folder: str, visited: set[tuple[int, int]]) -> Iterator[tuple[str, list[str]]]:
    try:
        status, found = os.stat(folder), entries(folder)
    except OSError:
        return
    if (status.st_dev, status.st_ino) in visited:
        return
    visited.add((status.st_dev, status.st_ino))
    folders = [entry for entry in found if _is_folder(entry)]
    yield folder, [entry.name for entry in found if not _is_folder(entry)]
    for entry in sorted(folders, key=lambda entry: entry.is_symlink()):
        yield from _walk(entry.path, visited)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
