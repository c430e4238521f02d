"""Annotated images before they are decoded: `Record` is one of them, `Records` are many, packed into a few arrays.

A million small Python objects cost a gigabyte and seconds of garbage collection, so records are stored by column;
a `Record` is made when it is needed.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detect.data.looked_for import LookedFor, concatenated_sets
from detect.data.regular_files import name_of_part
from detect.data.stated_truth import StatedTruth, boxes_of_images, from_corners, joined_truths
from detect.data.texts import Texts


@dataclass(frozen=True)
class Record:
    """One image and its n true boxes, in pixels of the upright image (EXIF orientation applied)."""

    image_path: Path
    image_id: int | str  # id in COCO files: theirs, or the position + 1
    width: int  # pixels, upright
    height: int
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]
    ignore: np.ndarray  # bool [n], crowd or difficult
    areas: np.ndarray  # float64 [n], square pixels: the annotated (mask) area where the file gives one, else the box's
    looked_for: np.ndarray | None = None  # bool [K], the classes that were looked for; None: all


@dataclass(frozen=True)
class Records(Sequence):
    """A read-only sequence of `Record`, R images with M boxes in all."""

    folder: str  # in which all images are; empty where they are in several, and `paths` are whole
    paths: Texts  # [R], within the folder
    image_ids: np.ndarray  # [R], int64, or texts where the ids of a COCO file are not all integers
    sizes: np.ndarray  # int32 [R, 2], width and height
    box_ends: np.ndarray  # int64 [R], where the boxes of each image end
    boxes: np.ndarray  # float32 [M, 4]
    labels: np.ndarray  # int32 [M]
    ignore: np.ndarray  # bool [M]
    areas: np.ndarray  # float64 [M]
    # [R], for copies of the images, with slashes; None for the paths below the folder that all images have in common.
    names: Texts | None = None
    looked_for: LookedFor | None = None  # in each image; None where that is every class in every image
    stated: StatedTruth | None = None  # what detections are scored against; None where that is exactly these boxes

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        index %= len(self)
        rows = self.box_rows(index)
        return Record(
            image_path=self.image_path(index),
            image_id=self.image_ids[index].item(),
            width=int(self.sizes[index, 0]),
            height=int(self.sizes[index, 1]),
            boxes=self.boxes[rows],
            labels=self.labels[rows],
            ignore=self.ignore[rows],
            areas=self.areas[rows],
            looked_for=self.looked_for_in(index),
        )

    @property
    def stated_classes(self) -> int:
        """K where the records say which classes were looked for, 0 where all were in all images."""
        return self.looked_for.sets.shape[1] if self.looked_for else 0

    def looked_for_in(self, index: int) -> np.ndarray | None:
        """Return which classes were looked for in one image, bool [K]; None where all were in all images."""
        return self.looked_for.of(index) if self.looked_for else None

    def truth(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return boxes, labels and `ignore` of one image: faster than its `Record`."""
        rows = self.box_rows(index)
        return self.boxes[rows], self.labels[rows], self.ignore[rows]

    def stated_truth(self) -> StatedTruth:
        """Return what detections are scored against: the boxes as the annotation files state them."""
        return self.stated or from_corners(self.box_ends, self.boxes, self.labels, self.ignore, self.areas)

    def box_rows(self, index: int) -> slice:
        """Return where the boxes of one image are among all boxes."""
        return slice(self.box_ends[index - 1] if index else 0, self.box_ends[index])

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))

    def digest(self) -> bytes:
        """Return the SHA-256 of the images' names within their folder, their sizes and their boxes; not of pixels."""
        columns = [self.sizes, self.box_ends, self.boxes, self.labels, self.ignore]
        hashed = hashlib.sha256(self.paths.digest())
        if self.looked_for:
            columns += [self.looked_for.sets, self.looked_for.rows]
        for column in columns:
            hashed.update(column.tobytes())
        return hashed.digest()

    def image_path(self, index: int) -> Path:
        """Return the path of one image."""
        return Path(self.folder, self.paths[index])

    def select(self, indices) -> "Records":
        """Return the records at `indices`, in that order."""
        rows = np.arange(len(self))[np.asarray(indices, np.int64)]
        box_ends, boxes = boxes_of_images(self.box_ends, rows)
        return Records(
            folder=self.folder,
            paths=self.paths.select(rows),
            image_ids=self.image_ids[rows],
            sizes=self.sizes[rows],
            box_ends=box_ends,
            boxes=self.boxes[boxes],
            labels=self.labels[boxes],
            ignore=self.ignore[boxes],
            areas=self.areas[boxes],
            names=self.names and self.names.select(rows),
            looked_for=self.looked_for and self.looked_for.select(rows),
            stated=self.stated and self.stated.select(rows),
        )

    def select_boxes(self, kept: np.ndarray) -> "Records":
        """Return the same images with the boxes where `kept`, bool [M]; they are scored against these alone."""
        return replace(
            self,
            stated=None,
            box_ends=np.append(0, np.cumsum(kept))[self.box_ends],
            boxes=self.boxes[kept],
            labels=self.labels[kept],
            ignore=self.ignore[kept],
            areas=self.areas[kept],
        )

    def with_boxes(self, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray, ignore: np.ndarray) -> "Records":
        """Return the same images with further boxes after their own; they are scored against all of these.

        Args:
            images: position of the image of each box, int [n], in any order.
            boxes: float32 [n, 4].
            labels: int32 [n].
            ignore: bool [n].
        """
        own = np.repeat(np.arange(len(self)), np.diff(self.box_ends, prepend=0))
        owners = np.append(own, images)
        order = np.argsort(owners, kind="stable")
        sides = boxes[:, 2:].astype(np.float64) - boxes[:, :2]
        return replace(
            self,
            box_ends=np.cumsum(np.bincount(owners, minlength=len(self))),
            boxes=np.concatenate([self.boxes, boxes])[order],
            labels=np.append(self.labels, labels)[order],
            ignore=np.append(self.ignore, ignore)[order],
            areas=np.append(self.areas, sides.prod(axis=1))[order],
            stated=None,
        )

    def copy_names(self) -> Texts:
        """Return names for copies of the images, with slashes [R]: other paths in their folder may have the same."""
        if self.names is not None:
            return self.names
        if self.folder:
            return Texts(name_of_part(os.path.join(self.folder, path)) or path for path in self.paths)
        return _below_common_folder(self.paths)


