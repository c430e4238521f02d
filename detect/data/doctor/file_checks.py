"""Files that lie among the images of a dataset and are not in it."""

import os
from collections.abc import Iterator
from functools import cache

import numpy as np

from detect.data.doctor.dataset_check import EXAMPLES, Check, Example, Found, Severity, Subject
from detect.data.pixels.headers import is_image_name
from detect.data.readers.files.listing import Folder


def _unlisted_images(subject: Subject) -> Iterator[Found]:
    used, folders = _used_images(subject)
    examples: list[Example] = []
    count = 0
    for folder in folders:
        names = list(filter(is_image_name, Folder(folder).names))
        hashes = np.fromiter((hash((folder, name)) for name in names), np.int64, len(names))
        unused = np.flatnonzero(~np.isin(hashes, used))
        count += len(unused)
        paths = [os.path.join(folder, names[row]) for row in unused[: EXAMPLES - len(examples)]]
        examples += [Example(path, path) for path in paths]
    if count:
        what = f"images beside those of the dataset that no split uses: {count}"
        yield Found(", ".join(subject.dataset.splits), count, what, tuple(examples))


def _used_images(subject: Subject) -> tuple[np.ndarray, list[str]]:
    """Return a hash of the folder and name of each image, int64 [R], and the folders."""
    real_folder = cache(os.path.realpath)  # images are in few folders, which may be spelt in several ways
    hashes: list[np.ndarray] = [np.zeros(0, np.int64)]
    folders: set[str] = set()

    def place(path: str) -> int:
        folder, name = os.path.split(path)
        folders.add(real_folder(folder))
        return hash((real_folder(folder), name))

    for records in subject.dataset.splits.values():
        paths = (str(records.image_path(row)) for row in range(len(records)))
        hashes.append(np.fromiter(map(place, paths), np.int64, len(records)))
    return np.concatenate(hashes), sorted(folders)


CHECKS = (
    Check(
        "unlisted-images",
        Severity.NOTE,
        "images in the folders of the dataset that are in no split: not in the annotations, or left out",
        "Annotate or list them if they are to be used; they are not taken for images without objects.",
        _unlisted_images,
    ),
)
