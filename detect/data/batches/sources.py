"""The two `SampleSource`s: augmented samples in training, every record once in evaluation."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.data.pixels.resizing import Placing, place
from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages, read_checked
from detect.data.samples.sample_stream import PADDING, SampleStream, side_of_step
from detect.errors import BadInput
from detect.structures import Example


@dataclass(frozen=True)
class TrainingSource:
    """The samples of one of several shards, which are square."""

    samples: SampleStream
    sides: tuple[int, ...]  # one of them is drawn for every ten steps
    batch_size: int
    shard: tuple[int, int]  # its number and the number of shards
    batches_per_step: int = 1
    dtype = np.uint8

    @property
    def stated_classes(self) -> int:
        return self.samples.cache.records.stated_classes

    def canvas(self, batch: int) -> tuple[int, int]:
        return (side_of_step(self.sides, self.samples.seed, batch // self.batches_per_step),) * 2

    def example(self, batch: int, slot: int, canvas: np.ndarray) -> tuple[Example, int]:
        position = self._position(batch, slot)
        return self.samples.sample(position, canvas), self.samples.shown_record(position)

    def padding_seed(self, batch: int, slot: int) -> tuple[int, ...]:
        return self.samples.seed_of(PADDING, self._position(batch, slot))

    def image_paths(self, batch: int) -> list[tuple[Path, ...]]:
        return [self.samples.image_paths(self._position(batch, slot)) for slot in range(self.batch_size)]

    def _position(self, batch: int, slot: int) -> int:
        """Return the position in the stream of samples, from which the shards take batches in turns."""
        shard, shards = self.shard
        return (batch * shards + shard) * self.batch_size + slot


@dataclass(frozen=True)
class EvaluationSource:
    """Every record once; those of one canvas come together, and otherwise in their order.

    The last batch of a canvas is filled up with blank images without boxes, whose index is -1. Such a blank also takes
    the place of an image that cannot be read.
    """

    records: Records
    placing: Placing
    batch_size: int
    unreadable: UnreadableImages

    @property
    def dtype(self) -> type[np.generic]:
        return self.placing(1, 1).dtype

    @property
    def stated_classes(self) -> int:
        return self.records.stated_classes

    @property
    def batches(self) -> int:
        """The number of batches."""
        return len(self._order) // self.batch_size

    @functools.cached_property
    def canvases(self) -> dict[tuple[int, int], list[int]]:
        """Positions of the records, by height and width of the canvas."""
        groups: dict[tuple[int, int], list[int]] = {}
        for position, (width, height) in enumerate(self.records.sizes.tolist()):
            groups.setdefault(self.placing(height, width).canvas, []).append(position)
        return groups

    @functools.cached_property
    def _order(self) -> list[int]:
        size = self.batch_size
        return [index for group in self.canvases.values() for index in (*group, *[-1] * (-len(group) % size))]

    def canvas(self, batch: int) -> tuple[int, int]:
        first = self.records[self._order[batch * self.batch_size]]
        return self.placing(first.height, first.width).canvas

    def example(self, batch: int, slot: int, canvas: np.ndarray) -> tuple[Example, int]:
        index, first = (self._order[batch * self.batch_size + each] for each in (slot, 0))
        record = self.records[first if index < 0 else index]
        placement = self.placing(record.height, record.width)
        image = self._image(index)
        if image is None:
            canvas[:] = placement.padding
            nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, bool)
            return Example(canvas, *nothing, record.looked_for), -1
        place(image, placement, out=canvas)
        truth = record.boxes * placement.scales, record.labels, record.ignore
        return Example(canvas, *truth, record.looked_for), index

    def _image(self, index: int) -> np.ndarray | None:
        """Return the image of a record; None where the index is -1 or the image cannot be read, which is noted."""
        if index < 0 or index in self.unreadable:
            return None
        try:
            return read_checked(self.records[index])
        except BadInput:
            self.unreadable.add(index)
            return None

    def padding_seed(self, batch: int, slot: int) -> tuple[int, ...]:
        return PADDING, self._order[batch * self.batch_size + slot]

    def image_paths(self, batch: int) -> list[tuple[Path, ...]]:
        indices = self._order[batch * self.batch_size : (batch + 1) * self.batch_size]
        return [(self.records.image_path(index),) for index in indices if index >= 0]
