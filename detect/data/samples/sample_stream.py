"""Training samples as a function of their position in an endless stream.

A position tells epoch and record, by a permutation of the records that depends on seed and epoch; and (seed, epoch,
record) tells everything else that is random. So any sample can be made at any time, by any worker, with one result.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.data.pixels.warping import GREY
from detect.data.samples.augmentation import Augmentation, random_colours, random_view
from detect.data.samples.image_cache import WINDOW, Pictures
from detect.data.samples.mixing import MOSAIC_PICTURES, mix_up, mosaic
from detect.data.samples.user_transform import UserTransform
from detect.structures import Example

# First word of every seed, so that no two uses share a sequence.
ORDER, SAMPLE, SIDE, PADDING = 1, 2, 3, 4

BATCHES_OF_ONE_SIDE = 10  # YOLOX changes the size of its input every 10 iterations


class Sources(NamedTuple):
    """Which records make a sample."""

    pictures: tuple[int, ...]  # one, or the four of a mosaic; the first is the record that the sample is counted for
    partner: int | None  # the record mixed into it

    @property
    def all(self) -> tuple[int, ...]:
        """The partner last."""
        return self.pictures if self.partner is None else (*self.pictures, self.partner)


class Samples:
    """Makes the samples of a training run."""

    def __init__(self, pictures: Pictures, settings: Augmentation, seed: int, transform: UserTransform | None = None):
        self.pictures = pictures
        self.settings = settings
        self.seed = seed
        self.transform = transform

    def sample(self, position: int, canvas: np.ndarray) -> Example:
        """The augmented example at a position of the stream, counted from 0; its image is `canvas`, a square."""
        canvas.fill(GREY)
        rng = self._generator(position)
        sources, colours = self._draw_sources(rng, position), random_colours(self.settings, rng)
        with self.pictures.examples(sources.all) as originals:
            examples = [self._transformed(*each, rng) for each in zip(sources.all, originals, strict=True)]
            partner = examples.pop() if sources.partner is not None else None
            if len(examples) == 1:
                example = random_view(examples[0], self.settings, rng, canvas, colours)
            else:
                example = mosaic(examples, self.settings, rng, canvas, colours)
            return example if partner is None else mix_up(example, partner, self.settings, rng, colours)

    def sources(self, position: int) -> Sources:
        """The records that make the sample at a position."""
        return self._draw_sources(self._generator(position), position)

    def image_paths(self, position: int) -> tuple[Path, ...]:
        """The images that make the sample at a position."""
        return tuple(self.pictures.records.image_path(index) for index in self.sources(position).all)

    def record_index(self, position: int) -> int:
        """The record that the sample at a position is counted for: each one once an epoch."""
        count = len(self.pictures.records)
        epoch, place = divmod(position, count)
        return int(_permutation(self.seed, epoch, count)[place])

    def seed_of(self, use: int, position: int) -> tuple[int, ...]:
        """Return the seed of one use of randomness for the sample at a position: (use, seed, epoch, record)."""
        return use, self.seed, position // len(self.pictures.records), self.record_index(position)

    def _generator(self, position: int) -> np.random.Generator:
        return np.random.default_rng(self.seed_of(SAMPLE, position))

    def _draw_sources(self, rng: np.random.Generator, position: int) -> Sources:
        """The others of a mosaic, or of a mix-up, are those of the last `WINDOW` positions: they are likely still there
        where not all pictures are kept. Near the start of the stream, it is positions to come.
        """
        in_mosaic, in_mixup = rng.random(2) < (self.settings.mosaic, self.settings.mixup)
        back = rng.integers(1, min(WINDOW, len(self.pictures.records)) + 1, size=MOSAIC_PICTURES)
        *others, partner = (self.record_index(abs(position - step)) for step in back.tolist())
        index = self.record_index(position)
        return Sources((index, *others) if in_mosaic else (index,), partner if in_mixup else None)

    def _transformed(self, index: int, example: Example, rng: np.random.Generator) -> Example:
        if self.transform is None:
            return example
        return self.transform(example, rng, where=self.pictures.records.image_path(index))


def side_of_batch(sides: tuple[int, ...], seed: int, batch: int) -> int:
    """The side of the images of a batch: one of `sides`, drawn anew for every group of ten batches."""
    if len(sides) == 1:
        return sides[0]
    return sides[np.random.default_rng([SIDE, seed, batch // BATCHES_OF_ONE_SIDE]).integers(len(sides))]


@functools.lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng([ORDER, seed, epoch]).permutation(count)
