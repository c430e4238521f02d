"""Open a dataset as people have it: a file or a folder, whose format is recognised by what is in it.

Which formats there are is said by the readers (`detect.data.readers.reader`); none is named here.
"""

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from detect.data.dataset import Dataset, scored_split
from detect.data.readers import readers
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import require_readable
from detect.data.readers.reader import DatasetFile, DatasetFolder
from detect.data.readers.unread import way_on_from_file, why_not_read
from detect.data.regular_files import not_permitted, why_not_found
from detect.errors import BadInput

_LEVELS_SEARCHED = 3  # folders inside folders
_MOST_NAMES = 10  # of what is in a folder, in a message


def open_dataset(source: str | Path | Dataset) -> Dataset:
    """Open the dataset in `source`, a file or a folder; one that has been opened is returned as it is.

    A folder may be the dataset itself, or wrap it, as archives do: it is looked for three levels deep. A source may
    also be a name that a reader knows, such as `tfds:coco/2017`.

    Raises:
        BadInput: `source` does not exist, is not a dataset or holds several, or nothing in it can be used.
    """
    if isinstance(source, Dataset):
        return source
    if not str(source).strip():
        raise BadInput("The path of the dataset is empty. Give its file or its folder.")
    reader, colon, name = str(source).partition(":")
    named = readers()[reader].read_named if colon and reader in readers() else None
    if named:
        return named(name)
    path = Path(os.path.expanduser(source))
    try:
        return _read_folder(path) if os.path.isdir(path) else _read_file(path)
    except RecursionError:
        raise BadInput(f"{path}: the content is nested too deeply to be an annotation. Check the file.") from None
    except PermissionError as error:
        raise not_permitted(error) from None


def open_with_split(source: str | Path, split: str) -> Dataset:
    """Open the dataset in `source`, see `open_dataset`. BadInput too where a model cannot be scored on its `split`."""
    dataset = open_dataset(source)
    scored_split(dataset, split)
    return dataset


def require_present(source: str | Path) -> None:
    """Raise `BadInput` for a path at which nothing is. Nothing is read, so this is quick."""
    path = Path(os.path.expanduser(source))
    named = str(source).partition(":")[0] in readers()
    if not named and not os.path.exists(path):
        raise BadInput(f"{path} {why_not_found(path)} (in {Path.cwd()}). Give the file or the folder of a dataset.")


def accepted() -> str:
    """Return what can be opened, in words."""
    return f"a file or a folder in one of these formats, which docs/datasets.md describes: {', '.join(readers())}"


def _files() -> list[DatasetFile]:
    return [file for reader in readers().values() for file in reader.files]


def _folders() -> list[DatasetFolder]:
    return [folder for reader in readers().values() for folder in reader.folders]


def _read_file(path: Path) -> Dataset:
    if re.match("[a-z][a-z0-9+]+:/", str(path)):
        raise BadInput(f"{path} is a URL. Download the dataset, and give its file or folder.")
    require_present(path)
    if not os.path.isfile(path):
        raise BadInput(f"{path} is neither a file nor a folder. Expected {accepted()}.")
    kinds = _with_suffix_of(path.name, _files())
    if not kinds:
        way_on = way_on_from_file(path) or _folder_to_give(path) or f"Expected {accepted()}."
        raise BadInput(f"{path} is not a dataset. {way_on}")
    if len(kinds) > 1:  # the reader of the only kind says best what is wrong with a file
        kinds = _recognised(path, kinds)
    return kinds[0].read(path)


def _with_suffix_of(name: str, kinds: list[DatasetFile]) -> list[DatasetFile]:
    """Return the kinds of files that have the suffix of a name, behind which the number of a shard may stand."""
    without_shard = re.sub(r"-\d+-of-\d+(?=\.|$)", "", name.lower())
    return [kind for kind in kinds if without_shard.endswith(kind.suffixes)]


def _recognised(path: Path, kinds: list[DatasetFile]) -> list[DatasetFile]:
    """Return the one of some kinds of files that `path` is."""
    found = [kind for kind in kinds if kind.recognises(path)]
    if len(found) > 1:
        names = " and of ".join(kind.name for kind in found)
        raise BadInput(f"{path} has the content of {names}. Remove what belongs to the other.")
    if not found:
        expected = ", or ".join(f"{kind.name} with {kind.content}" for kind in kinds)
        way_on = _folder_to_give(path) or f"It begins with {_beginning(path)!r}."
        raise BadInput(f"{path}: expected {expected}. {way_on}")
    return found


def _folder_to_give(path: Path) -> str:
    """Return that the folder of a file is a dataset, of which the file is a part; empty where it is none."""
    folder = Folder(path.parent)
    forms = [form.name for form in _folders() if form.recognises(folder)]
    return f"Its folder holds {forms[0]}: give {path.parent} instead." if len(forms) == 1 else ""


