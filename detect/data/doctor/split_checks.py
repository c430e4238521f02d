"""Images that are in a dataset more than once, above all in two of its splits."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator

from detect.data.dataset import Dataset
from detect.data.doctor.dataset_check import Check, Example, Found, Severity, Subject
from detect.data.regular_files import open_regular, size_of

_FIRST_READ = 64 * 1024  # bytes of each file that are compared first


def copies(dataset: Dataset) -> list[list[tuple[str, str]]]:
    """Find images that are the same file, byte for byte: groups of two or more (split, path)."""
    everything = [
        (split, str(records.image_path(index)))
        for split, records in dataset.splits.items()
        for index in range(len(records))
    ]
    groups = [everything]
    for trait in (size_of, _digest_of_beginning, _digest):  # each costs more, and has fewer files to look at
        groups = [alike for group in groups for alike in _divided(group, trait) if len(alike) > 1]
    return groups


def _divided(images: list[tuple[str, str]], trait: Callable[[str], int | bytes]) -> list[list[tuple[str, str]]]:
    alike = defaultdict(list)
    for split, path in images:
        alike[trait(path)].append((split, path))
    return list(alike.values())


def _digest_of_beginning(path: str) -> bytes:
    return _digest(path, _FIRST_READ)


def _digest(path: str, length: int = -1) -> bytes:
    with open_regular(path) as file:
        return hashlib.blake2b(file.read(length), digest_size=16).digest()


def _copies(subject: Subject, across: bool) -> Iterator[Found]:
    """Find copies in several splits, or else within one."""
    groups = defaultdict(list)
    for group in copies(subject.dataset):
        splits = list(dict.fromkeys(split for split, _ in group))
        if (len(splits) > 1) == across:
            groups[", ".join(splits)].append(group)
    for names, found in groups.items():
        examples = tuple(Example(path, path) for group in found for _, path in group)
        yield Found(names, len(found), f"images that occur more than once: {len(found)}", examples)


CHECKS = (
    Check(
        "copies-across-splits",
        Severity.WARNING,
        "the same file in two splits",
        "Scores on one split will look better than they are: keep each image in one split.",
        lambda subject: _copies(subject, across=True),
    ),
    Check(
        "copies",
        Severity.WARNING,
        "the same file twice in one split",
        "Keep one of each.",
        lambda subject: _copies(subject, across=False),
    ),
)
