"""Find the folder that holds the images of an annotation file, and each image in it: it names images, but no folder.

It is the folder of the file or one in it, such as `images` or `data`; one of these that is named as the file is after
`instances_`, or as its split; or one beside the file's folder, where that is called `annotations` or `labels`, or the
only one there with images.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from detect.data.pixels.headers import is_image_name
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.named_images import FoundImages, find_images
from detect.data.regular_files import require_open
from detect.data.texts import Texts
from detect.errors import BadInput, listed

_NAMES_TRIED = 500  # of a file's images, when looking for their folder
_MOST_FOLDERS = 50  # in a folder, of those whose names do not tell that they hold images
_FOLDERS_NAMED = 8  # in a message


def locate_images(file: AnnotationFile, stated: Texts) -> tuple[Path, FoundImages]:
    """Return the folder that holds most of the named images, and where in it they are.

    Of folders that hold as many, it is the one where most names are as stated; of these, the first. Where none holds
    any, it is the only folder with images beside that of the file: others are listed only then, for they may be large.

    Raises:
        BadInput: no folder holds any of the images.
    """
    folders = [file.images] if file.images else list(_candidates(file.path))
    some = stated[:: max(len(stated) // _NAMES_TRIED, 1)]
    full = next((folder for folder in folders if _holds_all(folder, some)), None)
    if full:  # usually: no folder had to be listed to find it
        return full, find_images(stated, full)
    for names in (some, stated):
        folder, images = _fullest(folders, names)
        if images.found.any():
            return folder, images if len(names) == len(stated) else find_images(stated, folder)
    if not file.images and (beside := images_beside(Folder(file.path.parent))):
        images = find_images(stated, beside)
        if images.found.any():
            return beside, images
        folders.append(beside)
    raise BadInput(_no_images(file, stated, folders))


def folder_of_split(path: Path, split: str, name: str) -> Path | None:
    """Return the folder that is named after a split and holds an image, beside a file or in `images` beside it.

    Args:
        path: the file, of which the split is a part.
        split: "train", "val" or "test".
        name: of the image.
    """
    inside = [folder.path for root in (path.parent, path.parent / "images") for folder in Folder(root).folders]
    return next((folder for folder in inside if split_named(folder.name) == split and (folder / name).is_file()), None)


def holds_images(folder: Folder) -> bool:
    """Return whether images lie in a folder itself."""
    return any(map(is_image_name, folder.names))


def images_beside(folder: Folder) -> Path | None:
    """Return the only folder beside `folder` that holds images; None where there is not one, or `folder` has images.

    One that holds other files too may be another dataset, and does not count.
    """
    if holds_images(folder):
        return None
    beside = Folder(folder.path.parent).folders[:_MOST_FOLDERS]
    with_images = list(filter(holds_images, beside))
    is_clear = len(with_images) == 1 and all(map(is_image_name, with_images[0].names))
    return with_images[0].path if is_clear else None


def images_below(root: Path) -> Iterator[str]:
    """Yield the images in a folder and below it, by their paths in it."""
    for folder, names in Folder(root).walk():
        yield from (os.path.relpath(os.path.join(folder, name), root) for name in names if is_image_name(name))


def _holds_all(folder: Path, names: Texts) -> bool:
    """Return whether a folder has files of all these names."""
    return all(os.path.isfile(os.path.join(folder, name)) for name in names)


def _fullest(folders: list[Path], names: Texts) -> tuple[Path, FoundImages]:
    """Return the folder that holds most of the named images, as `locate_images` says, and where in it they are."""
    held = ((folder, find_images(names, folder)) for folder in folders)
    return max(held, key=lambda one: (one[1].found.sum(), -(one[1].cut | one[1].respelt).sum()))


def _candidates(path: Path) -> Iterator[Path]:
    """Yield the folders that may hold the images of a file, those with telling names first."""
    folder, parent = path.parent, path.parent.parent
    tail = path.stem.removeprefix("instances_")
    words = [word for word in (tail, split_named(tail)) if word]
    named = [base / word for word in words for base in (parent, parent / "images", folder, folder / "images")]
    inside = _folders_in(folder)
    beside = _folders_in(parent) if folder.name.lower().startswith(("annotation", "label")) else []
    folders = [folder, folder / "images", parent / "images", *named, *inside, *beside, parent]
    return (candidate for candidate in dict.fromkeys(folders) if candidate.is_dir())


def _folders_in(folder: Path) -> list[Path]:
    return [inside.path for inside in Folder(folder).folders[:_MOST_FOLDERS]]


def _no_images(file: AnnotationFile, names: Texts, folders: list[Path]) -> str:
    for folder in folders:
        require_open(folder)
        require_open((folder / names[0]).parent)
    looked = listed([str(folder) for folder in folders], _FOLDERS_NAMED)
    text = f"{file.path}: none of its images ({len(names)}, such as {names[0]!r}) exists. Looked in {looked}."
    others = list(filter(is_image_name, Folder(file.images or file.path.parent).names))
    if others:
        return (
            f"{text} It does not name the images beside it ({len(others)}, such as {others[0]!r}): these "
            "annotations are of other images. Put its own images there, or the right annotations."
        )
    return f"{text} Put them there. Scoring a results file needs no images: `detect evaluate --predictions`."
