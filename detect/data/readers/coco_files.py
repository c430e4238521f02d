"""Find the COCO files of a folder, and their splits."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from detect.data.readers.json_stream import read_members
from detect.data.readers.listing import entries_if_any
from detect.data.readers.locating import split_named
from detect.errors import BadInput

ROBOFLOW_FILE = "_annotations.coco.json"
_SPLIT_FOLDERS = ("train", "valid", "val", "test")
_MOST_FILES = 20  # JSON files in a folder: where there are more, they are of one image each, in another format

_WAY_ON = "Give one of the files, or describe the dataset in a YAML file."


@dataclass(frozen=True)
class CocoFile:
    """An annotation file, and the folder of its images; None to look for it."""

    path: Path
    images: Path | None = None


def is_coco(path: Path) -> bool:
    """Return whether a JSON file begins as COCO truth does: it is read up to its images or its annotations."""
    for name, value in read_members(path):
        if name in ("images", "annotations"):
            return isinstance(value, Iterator)
    return False


def named_split(path: Path) -> str | None:
    """Return the split that the name of a COCO file speaks of, for Roboflow's that of its folder; None for others."""
    return split_named(path.parent.name if path.name == ROBOFLOW_FILE else path.stem)


def layout_files(folder: Path) -> list[Path]:
    """Return the box annotations in COCO's layout: `instances_*.json` where there are any, else every JSON."""
    files = _json_files(folder / "annotations")
    return [path for path in files if path.name.startswith("instances_")] or files


def loose_files(folder: Path) -> list[Path]:
    """Return the COCO files in a folder; none where they are Roboflow's."""
    files = [path for path in _json_files(folder) if path.name != ROBOFLOW_FILE]
    return [path for path in files if _holds_coco(path)] if len(files) <= _MOST_FILES else []


def split_files(folder: Path) -> dict[str, CocoFile]:
    """Return the only COCO file of each folder inside `folder` that is named after a split."""
    found = {name: loose_files(folder / name) for name in _SPLIT_FOLDERS}
    return _by_split(folder, ((name, CocoFile(files[0])) for name, files in found.items() if len(files) == 1))


def roboflow_files(folder: Path) -> dict[str, CocoFile]:
    """Return the splits of a Roboflow export: `train`, `valid` and `test`, each with its JSON among its images."""
    paths = {name: folder / name / ROBOFLOW_FILE for name in _SPLIT_FOLDERS}
    return _by_split(folder, ((name, CocoFile(path, path.parent)) for name, path in paths.items() if path.is_file()))


def files_by_split(folder: Path, paths: list[Path]) -> tuple[dict[str, CocoFile], list[str]]:
    """Return the COCO files of a folder by the splits that their names speak of, and a note on those of no split.

    Raises:
        BadInput: two files are of one split, or the names speak of none.
    """
    files = _by_split(folder, ((path.stem, CocoFile(path)) for path in paths if split_named(path.stem)))
    others = ", ".join(path.name for path in paths if not split_named(path.stem))
    if files:
        return files, [f"not read, because no split is in their names: {others}"] if others else []
    raise BadInput(f"{folder}: no file name speaks of train, val or test: {others}. {_WAY_ON}")


def _by_split(folder: Path, files: Iterable[tuple[str, CocoFile]]) -> dict[str, CocoFile]:
    found: dict[str, CocoFile] = {}
    for name, file in files:
        split = str(split_named(name))
        if split in found:
            names = f"{found[split].path.relative_to(folder)} and {file.path.relative_to(folder)}"
            raise BadInput(f"{folder}: {names} both name split {split!r}. {_WAY_ON}")
        found[split] = file
    return found


def _json_files(folder: Path) -> list[Path]:
    found = entries_if_any(folder)
    return [Path(entry) for entry in found if entry.name.lower().endswith(".json") and entry.is_file()]


def _holds_coco(path: Path) -> bool:
    try:
        return is_coco(path)
    except BadInput:
        return False
