"""Images that belong together by their names: the frames of a video, and the versions of an image."""

import re
from collections.abc import Callable, Hashable, Sequence
from pathlib import PurePath

import numpy as np

# Of two fingerprints, in bits. Images that have nothing in common differ in 64 of 128 on average; 44 are 3.5 standard
# deviations less, if the bits are independent.
FRAMES_DIFFER = 44
# Roboflow names a version of a.jpg a_jpg.rf.0123abcd.jpg.
_VERSION = re.compile(r"(_(jpe?g|png|webp|bmp|tiff?|gif|avif))?\.rf\.\w+$", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,18}(?=\D*$)")
_SPLIT_FOLDER = re.compile("train|val|test|images", re.IGNORECASE)


def origin(name: str) -> str:
    """Return the file name of an image without its suffix, and without what Roboflow adds."""
    return _VERSION.sub("", PurePath(name).stem)


def sequence(name: str) -> str:
    """Return what frames of a video have in common: the folder, unless it is that of a split, and all but a number."""
    parent = PurePath(name).parent.name
    return f"{'' if _SPLIT_FOLDER.search(parent) else parent}/{_NUMBER.sub('#', origin(name))}"


def frame_number(name: str) -> int:
    """Return the last number in the file name of an image, 0 where there is none."""
    number = _NUMBER.search(origin(name))
    return int(number[0]) if number else 0


def first_with_same(names: Sequence[str], key: Callable[[str], Hashable]) -> np.ndarray:
    """Return the position of the first of R names with the same key, int64 [R]; those with the key None are alone."""
    first: dict[Hashable, int] = {}
    keys = map(key, names)
    positions = (row if own is None else first.setdefault(own, row) for row, own in enumerate(keys))
    return np.fromiter(positions, np.int64, len(names))


def versions(names: Sequence[str]) -> np.ndarray:
    """Return for each of R images the position of the first version of the same image, int64 [R]."""
    return first_with_same(names, lambda name: origin(name) if ".rf." in name else None)


def in_order(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of R images, video by video and frame by frame, and the video of each image, int64 [R]."""
    videos = first_with_same(names, sequence)
    numbers = np.fromiter(map(frame_number, names), np.int64, len(names))
    return np.lexsort((numbers, videos)), videos


def neighbouring_frames(names: Sequence[str], fingerprints: np.ndarray) -> np.ndarray:
    """Divide the frames of each video into scenes: runs in which each looks like the one before.

    Args:
        names: of R images, by which videos and the order of frames are known.
        fingerprints: uint8 [R, 16], see `detect.data.pixels.fingerprint`.

    Returns:
        The position of an image of the scene of each image, int64 [R].
    """
    order, videos = in_order(names)
    prints = fingerprints[order]
    differ = np.unpackbits(prints[1:] ^ prints[:-1], axis=1).sum(axis=1)
    told = prints.max(axis=1, initial=0) > 0  # the others have no contrast to tell them by
    linked = (differ < FRAMES_DIFFER) & (np.diff(videos[order]) == 0) & told[1:] & told[:-1]
    starts = np.flatnonzero(np.append(True, ~linked)[: len(order)])
    scenes = np.empty(len(order), np.int64)
    scenes[order] = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
    return scenes
