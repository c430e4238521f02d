"""Find images that belong together, and must not be divided between training and validation."""

import itertools
import os
import re
from collections.abc import Callable, Sequence

import numpy as np

from detect.data.near_duplicates import near_duplicates
from detect.data.records import Records
from detect.data.sequences import first_with_same, neighbouring_frames, sequence, versions
from detect.data.survey import survey
from detect.errors import BadInput

RULES = ("video", "folder")

Progress = Callable[[int, int], None]


def belonging_together(
    records: Records, rule: str, option: str, progress: Progress | None
) -> tuple[np.ndarray, list[str]]:
    """Return the groups of images that must not be divided, and notes on them.

    Args:
        records: R images.
        rule: what keeps images together by their names, see `by_names`; empty: nothing.
        option: how a user keeps the frames of each video together, for a note where there may be some.
        progress: called with the number of images that are decoded, and of all; None: no image is decoded, and those
            that show nearly the same are not kept together.

    Returns:
        The number of the group of each image, int64 [R], and the notes.

    Raises:
        BadInput: the rule is not a regular expression.
    """
    names, notes = records.copy_names(), []
    divisions = [np.arange(len(records))]
    if rule:
        divisions.append(by_names(names, rule))
        notes.append(
            f"images that belong together by their names stay together (groups: {len(np.unique(divisions[-1]))})"
        )
    elif found := videos(names):
        notes.append(
            f"names such as {found[0]!r} and {found[1]!r} may be frames of {len(found)} videos, which are divided: "
            f"{option} keeps all frames of each together"
        )
    if progress:
        divisions.append(look_alikes(names, _fingerprints(records, progress)))
        count = int(np.count_nonzero(divisions[-1] != divisions[0]))
        notes += [f"images that show nearly the same as others stay together with them ({count})"] if count else []
    return np.unique(united(*divisions), return_inverse=True)[1].reshape(-1), notes


def by_names(names: Sequence[str], rule: str) -> np.ndarray:
    """Divide images into groups by their names.

    Args:
        names: R names, with folders and slashes.
        rule: "video" for all but the number of a frame, "folder", or a regular expression: images belong together for
            which its first group, or all of it, matches the same text. What it does not match is alone.

    Returns:
        The position of the first image of the group of each image, int64 [R].

    Raises:
        BadInput: it is not a regular expression.
    """
    if rule == "video":
        return first_with_same(names, sequence)
    if rule == "folder":
        return first_with_same(names, os.path.dirname)
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise BadInput(f"{rule!r} is not a regular expression: {error}. Known rules: {', '.join(RULES)}.") from None

    def matched(name: str) -> str | None:
        match = pattern.search(name)
        return match and (match[min(pattern.groups, 1)] or "")

    return first_with_same(names, matched)


def look_alikes(names: Sequence[str], fingerprints: np.ndarray) -> np.ndarray:
    """Divide images into groups that show nearly the same: copies, neighbouring frames, and versions of one image.

    Args:
        names: R names, by which frames and versions are known.
        fingerprints: uint8 [R, 16], see `detect.data.pixels.fingerprint`.

    Returns:
        The position of the first image of the group of each image, int64 [R].
    """
    return united(near_duplicates(fingerprints), neighbouring_frames(names, fingerprints), versions(names))


def videos(names: Sequence[str]) -> list[str]:
    """Return the first frame of each video, if names with numbers may be those of several videos; else none."""
    found = np.flatnonzero(np.bincount(by_names(names, "video"), minlength=1) > 1)
    return [os.path.basename(names[row]) for row in found.tolist()] if len(found) > 1 else []


def united(*divisions: np.ndarray) -> np.ndarray:
    """Return the groups of several divisions together: what is in one group of any is in one.

    Args:
        divisions: the position of an image of its group for each image, the same for all in the group, int64 [R] each.

    Returns:
        The position of the first image of the group of each image, int64 [R].
    """
    groups = np.arange(len(divisions[0]))
    while True:
        smallest = groups
        for division in divisions:
            least = np.full(len(groups), len(groups))
            np.minimum.at(least, division, smallest)
            smallest = least[division]
        if (smallest == groups).all():
            return groups
        groups = smallest


def _fingerprints(records: Records, progress: Progress) -> np.ndarray:
    done = itertools.count(1)
    return survey(records, lambda: progress(next(done), len(records))).fingerprints
