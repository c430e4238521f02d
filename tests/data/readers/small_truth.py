"""The truth that all small datasets of `small_sets` have, and what is used to write them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

CLASSES = ("bus", "car")
WIDTH, HEIGHT = 40, 20  # of every image; the coordinates below are exact as fractions of these, too


class Box(NamedTuple):
    """A true box, in pixels."""

    label: int
    x1: int
    y1: int
    x2: int
    y2: int
    ignore: bool = False


# The boxes of each image, by split; those of "val" are other than those of "train".
TRUTH: Mapping[str, Mapping[str, tuple[Box, ...]]] = {
    "train": {
        "a.png": (Box(0, 0, 0, 10, 5), Box(1, 20, 10, 40, 20), Box(1, 4, 4, 8, 8, ignore=True)),
        "b.png": (),
        "c.png": (Box(1, 10, 5, 30, 15),),
        "e.png": (Box(0, 3, 2, 13, 17), Box(0, 25, 1, 37, 6)),
        "f.png": (Box(1, 0, 12, 7, 20),),
    },
    "val": {
        "d.png": (Box(0, 5, 5, 15, 10), Box(1, 20, 0, 40, 5)),
        "g.png": (),
        "h.png": (Box(0, 12, 3, 36, 18), Box(1, 1, 1, 6, 9)),
    },
}


class SmallSet(NamedTuple):
    """A dataset of one form, and what its form can state."""

    write: Callable[[Path], Path]  # writes it into an empty folder, and returns what can be given as `--data`
    # Breaks the first annotation of "c.png", and returns where the reader has to say that it is: the file, relative to
    # the folder, and the line or the element in it.
    spoil: Callable[[Path], str]
    splits: tuple[str, ...] = ("train", "val")
    states_ignored: bool = True  # whether the format can say that a box is to be ignored
    lists_images: bool = True  # whether it names its images, so that a missing one is noticed
    images_are_files: bool = True  # whether its images are not parts of its annotation files
    only_class: str = ""  # of all its boxes, where the format has no more than one


def write_images(folder: Path, split: str) -> None:
    """Write the images of a split."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TRUTH[split]:
        (folder / name).write_bytes(encoded_image(name))


def write_splits(folder: Path, images: str, file: str, write: Callable[[Path, str], object], val: str = "val") -> Path:
    """Write the images and a file of each split, and return the folder.

    Args:
        folder: that of the dataset.
        images: where images are in it; `{}` is the name of the split.
        file: where the files are in it, likewise.
        write: writes the file of a split.
        val: the name of the split "val".
    """
    for split, name in (("train", "train"), ("val", val)):
        write_images(folder / images.format(name), split)
        write(folder / file.format(name), split)
    return folder


def encoded_image(name: str) -> bytes:
    """Return the content of an image file; every one has a colour of its own."""
    return cv2.imencode(".png", np.full((HEIGHT, WIDTH, 3), ord(name[0]), np.uint8))[1].tobytes()


def write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def replacing(old: str, new: str, place: str) -> Callable[[Path], str]:
    """Return a function that replaces a text of a file, and returns the place of that in the file."""

    def spoil(path: Path) -> str:
        replace(path, old, new)
        return place

    return spoil


def boxes_of(split: str) -> list[tuple[str, Box | None]]:
    """Return the boxes of a split with their images, and None for an image without boxes."""
    return [(name, box) for name, boxes in TRUTH[split].items() for box in boxes or (None,)]


def spoiling(file: str, spoil: Callable[[Path], str], between: str = "") -> Callable[[Path], str]:
    """Return a function that spoils `file` of a set and names the place as messages do."""
    return lambda folder: f"{folder / file}{between}{spoil(folder / file)}"
