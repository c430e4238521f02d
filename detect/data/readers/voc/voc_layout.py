"""Find the annotation files and the images of Pascal VOC, and the splits that they form.

VOC has them in `Annotations` and `JPEGImages`, and lists of names without suffix in `ImageSets/Main`. Tools have other
folders, lists with suffixes, paths, quotation marks or the annotation file beside the image, a list for each class, no
lists, annotation files beside their images, or a folder for each split.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from detect.data.pixels.headers import SUFFIXES, is_image_name
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_lines, unquoted
from detect.data.readers.images.image_folders import holds_images, images_beside
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.named_images import parts_of
from detect.data.readers.images.stems import Stems
from detect.data.readers.kinds.folder_format import holds_some
from detect.data.readers.voc.voc_content import is_annotation
from detect.data.regular_files import require_open
from detect.errors import BadInput

SPLITS = ("train", "val", "test")
_ANNOTATIONS = ("annotations", "annotation", "xmls", "xml")
_IMAGES = ("jpegimages", "images", "image", "imgs", "img")
_NOT_IMAGES = (".xml", ".txt", ".json", ".csv")
_LISTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test", "trainval": "trainval"}
_LONGEST_ENDING = 8  # names at the end of a path in a list
_PARENTS = 4  # folders above a list in which its annotations are looked for


class VocFolder:
    """The annotation files in one folder and those inside it, and the images of another folder."""

    def __init__(self, annotations: Path, images: Path):
        self.annotations, self.images = annotations, images
        everything = list(_names_below(Folder(images)))
        pictures = list(filter(is_image_name, everything))
        others = [name for name in everything if _suffix(name) not in (*SUFFIXES, *_NOT_IMAGES)]
        self._images = Stems([*pictures, *others])  # what cannot be read is reported when it is opened
        self._picture_stems = [os.path.splitext(name)[0] for name in pictures]
        self.stems = [os.path.splitext(name)[0] for name in _annotations_below(Folder(annotations))]
        self._files = Stems(f"{stem}.xml" for stem in self.stems)

    def annotation(self, stem: str) -> str:
        """Return the path of an annotation file, which may not exist."""
        return os.path.join(self.annotations, self._files.find(stem) or f"{stem}.xml")

    def image(self, stem: str, file_name: str) -> str:
        """Return the path of the image of an annotation file, which states `file_name`; it may not exist."""
        stated = os.path.splitext(file_name.replace("\\", "/"))[0]
        found = self._images.find(stem) or self._images.find(stated) or self._images.find(stated.rpartition("/")[2])
        return os.path.join(self.images, found or self._uploaded(stem) or f"{stem}.jpg")

    def _uploaded(self, stem: str) -> str | None:
        """Return the image that differs by the prefix of an upload, if it has no annotation file of its own."""
        found = self._images.find_uploaded(stem)
        return None if found and self._files.find(os.path.splitext(found)[0]) else found

    def named(self, line: str) -> str:
        """Return the stem of the annotation file that a line of a list means; the line where there is none."""
        for reading in _readings(line):
            names = parts_of(reading)[-_LONGEST_ENDING:]
            for start in range(len(names)):
                stem = "/".join(names[start:])
                found = self._files.find(stem) or self._files.find(_without_suffix(stem))
                if found:
                    return os.path.splitext(found)[0]
        return _without_suffix(line)

    def without_annotation(self) -> int:
        """Return how many images have no annotation file of their name, with or without the prefix of an upload."""
        return sum(not (self._files.find(stem) or self._files.find_uploaded(stem)) for stem in self._picture_stems)


class Entry(NamedTuple):
    """One image of a split."""

    place: str  # where it is named: a list and a line, or its annotation file
    folder: VocFolder
    stem: str  # of its annotation file


def holds_annotations(folder: Folder) -> bool:
    """Return whether there are annotation files in `folder` itself."""
    return holds_some(folder, ".xml", is_annotation)


def annotation_folder(folder: Folder) -> Path | None:
    """Return the folder for annotation files in `folder`, None where there is none, or no XML file is below it."""
    named = (inside for inside in folder.folders if inside.path.name.lower() in _ANNOTATIONS)
    return next((inside.path for inside in named if any(_annotations_below(inside))), None)


def image_folder(folder: Folder) -> Path:
    """Return the folder for images in `folder`: the one that is called so, or the only one with images, or itself."""
    inside = {found.path.name.lower(): found for found in folder.folders}
    named = [inside[name] for name in _IMAGES if name in inside]
    if named or holds_images(folder):
        return named[0].path if named else folder.path
    others = [found for name, found in inside.items() if name not in _ANNOTATIONS and holds_images(found)]
    return others[0].path if len(others) == 1 else folder.path


def voc_folder(folder: Path) -> VocFolder:
    """Return the annotation files and images of a folder, each in a folder of their own or not.

    Where it holds annotation files only, the images are those of the only folder beside it that has some.
    """
    listed = Folder(folder)
    annotations, images = annotation_folder(listed) or folder, image_folder(listed)
    beside = images_beside(listed) if annotations == images == folder else None
    return VocFolder(annotations, beside or images)


def folder_around(path: Path, images: Path | None) -> VocFolder:
    """Return the VOC folder that a list is in, or whose annotation files are in the folder `path`.

    Args:
        path: the list or the folder.
        images: the folder of the images; None where it is beside the annotations.

    Raises:
        BadInput: no folder around the list has annotations.
    """
    if path.is_dir():
        return VocFolder(path, images or image_folder(Folder(path.parent)))
    for levels in range(_PARENTS):
        root = Folder(os.path.normpath(path.parent.joinpath(*levels * [".."])))
        if annotations := annotation_folder(root):
            return VocFolder(annotations, images or image_folder(root))
    raise BadInput(
        f"{path}: expected a list in a VOC folder, but no folder above it has a folder Annotations with XML."
    )


def listed(paths: Sequence[Path], folder_of: Callable[[Path], VocFolder]) -> Iterator[Entry]:
    """Yield the images that some lists name; what is in several of them, once.

    Args:
        paths: lists, or folders with annotation files, which stand for all of these.
        folder_of: returns the VOC folder that a list or a folder belongs to.
    """
    first: dict[tuple[Path, str], int] = {}  # list in which an image is named first
    for number, path in enumerate(paths):
        for entry in _entries_of(path, folder_of(path)):
            key = (entry.folder.annotations, entry.stem)
            if len(paths) == 1 or first.setdefault(key, number) == number:
                yield entry


def all_of(folder: VocFolder, stems: Iterable[str]) -> Iterator[Entry]:
    """Yield the image of each annotation file with one of some stems."""
    return (Entry(folder.annotation(stem), folder, stem) for stem in stems)


def by_folders(folder: VocFolder) -> dict[str, list[str]]:
    """Return the stems of all annotation files by split, if they all lie in folders that are named after splits."""
    splits: dict[str, list[str]] = {}
    for stem in folder.stems:
        first, inside, _ = stem.partition("/")
        splits.setdefault(split_named(first) or "" if inside else "", []).append(stem)
    return {} if "" in splits else splits


def split_lists(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the list files of a VOC folder by split, and what was decided about them; no lists where there are none.

    Raises:
        BadInput: there are lists, but their names do not say of which split.
    """
    main = next((path for path in (folder / "ImageSets" / "Main", folder / "ImageSets") if path.is_dir()), folder)
    require_open(main)
    paths = [main / name for name in Folder(main).names if _suffix(name) == ".txt"]
    plain = _by_word(paths, lambda stem: stem.removesuffix("_list"))
    if plain:
        return _without_trainval(plain)
    if main == folder or not paths:
        return {}, []
    of_classes = _by_word(paths, lambda stem: stem.rpartition("_")[2])
    if of_classes:
        splits, notes = _without_trainval(of_classes)
        return splits, [f"the lists of single classes in {main} are taken together", *notes]
    if len(paths) == 1:
        split = split_named(paths[0].stem) or "train"
        return {split: paths}, [f"{paths[0].name}, the only list in {main}, is used as split {split!r}"]
    found = ", ".join(path.stem for path in paths)
    raise BadInput(f"{main}: expected the lists train.txt, val.txt, test.txt or trainval.txt, found: {found}.")


