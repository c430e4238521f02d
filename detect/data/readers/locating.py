"""Find the files that a dataset names, although it may name them as another machine knew them.

Lists are written on Windows with backslashes and drive letters, in a container with absolute paths, or relative to
the folder in which a training program happened to be started.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

_PARENTS = 3  # levels above a folder in which files are looked for
_SPLIT_WORDS = {
    **dict.fromkeys(["train", "training"], "train"),
    **dict.fromkeys(["val", "valid", "validation"], "val"),
    **dict.fromkeys(["test", "testing"], "test"),
}


def split_named(name: str) -> str | None:
    """Return the split that a file or folder name speaks of, "val" for `instances_val2017`, or None."""
    for word in re.findall("[a-z]+", name.lower()):
        if word in _SPLIT_WORDS:
            return _SPLIT_WORDS[word]
    return None


def locate(stated: str, folder: Path) -> Path | None:
    """Find the file or folder that a file in `folder` means by `stated`; None where it does not exist.

    Tried in this order: as it stands, relative to `folder`, relative to its parents (three levels up at most), then
    its longest ending of two names or more that exists in one of these, then its last name in `folder`.
    """
    parts = _parts(stated)
    found = _search(stated, parts, folder)
    return _join(found[0], parts[found[1] :]) if found else None


def locate_all(stated: Sequence[str], folder: Path) -> tuple[list[str], list[str]]:
    """Find all paths of a long list as `locate` does: what it took to find one path is tried first for the next.

    A path that is not found is returned where the one before it was found, to be reported as missing.

    Returns:
        The paths, and a sentence for each way, other than relative to `folder`, in which they were found.
    """
    base, dropped = folder, 0
    paths, ways = [], {}
    for text in stated:
        parts = _parts(text)
        path = _join(base, parts[dropped:])
        if not os.path.exists(path) and (found := _search(text, parts, folder)):
            base, dropped = found
            path = _join(base, parts[dropped:])
            if found != (folder, 0):
                beginning = f", without their beginning {'/'.join(parts[:dropped])!r}" if dropped else ""
                ways[found] = f"paths such as {text!r} are taken relative to {base}{beginning}"
        paths.append(str(path))
    return paths, list(ways.values())


def _parts(stated: str) -> list[str]:
    """Return the names in a path of any operating system, without drive, root and leading dots."""
    names = [name for name in re.split(r"[\\/]+", stated.strip()) if name not in ("", ".")]
    if names and re.fullmatch("[A-Za-z]:", names[0]):
        names = names[1:]
    return names


def _search(stated: str, parts: list[str], folder: Path) -> tuple[Path, int] | None:
    """Find a folder, and how many leading names of `parts` to drop so that the rest exists in it."""
    plain = Path(stated)
    if plain.is_absolute() and os.path.exists(plain):
        return Path(plain.anchor), 0
    parents = list(folder.absolute().parents)[:_PARENTS]
    for dropped in range(len(parts)):
        rest = parts[dropped:]
        says_little = dropped > 0 and len(rest) == 1  # any folder may hold a file of that name: look in the nearest
        if says_little and rest[0] == "images":  # of which split?
            return None
        for base in (folder,) if says_little else (folder, *parents):
            if os.path.exists(_join(base, rest)):
                return base, dropped
    return None


def _join(base: Path, parts: list[str]) -> Path:
    return Path(os.path.normpath(base.joinpath(*parts)))