def _beginning(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(60)


def _read_folder(path: Path) -> Dataset:
    found = _datasets_in(Folder(path))
    if len(found) == 1:
        ((name, read),) = found.items()
        dataset = read()
        return replace(dataset, notes=(f"read as {dataset.format}: {path / name}", *dataset.notes))
    if found:
        several = f"{path} holds several datasets: {', '.join(found)}"
        raise BadInput(f"{several}. Give the file or folder of one of them, or move the others elsewhere.")
    raise BadInput(_no_dataset(Folder(path)))


def _no_dataset(folder: Folder) -> str:
    """Return that a folder is not a dataset, and what is known of what it is instead."""
    beginning, broken = f"{folder.path} does not hold a dataset.", _broken(folder)
    if not broken and (unread := why_not_read(folder)):
        return f"{beginning} {unread}"
    names = sorted([*(inside.path.name for inside in folder.folders), *folder.names])
    found = ", ".join(names[:_MOST_NAMES]) or "nothing"
    return f"{beginning} Expected {accepted()}. Found in it: {found}. {broken}".rstrip()


def _datasets_in(folder: Folder) -> dict[str, Callable[[], Dataset]]:
    return _found(folder, described=True) or _found(folder, described=False)


def _found(folder: Folder, described: bool) -> dict[str, Callable[[], Dataset]]:
    """Return a function that reads it for each dataset in `folder` or, where there are none, below it, by a name."""
    return _found_in(folder, described) or _found_below(folder, described)


def _found_in(folder: Folder, described: bool) -> dict[str, Callable[[], Dataset]]:
    if folder.error:
        raise BadInput(f"{folder.path}: the folder cannot be read: {folder.error}.")
    files = _described_by(folder) if described else {}
    forms = [form for form in _folders() if form.described == described and form.recognises(folder)]
    if forms and not described and (broken := _broken(folder, tuple({form.of_images for form in forms} - {""}))):
        raise BadInput(f"{broken} Correct it, or remove it if it does not describe what is in {folder.path}.")
    patterns = Counter(form.files for form in forms)
    names = {form: form.files if patterns[form.files] == 1 else f"{form.files} ({form.name})" for form in forms}
    return {**files, **{name: partial(form.read, folder.path) for form, name in names.items()}}


def _described_by(folder: Folder) -> dict[str, Callable[[], Dataset]]:
    """Return a function that reads it for each dataset that a file in `folder` is or describes, by its name."""
    files = {path: kinds for path, kinds in _candidates(folder).items() if _is_any(path, kinds)}
    return {path.name: partial(_read_file, path) for path in files}


def _candidates(folder: Folder) -> dict[Path, list[DatasetFile]]:
    """Return the files in `folder` that may be datasets by their suffixes, and as which kinds."""
    kinds = [file for file in _files() if file.in_folders]
    by_suffix = ((name, _with_suffix_of(name, kinds)) for name in folder.files)
    return {folder.path / name: found for name, found in by_suffix if found}


def _broken(folder: Folder, of_images: tuple[str, ...] = ()) -> str:
    """Return why a file in `folder` that may describe a dataset cannot be read; empty where all can be.

    Args:
        folder: the folder.
        of_images: the suffixes of files that are of single images, which need not be readable.
    """
    candidates = _candidates(folder).items()
    reasons = (_why_broken(path, kinds) for path, kinds in candidates if not path.name.lower().endswith(of_images))
    suffixes = {suffix for kind in _files() for suffix in kind.suffixes}.difference(of_images)
    unreadable = (_why_unreadable(folder, suffix) for suffix in sorted(suffixes))
    return next(filter(None, chain(reasons, unreadable)), "")


def _why_unreadable(folder: Folder, suffix: str) -> str:
    try:
        require_readable(folder, (suffix,))
    except BadInput as error:
        return str(error)
    return ""


def _why_broken(path: Path, kinds: list[DatasetFile]) -> str:
    try:
        for kind in kinds:
            kind.recognises(path)
    except BadInput as error:
        return str(error)
    return ""


def _is_any(path: Path, kinds: list[DatasetFile]) -> bool:
    """Return whether a file in a folder is one of some kinds: others with their suffixes may lie there, too."""
    try:
        return any(kind.recognises(path) for kind in kinds)
    except BadInput:
        return False


def _found_below(folder: Folder, described: bool) -> dict[str, Callable[[], Dataset]]:
    """Search the folders inside `folder`: level by level, until one of them holds a dataset."""
    level = [folder]
    for _ in range(_LEVELS_SEARCHED):
        level = [inside for parent in level for inside in parent.folders]
        found = {
            f"{inner.path.relative_to(folder.path) / name}": read
            for inner in level
            for name, read in _found_in(inner, described).items()
        }
        if found:
            return found
    return {}
