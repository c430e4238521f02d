"""Images and videos in folders and among the matches of globs.

Subfolders are included, also linked ones, in natural order (`2.jpg` before `10.jpg`).
"""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from detect.data.pixels.headers import is_image_name
from detect.data.readers.files.listing import Folder
from detect.errors import BadInput, counted
from detect.inference.sources.frames import Kind

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".avi", ".wmv", ".flv", ".mkv", ".webm", ".ogv"}
    | {".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".h264", ".h265", ".hevc"}
)
_MOST_SUFFIXES = 10  # that are named


def kind_of_name(name: str) -> Kind | None:
    """Return whether a file of this name is an image or a video, None if it is neither."""
    if is_image_name(name):
        return "image"
    return "video" if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES else None


def files_in(folder: Path, leave_out: Path | None, note: Callable[[str], None]) -> list[Path]:
    """Return the images and videos in a folder and its subfolders.

    Args:
        folder: where to look.
        leave_out: a resolved folder to leave out.
        note: called with a sentence about other files, and about each folder that cannot be read.

    Raises:
        BadInput: there are none, or the folder cannot be read.
    """
    return _usable(
        _below(folder, leave_out, note), str(folder), f"{folder} and its subfolders contain no images or videos", note
    )


def files_matching(pattern: str, leave_out: Path | None, note: Callable[[str], None]) -> list[Path]:
    """Return the images and videos that a glob matches; arguments and errors as of `files_in`."""
    paths = [Path(path) for path in glob.glob(os.path.expanduser(pattern), recursive=True)]
    outputs = _inside(leave_out, fixed_folder(pattern))
    if outputs is not None:
        paths = [path for path in paths if outputs not in path.resolve().parents]
    paths = sorted((path for path in paths if path.is_file()), key=lambda path: [natural_key(p) for p in path.parts])
    return _usable(paths, pattern, f"No image or video matches {pattern!r} (in {Path.cwd()})", note)


def fixed_folder(pattern: str) -> Path:
    """Return the folder that contains all matches of a glob: its parts before the first wildcard."""
    fixed = []
    for part in Path(os.path.expanduser(pattern)).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def natural_key(name: str) -> list[str | int]:
    """Return a key that sorts numbers in names by value. Odd items are always numbers, so that keys can be compared."""
    return [int(part) if position % 2 else part.casefold() for position, part in enumerate(re.split(r"(\d+)", name))]


def _below(folder: Path, leave_out: Path | None, note: Callable[[str], None]) -> list[Path]:
    top = Folder(folder)
    if top.error:
        raise BadInput(f"{folder}: the folder cannot be read: {top.error}.")
    found = [Path(parent, name) for parent, names in top.walk(_inside(leave_out, folder), note) for name in names]
    return sorted(found, key=lambda path: ([natural_key(part) for part in path.parent.parts], natural_key(path.name)))


def _inside(leave_out: Path | None, folder: Path) -> Path | None:
    """Return the folder to leave out where it is inside `folder`: one around it would leave out everything."""
    return leave_out if leave_out is not None and folder.resolve() in leave_out.parents else None


def _usable(paths: Iterable[Path], given: str, nothing: str, note: Callable[[str], None]) -> list[Path]:
    """Return the images and videos among some paths.

    Args:
        paths: files of any type.
        given: names what they were found by, for the note on others.
        nothing: the error where there are none.
        note: called with a sentence about the others.
    """
    found, others = [], Counter[str]()
    for path in paths:
        if kind_of_name(path.name):
            found.append(path)
        else:
            others[path.suffix.lower() or "without suffix"] += 1
    left_out = _in_words(others)
    if not found:
        raise BadInput(f"{nothing}{f', only {left_out}' if left_out else ''}.")
    if left_out:
        note(f"{given}: left out {left_out}.")
    return found


def _in_words(others: Counter[str]) -> str:
    count, suffixes = others.total(), [suffix for suffix, _ in others.most_common()]
    named = ", ".join(suffixes[:_MOST_SUFFIXES]) + (", ..." if len(suffixes) > _MOST_SUFFIXES else "")
    return f"{counted(count, 'file of a type', 'files of types')} that cannot be read ({named})" if count else ""
