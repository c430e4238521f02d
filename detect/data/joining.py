"""Join the records of several splits or datasets."""

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from detect.data.records import Records, concatenated
from detect.errors import counted


def join(parts: Sequence[Records]) -> tuple[Records, list[str]]:
    """Return the images of all parts, and notes on what had to be decided.

    A file that several parts name is one image with the boxes of all, without those that are stated again; what was
    looked for in one of them was looked for in it. Ids are kept where they differ from each other, else images are
    numbered from 1.
    """
    every = concatenated(parts)
    records = _without_repeated_files(every)
    notes = []
    if len(records) < len(every):
        again = counted(len(every) - len(records), "image is", "images are")
        notes.append(f"{again} named again: each is one image with the boxes of all")
    if len(np.unique(records.image_ids)) < len(records):
        records = replace(records, image_ids=np.arange(1, len(records) + 1))
        notes.append("several images have the same id: all are numbered anew, from 1")
    return records, notes


def repeats(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Return which of n rows are equal to an earlier one in all `keys`, arrays [n]: bool [n]."""
    order = np.lexsort(keys)  # stable: of equal rows the first stays first
    same = np.ones(max(len(order) - 1, 0), bool)
    for key in keys:
        same &= key[order][1:] == key[order][:-1]
    found = np.zeros(len(order), bool)
    found[order[1:][same]] = True
    return found


def _without_repeated_files(records: Records) -> Records:
    first: dict[str, int] = {}
    rows = np.array([first.setdefault(os.path.abspath(path), row) for row, path in enumerate(records.paths)], np.int64)
    kept = rows == np.arange(len(rows))
    if kept.all():
        return records
    owners = np.repeat(rows, np.diff(records.box_ends, prepend=0))
    order = np.argsort(owners, kind="stable")
    again = repeats([owners, records.labels, records.ignore, *records.boxes.T])[order]
    order = order[~again]
    return replace(
        records,
        box_ends=np.cumsum(np.bincount(owners[order], minlength=len(rows))),
        boxes=records.boxes[order],
        labels=records.labels[order],
        ignore=records.ignore[order],
        areas=records.areas[order],
        stated=None,
        looked_for=records.looked_for and records.looked_for.joined(rows),
    ).select(np.flatnonzero(kept))
