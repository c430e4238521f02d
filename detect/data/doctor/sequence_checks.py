"""Images that belong together by their names and are in several splits: frames of a video, versions of an image."""

from collections.abc import Iterator

import numpy as np

from detect.data.doctor.all_images import repeated
from detect.data.doctor.dataset_check import Check, Found, Severity, Subject
from detect.data.doctor.found_examples import split_examples
from detect.data.sequences import FRAMES_DIFFER, first_with_same, in_order, origin
from detect.data.texts import Texts

_FEWEST = 3  # neighbours in different splits


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
        if len(rows) >= _FEWEST and np.median(differ[rows]) < FRAMES_DIFFER
    ]
    if divided:
        frames = neighbours[np.concatenate(divided)].reshape(-1)
        names = [subject.images.names[split] for split in np.unique(subject.images.splits[frames])]
        what = f"videos or cameras with frames in several splits: {len(divided)}"
        yield Found(", ".join(names), len(divided), what, split_examples(subject, frames))


def _neighbours_in_other_splits(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of images with successive numbers in different splits, int64 [n, 2], and their sequence, [n]."""
    images = subject.images
    order, sequences = in_order(_names(subject))
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
    names = _names(subject)
    for splits, found in repeated(subject.images, first_with_same(names, origin), across=True):
        named = np.array([".rf." in names[image] for image in found.tolist()])
        if named.any():
            what = f"versions of images in another split: {named.sum()}"
            yield Found(splits, int(named.sum()), what, split_examples(subject, found[named]))


def _names(subject: Subject) -> Texts:
    """Return the paths of the images of all splits [R], in the folder of their split."""
    images = subject.images
    splits = [subject.dataset.splits[name] for name in images.names]
    places = zip(images.splits.tolist(), images.rows.tolist(), strict=True)
    return Texts(splits[split].paths[row] for split, row in places)


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
