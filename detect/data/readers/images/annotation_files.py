"""Annotation files that hold a split each: those of a folder, and the splits that their names speak of."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from detect.data.readers.files.listing import Folder
from detect.data.readers.images.locating import split_named
from detect.data.readers.reader import SplitFiles
from detect.data.regular_files import not_permitted, open_regular, require_open, why_not_found
from detect.errors import BadInput

SPLIT_FOLDERS = ("train", "valid", "val", "validation", "test")
MOST_FILES = 20  # in a folder: where there are more, they are of one image each
_ROBOFLOW = "_annotations."  # how the names of Roboflow's files begin, one in the folder of each split

_WAY_ON = "Give one of the files, or describe the dataset in a YAML file."


@dataclass(frozen=True)
class AnnotationFile:
    """An annotation file, and the folder of its images; None to look for it."""

    path: Path
    images: Path | None = None


def named_split(path: Path) -> str | None:
    """Return the split that the name of a file speaks of, for Roboflow's that of its folder; None for others."""
    return split_named(_telling_name(path))


def split_of_file(path: Path) -> tuple[str, str]:
    """Return the split of a file that is given alone, "train" where its name speaks of none, and a note on that."""
    split, name = named_split(path), _telling_name(path)
    note = f"split {split!r}, after the name {name!r}" if split else f"split 'train': {name!r} names none"
    return split or "train", note


def described_files(source: Path, splits: Mapping[str, SplitFiles]) -> dict[str, AnnotationFile]:
    """Return the files that a YAML description names, one for each split.

    Raises:
        BadInput: there are several for a split, or a folder of images does not exist.
    """
    for name, files in splits.items():
        if len(files.annotations) != 1:
            count = len(files.annotations)
            raise BadInput(f"{source}: split {name}: expected one annotation file per split, found {count}.")
        if files.images and not os.path.isdir(files.images):
            raise BadInput(
                f"{source}: split {name}: the folder of images {files.images} {why_not_found(files.images)}."
            )
    return {name: AnnotationFile(files.annotations[0], files.images) for name, files in splits.items()}


def files_in(folder: Folder, suffixes: tuple[str, ...], recognises: Callable[[Path], bool]) -> list[Path]:
    """Return the files in a folder that have one of some suffixes, and a content that is recognised.

    There are none where more than `MOST_FILES` have such a suffix. Files that cannot be parsed are left out.

    Raises:
        BadInput: one may not be read, and others are recognised: it may be another split.
    """
    found = [path for path in _few_files(folder, suffixes) if _is(recognises, path)]
    if found:
        require_readable(folder, suffixes)
    return found


def require_readable(folder: Folder, suffixes: tuple[str, ...]) -> None:
    """Raise `BadInput` where a folder, or a file in it that may be annotations, may not be read: it may be anything."""
    require_open(folder.path)
    for path in _few_files(folder, suffixes):
        _require_permission(path)


def split_folder_files(
    folder: Folder, suffixes: tuple[str, ...], recognises: Callable[[Path], bool], inside: str = ""
) -> dict[str, AnnotationFile]:
    """Return the only such file of each folder inside `folder` that is named after a split, or of one `inside` that.

    Raises:
        BadInput: two are of one split, or one may not be read, and others are recognised.
    """
    parts = {name: _places(folder.inside(name), inside) for name in SPLIT_FOLDERS}
    found = {
        name: next(filter(None, (files_in(part, suffixes, recognises) for part in places)), [])
        for name, places in parts.items()
    }
    if any(found.values()):
        for part in chain(*parts.values()):
            require_readable(part, suffixes)
    return by_split(folder.path, ((name, AnnotationFile(files[0])) for name, files in found.items() if len(files) == 1))


def files_by_split(folder: Path, paths: list[Path]) -> tuple[dict[str, AnnotationFile], list[str]]:
    """Return the files of a folder by the splits that their names speak of, and notes on those of no split.

    The only one of no split is the training split, where no other is.

    Raises:
        BadInput: two files are of one split, or the names speak of none.
    """
    files = by_split(folder, ((path.stem, AnnotationFile(path)) for path in paths if split_named(path.stem)))
    others = [path for path in paths if not split_named(path.stem)]
    names = ", ".join(path.name for path in others)
    if not files:
        raise BadInput(f"{folder}: no file name speaks of train, val or test: {names}. {_WAY_ON}")
    if len(others) == 1 and "train" not in files:
        return {"train": AnnotationFile(others[0]), **files}, [f"split 'train': {names}, whose name speaks of no split"]
    return files, [f"not read, because no split is in their names: {names}"] if others else []


def _places(folder: Folder, inside: str) -> list[Folder]:
    """Return a folder, and the one `inside` it if that has a name."""
    return [folder, folder.inside(inside)] if inside else [folder]


def by_split(folder: Path, files: Iterable[tuple[str, AnnotationFile]]) -> dict[str, AnnotationFile]:
    """Return files by the splits that some names speak of; BadInput where two are of one split."""
    found: dict[str, AnnotationFile] = {}
    for name, file in files:
        split = str(split_named(name))
        if split in found:
            names = f"{found[split].path.relative_to(folder)} and {file.path.relative_to(folder)}"
            raise BadInput(f"{folder}: {names} both name split {split!r}. {_WAY_ON}")
        found[split] = file
    return found


def _telling_name(path: Path) -> str:
    return path.parent.name if path.name.startswith(_ROBOFLOW) else path.stem


def _few_files(folder: Folder, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the files with some suffixes; none where there are too many to be of a split each."""
    files = list(islice(folder.files_with(suffixes), MOST_FILES + 1))
    return files if len(files) <= MOST_FILES else []


def _require_permission(path: Path) -> None:
    try:
        open_regular(path).close()
    except PermissionError as error:
        raise not_permitted(error) from None
    except OSError:  # it is gone, or not a file
        return


def _is(recognises: Callable[[Path], bool], path: Path) -> bool:
    try:
        return recognises(path)
    except BadInput:
        return False
