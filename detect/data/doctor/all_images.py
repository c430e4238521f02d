"""The images of all splits together, to compare them across splits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from detect.data.near_duplicates import near_duplicates
from detect.data.survey import Survey


@dataclass(frozen=True)
class AllImages:
    """The R readable images of all splits."""

    names: tuple[str, ...]  # of the splits
    splits: np.ndarray  # int64 [R], position in `names`
    rows: np.ndarray  # int64 [R], position among the records of the split
    fingerprints: np.ndarray  # uint8 [R, 16]
    contents: np.ndarray  # int64 [R], the same number, below R, for files that are equal byte for byte
    lookalikes: np.ndarray  # int64 [R], the same number, below R, for images that look nearly the same


def join(surveys: Mapping[str, Survey]) -> AllImages:
    """Return the images of all splits, by the surveys of these."""
    readable = [np.flatnonzero(survey.readable) for survey in surveys.values()]
    parts = list(zip(surveys.values(), readable, strict=True))
    none = np.zeros((0, 16), np.uint8)  # for no surveys at all
    digests = np.concatenate([none, *(survey.digests[rows] for survey, rows in parts)])
    fingerprints = np.concatenate([none, *(survey.fingerprints[rows] for survey, rows in parts)])
    return AllImages(
        names=tuple(surveys),
        splits=np.repeat(np.arange(len(readable)), [len(rows) for rows in readable]),
        rows=np.concatenate([np.zeros(0, np.int64), *readable]),
        fingerprints=fingerprints,
        contents=np.unique(digests, axis=0, return_inverse=True)[1].reshape(-1),
        lookalikes=near_duplicates(fingerprints),
    )


def repeated(images: AllImages, groups: np.ndarray, across: bool) -> Iterator[tuple[str, np.ndarray]]:
    """Find groups of two or more images that are in one split, or with `across` those that are in several.

    Args:
        images: R images.
        groups: number of the group of each, int64 [R].
        across: which of the two to find.

    Yields:
        The splits that the images of a group are in, and the images of all such groups, one group after the other.
    """
    splits = np.zeros(len(groups), np.int64)  # of each group, a bit for each
    np.bitwise_or.at(splits, groups, 1 << images.splits)
    in_several = splits & (splits - 1) != 0
    found = np.flatnonzero((np.bincount(groups)[groups] > 1) & (in_several[groups] == across))
    found = found[np.argsort(groups[found], kind="stable")]
    of_found = splits[groups[found]]
    for bits in np.unique(of_found).tolist():
        yield ", ".join(name for place, name in enumerate(images.names) if bits >> place & 1), found[of_found == bits]