def _by_word(paths: Sequence[Path], word_of: Callable[[str], str]) -> dict[str, list[Path]]:
    """Return the lists whose names have a word that is one of a split, by that split."""
    lists: dict[str, list[Path]] = {}
    for path in paths:
        word = _LISTS.get(word_of(path.stem.lower()))
        if word:
            lists.setdefault(word, []).append(path)
    return lists


def _without_trainval(lists: Mapping[str, list[Path]]) -> tuple[dict[str, list[Path]], list[str]]:
    known = {split: lists[split] for split in SPLITS if split in lists}
    if "trainval" not in lists:
        return known, []
    if "train" in known and "val" in known:
        return known, ["trainval.txt is the union of train.txt and val.txt, and not a split of its own"]
    return {**known, "train": lists["trainval"]}, ["trainval.txt is used as split 'train'"]


def _entries_of(path: Path, folder: VocFolder) -> Iterator[Entry]:
    if path.is_dir():
        yield from all_of(folder, folder.stems)
        return
    for number, line in enumerate(read_lines(path), 1):
        if line:
            yield Entry(f"{path}:{number}", folder, folder.named(line))


def _readings(line: str) -> Iterator[str]:
    """Yield what a line may name: all of it, or what is before VOC's class flag or an annotation file."""
    yield unquoted(line)
    for ending in (r"(.+?)\s+(?:-1|0|1)", r"(.+?)\s+\S+\.xml"):
        match = re.fullmatch(ending, line, re.IGNORECASE)
        if match:
            yield unquoted(match[1])


def _without_suffix(stem: str) -> str:
    return os.path.splitext(stem)[0] if _suffix(stem) in (*SUFFIXES, ".xml") else stem


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _annotations_below(folder: Folder) -> Iterator[str]:
    return (name for name in _names_below(folder) if _suffix(name) == ".xml")


def _names_below(folder: Folder) -> Iterator[str]:
    """Yield the files below `folder` by their paths in it, with slashes."""
    for parent, names in folder.walk():
        inside = Path(parent).relative_to(folder.path).as_posix()
        beginning = "" if inside == "." else f"{inside}/"
        yield from (beginning + name for name in names)