def concatenated(parts: Sequence[Records]) -> Records:
    """Return the records of several sequences as one, with the ids that they have."""
    whole = Texts(os.path.join(part.folder, path) for part in parts for path in part.paths)
    starts = np.cumsum([0, *(len(part.boxes) for part in parts[:-1])])
    return Records(
        folder="",
        paths=whole,
        image_ids=np.concatenate([part.image_ids for part in parts]),
        sizes=np.concatenate([part.sizes for part in parts]),
        box_ends=np.concatenate([part.box_ends + start for part, start in zip(parts, starts, strict=True)]),
        boxes=np.concatenate([part.boxes for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        ignore=np.concatenate([part.ignore for part in parts]),
        areas=np.concatenate([part.areas for part in parts]),
        names=Texts(name for part in parts for name in part.copy_names()),
        looked_for=concatenated_sets([part.looked_for for part in parts], list(map(len, parts))),
        stated=joined_truths([part.stated_truth() for part in parts]) if any(part.stated for part in parts) else None,
    )


def _below_common_folder(paths: Texts) -> Texts:
    """Return paths relative to the deepest folder that holds all of them, with slashes."""
    common: str | None = None
    for path in paths:
        folder = os.path.dirname(os.path.normpath(path))
        if common is None:
            common = folder
        elif not os.path.join(folder, "").startswith(os.path.join(common, "")):
            common = os.path.commonpath([common, folder])
    start = len(os.path.join(common or "", ""))
    return Texts(os.path.normpath(path)[start:].replace(os.sep, "/") for path in paths)
