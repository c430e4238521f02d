"""Sources whose samples tell their numbers, and some that fail, for the tests of both pools of workers.

They are in a file of their own because worker processes have to import them.
"""

import os
import signal
import threading
from dataclasses import dataclass, field, replace

import numpy as np

from detect.data.batches.process_pool import ProcessPool, pack
from detect.structures import Example

LARGEST = (4, 4)  # canvas


@dataclass(frozen=True)
class Numbered:
    """Sample n has pixels, boxes and labels n, and n boxes."""

    batch_size: int = 2
    dtype: type = np.uint8
    stated_classes: int = 0

    def canvas(self, batch):
        return (2, 3)

    def example(self, batch, slot, canvas):
        sample = batch * self.batch_size + slot
        canvas.fill(sample)
        boxes = np.full((sample, 4), sample, np.float32)
        return Example(canvas, boxes, np.full(sample, sample, np.int32), np.ones(sample, bool)), 10 * sample

    def padding_seed(self, batch, slot):
        return batch, slot


def no_boxes() -> np.ndarray:
    return np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class WithoutBoxes(Numbered):
    """Numbered samples whose boxes are those of an array that is empty."""

    boxes: np.ndarray = field(default_factory=no_boxes)

    def example(self, batch, slot, canvas):
        example, index = super().example(batch, slot, canvas)
        return Example(example.image, self.boxes, np.zeros(0, np.int32), np.zeros(0, bool)), index


@dataclass(frozen=True)
class PartlyLabelled(Numbered):
    """In sample n, of three classes, number n modulo 3 was looked for."""

    stated_classes: int = 3

    def example(self, batch, slot, canvas):
        example, index = super().example(batch, slot, canvas)
        looked_for = np.arange(3) == (batch * self.batch_size + slot) % 3
        return replace(example, looked_for=looked_for), index


class Together(Numbered):
    """Samples that are made two at a time, or not at all."""

    both = threading.Barrier(2, timeout=60)

    def example(self, batch, slot, canvas):
        self.both.wait()
        return super().example(batch, slot, canvas)


class Failing(Numbered):
    def example(self, batch, slot, canvas):
        raise ValueError(f"batch {batch}")


class Unpicklable(Exception):
    """An error that can be pickled, but not unpickled."""

    def __init__(self, one, two):
        super().__init__(one + two)


class FailingUnpicklably(Numbered):
    def example(self, batch, slot, canvas):
        raise Unpicklable("o", "dd")


class Dying(Numbered):
    def example(self, batch, slot, canvas):
        os.kill(os.getpid(), signal.SIGKILL)


class ProcessNumbers(Numbered):
    """The index of each sample is the number of the process that made it."""

    def example(self, batch, slot, canvas):
        return super().example(batch, slot, canvas)[0], os.getpid()


def process_pool(source, workers=2, max_boxes=5) -> ProcessPool:
    """Return a pool of processes for one of these sources."""
    packed = pack(source)
    assert packed is not None
    return ProcessPool(source, packed, max_boxes, workers, LARGEST)
