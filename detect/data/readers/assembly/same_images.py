"""Images that are named more than once: true duplicates, and several images of which one file is left.

A file that is named twice with the same boxes is one image. Where the boxes differ, files of one name were written over
each other, such as frames of several videos: which of them is left, and whose boxes are true, nobody can know.
"""

import os

import numpy as np

from detect.data.joining import repeats
from detect.data.readers.assembly.annotations import Annotations

_LEFT_OUT = "left out: several images had this name, and one is left. Give each its own file, or name the image once"


def find_same(annotations: Annotations) -> tuple[np.ndarray, np.ndarray]:
    """Find and report the images of a split that are the same file.

    Returns:
        For each image the row where its file is first named, int64 [R]; and whether it contradicts another one of its
        file, bool [R].
    """
    first = _first_rows(annotations)
    contradicting = _contradicting(first, annotations.boxes.table)
    repeated = np.flatnonzero((first != np.arange(len(first))) & ~contradicting)

    def describe(row: int) -> tuple[str, str]:
        other = first[row] if first[row] != row else np.flatnonzero(first == row)[1]
        where = annotations.locate_image
        return where(row), f"{annotations.path(row)} is already named by {where(int(other))}"

    report, different = annotations.problems.add_many, np.flatnonzero(contradicting)
    report("duplicate image", repeated, describe, "joined with the first")
    report("one image with different boxes", different, describe, _LEFT_OUT)
    annotations.problems.lost_images += len(different)
    return first, contradicting


def _first_rows(annotations: Annotations) -> np.ndarray:
    rows = np.arange(len(annotations.images))
    first: dict[str, int] = {}
    for row in _rows_of_equal_hash(annotations):
        rows[row] = first.setdefault(os.path.normpath(annotations.path(row)), row)
    return rows


def _rows_of_equal_hash(annotations: Annotations) -> list[int]:
    """Return the rows of images whose path may occur twice, ascending: of only these the paths are kept as strings.

    `./a.jpg` is `a.jpg`.
    """
    hashes = np.fromiter(map(hash, map(os.path.normpath, annotations.paths())), np.int64, len(annotations.images))
    order = np.argsort(hashes)
    hashes = hashes[order]
    equal = np.flatnonzero(hashes[1:] == hashes[:-1])
    return np.unique(order[np.concatenate([equal, equal + 1])]).tolist()


def _contradicting(first: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return for each image whether it shares its file with others that do not all have the same boxes, bool [R]."""
    shared = np.bincount(first, minlength=len(first))[first] > 1
    own = table[shared[table["row"]]]
    files = first[own["row"]]
    differs = shared & (_distinct_boxes(own, own["row"], len(first)) != _distinct_boxes(own, files, len(first))[first])
    return np.isin(first, first[differs])


def _distinct_boxes(table: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Return how many different boxes each of `count` owners has, int64 [count]."""
    repeated = repeats([owners, table["label"], table["ignore"], *table["box"].T])
    return np.bincount(owners[~repeated], minlength=count)
