"""Find images that belong together, and must not be divided between training and validation."""

import os
import re
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from detect.errors import BadInput

# What comes before the number of a frame: "cam/a" in "cam/a_0012.jpg".
_VIDEO = r"^(.*?)[-_. ]*[0-9]+\.[^./]+$"
_FOLDER = r"^(.*/)?[^/]*$"
RULES = MappingProxyType({"video": _VIDEO, "folder": _FOLDER})


def by_names(names: Sequence[str], rule: str) -> np.ndarray:
    """Divide images into groups by their names.

    Args:
        names: R names, with folders and slashes.
        rule: "video" for what comes before the number of a frame, "folder", or a regular expression: images belong
            together for which its first group, or all of it, matches the same text. What it does not match is alone.

    Returns:
        The position of the first image of the group of each image, int64 [R].

    Raises:
        BadInput: it is not a regular expression.
    """
    try:
        pattern = re.compile(RULES.get(rule, rule))
    except re.error as error:
        raise BadInput(f"{rule!r} is not a regular expression: {error}. Known rules: {', '.join(RULES)}.") from None
    first: dict[str, int] = {}
    rows = []
    for row, name in enumerate(names):
        match = pattern.search(name)
        rows.append(first.setdefault(match[min(pattern.groups, 1)] or "", row) if match else row)
    return np.array(rows, np.int64)


def videos(names: Sequence[str]) -> list[str]:
    """Return what names have before the numbers of frames, if that may be the names of several videos; else none."""
    groups = by_names(names, "video")
    found = np.flatnonzero(np.bincount(groups, minlength=1) > 1)
    return [os.path.basename(names[row]) for row in found.tolist()] if len(found) > 1 else []


def united(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the groups of two divisions together: what is in one group of either is in one.

    Args:
        first: the position of the first image of the group of each image, int64 [R].
        second: the same for other groups.

    Returns:
        The numbers of the groups, 0..G-1, int64 [R].
    """
    groups = first
    while True:
        smallest = groups
        for division in (first, second):
            least = np.full(len(groups), len(groups))
            np.minimum.at(least, division, smallest)
            smallest = least[division]
        if (smallest == groups).all():
            return np.unique(groups, return_inverse=True)[1].reshape(-1)
        groups = smallest
