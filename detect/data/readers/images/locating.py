"""Find the files that a dataset names, although it may name them as another machine knew them.

Lists are written on Windows with backslashes and drive letters, in a container with absolute paths, or relative to
the folder in which a training program happened to be started.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from detect.data.readers.files.listing import Folder
from detect.data.readers.images.named_images import MOST_PARTS, find_images, parts_of
from detect.data.regular_files import ABSENT, require_open, why_not_found
from detect.data.texts import Texts

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


def parts(folder: Folder, has_annotations: Callable[[Folder], object]) -> list[tuple[str, Path]]:
    """Return the folders that have annotations, each with its split: `folder`, whose split is empty, or those in it."""
    if has_annotations(folder):
        return [("", folder.path)]
    named = [(split_named(inside.path.name), inside) for inside in folder.folders]
    for split, inside in named:
        if split:
            require_open(inside.path)
    return [(split, inside.path) for split, inside in named if split and has_annotations(inside)]


def locate(stated: str, folder: Path) -> Path | None:
    """Find the file or folder that a file in `folder` means by `stated`; None where it does not exist.

    Tried in this order: as it stands, relative to `folder`, relative to its parents (three levels up at most), then
    its longest ending of two names or more that exists in one of these, then its last name in `folder`.
    """
    parts = parts_of(stated)
    found = _search(stated, parts, folder)
    return _join(found[0], parts[found[1] :]) if found else None


def locate_all(stated: Sequence[str], folder: Path) -> tuple[list[str], list[str]]:
    """Find all paths of a long list as `locate` does: what it took to find one path is tried first for the next.

    Where there is none, it is a file with another spelling (`find_images`) in the folder of the last one found. A path
    that is not found is returned where the one before it was found, to be reported as missing.

    Returns:
        The paths, and a sentence for each way, other than relative to `folder`, in which they were found.
    """
    base, dropped = folder, 0
    paths, ways, missing = [], {}, []
    for row, text in enumerate(stated):
        parts = parts_of(text)
        path = _join(base, parts[dropped:])
        found = (base, dropped) if os.path.exists(path) else _search(text, parts, folder)
        if found is None:
            missing.append(row)
        elif found != (base, dropped):
            base, dropped = found
            path = _join(base, parts[dropped:])
            if found != (folder, 0):
                beginning = f", without their beginning {'/'.join(parts[:dropped])!r}" if dropped else ""
                ways[found] = f"paths such as {text!r} are taken relative to {base}{beginning}"
        paths.append(str(path))
    return paths, [*ways.values(), *_respell(paths, missing, stated, base)]


def _respell(paths: list[str], missing: list[int], stated: Sequence[str], base: Path) -> list[str]:
    """Replace paths that are `missing` by files in `base` with another spelling; return a sentence if there are any."""
    images = find_images(Texts("/".join(parts_of(stated[row])) for row in missing), base)
    taken = [(row, name) for row, name, found in zip(missing, images.names, images.found, strict=True) if found]
    for row, name in taken:
        paths[row] = str(_join(base, [name]))
    return [f"{len(taken)} paths such as {stated[taken[0][0]]!r} are taken as {taken[0][1]!r}"] if taken else []


def _search(stated: str, parts: list[str], folder: Path) -> tuple[Path, int] | None:
    """Find a folder, and how many leading names of `parts` to drop so that the rest exists in it.

    Where there is none, it is one in which the rest cannot be looked up: opening it says why.
    """
    plain = Path(stated)
    if plain.is_absolute() and os.path.exists(plain):
        return Path(plain.anchor), 0
    if len(parts) > MOST_PARTS:
        return None
    ways = list(_ways(parts, folder))
    found = next(((base, dropped) for base, dropped in ways if os.path.exists(_join(base, parts[dropped:]))), None)
    return found or next(((base, dropped) for base, dropped in ways if _is_closed(base, parts[dropped:])), None)


def _ways(parts: list[str], folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield what `_search` may return, in the order in which it is tried."""
    parents = list(folder.absolute().parents)[:_PARENTS]
    for dropped in range(len(parts)):
        rest = parts[dropped:]
        says_little = dropped > 0 and len(rest) == 1  # any folder may hold a file of that name: look in the nearest
        if says_little and rest[0] == "images":  # of which split?
            return
        yield from ((base, dropped) for base in ((folder,) if says_little else (folder, *parents)))


def _is_closed(base: Path, rest: list[str]) -> bool:
    """Return whether a path may be in a folder that cannot be read; of folders of the system, this says nothing."""
    return base != Path(base.anchor) and why_not_found(_join(base, rest)) != ABSENT


def _join(base: Path, parts: list[str]) -> Path:
    return Path(os.path.normpath(base.joinpath(*parts)))
