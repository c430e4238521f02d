"""Annotated images before any tensor: `Record` is one of them, `Records` many, packed into a few arrays.

A million small Python objects cost a gigabyte and seconds of garbage collection, so records are stored by column;
a `Record` is made when one is asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Record:
    """One image and its n true boxes, in pixels of the upright image (EXIF orientation applied)."""

    image_path: Path
    image_id: int  # id in COCO files: theirs, or the position + 1
    width: int  # pixels, upright
    height: int
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]
    ignore: np.ndarray  # bool [n], crowd or difficult
    areas: np.ndarray  # float64 [n], square pixels: the annotated (mask) area where the file gives one, else the box's


@dataclass
class RecordsBuilder:
    """Collects records one by one; `build` packs them."""

    _paths: list[bytes] = field(default_factory=list)
    _images: list[tuple[int, int, int, int]] = field(default_factory=list)  # id, width, height, number of boxes
    _boxes: list[np.ndarray] = field(default_factory=list)

    def append(self, record: Record) -> None:
        count = len(record.boxes)
        self._paths.append(str(record.image_path).encode("utf-8", "surrogateescape"))
        self._images.append((record.image_id, record.width, record.height, count))
        if count:
            columns = [record.boxes, record.labels[:, None], record.ignore[:, None], record.areas[:, None]]
            self._boxes.append(np.concatenate(columns, axis=1).astype(np.float64))

    def build(self) -> "Records":
        images = np.array(self._images, np.int64).reshape(-1, 4)
        boxes = np.concatenate([np.zeros((0, 7)), *self._boxes])
        return Records(
            paths=b"".join(self._paths),
            path_ends=np.cumsum([len(path) for path in self._paths], dtype=np.int64),
            image_ids=images[:, 0].copy(),
            sizes=images[:, 1:3].astype(np.int32),
            box_ends=np.cumsum(images[:, 3]),
            boxes=boxes[:, :4].astype(np.float32),
            labels=boxes[:, 4].astype(np.int32),
            ignore=boxes[:, 5].astype(bool),
            areas=boxes[:, 6].copy(),
        )


@dataclass(frozen=True)
class Records(Sequence):
    """A read-only sequence of `Record`, R images with M boxes in all."""

    paths: bytes  # UTF-8 paths, one after the other
    path_ends: np.ndarray  # int64 [R], where each path ends
    image_ids: np.ndarray  # int64 [R]
    sizes: np.ndarray  # int32 [R, 2], width and height
    box_ends: np.ndarray  # int64 [R], where the boxes of each image end
    boxes: np.ndarray  # float32 [M, 4]
    labels: np.ndarray  # int32 [M]
    ignore: np.ndarray  # bool [M]
    areas: np.ndarray  # float64 [M]

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        if not -len(self) <= index < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        index %= len(self)
        rows = slice(self.box_ends[index - 1] if index else 0, self.box_ends[index])
        return Record(
            image_path=self.image_path(index),
            image_id=int(self.image_ids[index]),
            width=int(self.sizes[index, 0]),
            height=int(self.sizes[index, 1]),
            boxes=self.boxes[rows],
            labels=self.labels[rows],
            ignore=self.ignore[rows],
            areas=self.areas[rows],
        )

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))

    def image_path(self, index: int) -> Path:
        start = self.path_ends[index - 1] if index else 0
        return Path(self.paths[start : self.path_ends[index]].decode("utf-8", "surrogateescape"))

    def select(self, indices) -> "Records":
        """The records at `indices`, in that order."""
        builder = RecordsBuilder()
        for index in indices:
            builder.append(self[int(index)])
        return builder.build()
