"""Images that belong together by their names and are in several splits: frames of a video, versions of an image."""

import re
from collections.abc import Callable, Iterator
from pathlib import PurePath

import numpy as np

from detect.data.doctor.all_images import repeated
from detect.data.doctor.columns import split_examples
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject

_FRAMES_DIFFER = 44  # bits of two fingerprints: 1 in 1000 pairs of images that have nothing in common differs in fewer
_FEWEST = 3  # neighbours in different splits
# Roboflow names a version of a.jpg a_jpg.rf.0123abcd.jpg.
_VERSION = re.compile(r"(_(jpe?g|png|webp|bmp|tiff?|gif|avif))?\.rf\.\w+$", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,18}(?=\D*$)")
_SPLIT_FOLDER = re.compile("train|val|test|images", re.IGNORECASE)


def _divided_videos(subject: Subject) -> Iterator[Found]:
    """Find numbered images whose neighbours are in another split and show nearly the same place."""
    if len(subject.images.names) < 2:
        return
    neighbours, videos = _neighbours_in_other_splits(subject)
    prints = subject.images.fingerprints[neighbours]
    differ = np.unpackbits(prints[:, 0] ^ prints[:, 1], axis=1).sum(axis=1)
    divided = [
        rows
        for rows in np.split(np.arange(len(videos)), np.flatnonzero(np.diff(videos)) + 1)
        if len(rows) >= _FEWEST and np.median(differ[rows]) < _FRAMES_DIFFER
    ]
    if divided:
        frames = neighbours[np.concatenate(divided)].reshape(-1)
        names = [subject.images.names[split] for split in np.unique(subject.images.splits[frames])]
        what = f"videos or cameras with frames in several splits: {len(divided)}"
        yield Found(", ".join(names), len(divided), what, split_examples(subject, frames))


def _neighbours_in_other_splits(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of images with successive numbers in different splits, int64 [n, 2], and their sequence, [n]."""
    images = subject.images
    sequences, numbers = _numbered(subject, _sequence), _numbers(subject)
    order = np.lexsort((numbers, sequences))
    order = order[images.fingerprints[order].any(axis=1)]
    pairs = np.stack([order[:-1], order[1:]], axis=1)
    one, other = pairs.T
    chosen = (sequences[one] == sequences[other]) & (images.splits[one] != images.splits[other])
    chosen &= images.contents[one] != images.contents[other]  # copies are found by themselves
    return pairs[chosen], sequences[one][chosen]


def _divided_versions(subject: Subject) -> Iterator[Found]:
    """Find images that Roboflow made from one image."""
    if len(subject.images.names) < 2:
        return
    for splits, found in repeated(subject.images, _numbered(subject, _origin), across=True):
        named = np.array([".rf." in path.name for path in _paths(subject, found)])
        if named.any():
            what = f"versions of images in another split: {named.sum()}"
            yield Found(splits, int(named.sum()), what, split_examples(subject, found[named]))


def _numbered(subject: Subject, key: Callable[[PurePath], str]) -> np.ndarray:
    """Return a number for each image of all splits, which those with the same key have in common: int64 [R]."""
    numbers: dict[str, int] = {}
    count = len(subject.images.rows)
    keys = (key(path) for path in _paths(subject, np.arange(count)))
    return np.fromiter((numbers.setdefault(text, len(numbers)) for text in keys), np.int64, count)


def _numbers(subject: Subject) -> np.ndarray:
    """Return the last number in the name of each image, int64 [R]; 0 where there is none."""
    count = len(subject.images.rows)
    found = (_NUMBER.search(_origin(path)) for path in _paths(subject, np.arange(count)))
    return np.fromiter((int(number[0]) if number else 0 for number in found), np.int64, count)


def _paths(subject: Subject, images: np.ndarray) -> Iterator[PurePath]:
    for image in images.tolist():
        split = subject.images.names[subject.images.splits[image]]
        yield PurePath(subject.dataset.splits[split].paths[subject.images.rows[image]])


def _sequence(path: PurePath) -> str:
    """Return what frames of a video have in common: the folder, unless it is that of a split, and all but a number."""
    folder = "" if _SPLIT_FOLDER.search(path.parent.name) else path.parent.name
    return f"{folder}/{_NUMBER.sub('#', _origin(path))}"


def _origin(path: PurePath) -> str:
    """Return the name of an image without its suffix, and without what Roboflow adds."""
    return _VERSION.sub("", path.stem)


CHECKS = (
    Check(
        "divided-videos",
        Severity.WARNING,
        "frames of one video in several splits: numbered images whose neighbours in number look alike",
        "Scores on one split will look better than they are: keep each video in one split, as detect data split "
        "--group-by video does.",
        _divided_videos,
    ),
    Check(
        "divided-versions",
        Severity.WARNING,
        "augmented versions of one image in several splits, by the names that Roboflow gives them",
        "Scores on one split will look better than they are: divide the images first, then augment those of `train`.",
        _divided_versions,
    ),
)
