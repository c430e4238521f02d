"""Training samples as a function of their position in an endless stream.

A position determines epoch and record, by an order of the records that depends on seed and epoch; and (seed, epoch,
record) determines everything else that is random. So any worker can make any sample at any time, with the same
result.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.data.pixels.warping import GREY
from detect.data.samples.augmentation import Augmentation, random_colours, random_view
from detect.data.samples.image_cache import WINDOW, ImageCache
from detect.data.samples.mixing import MOSAIC_IMAGES, mix_up, mosaic
from detect.data.samples.sample_order import SampleOrder
from detect.data.samples.user_transform import UserTransform
from detect.structures import Example

# First number of every seed, so that no two uses share a sequence; the order of an epoch has 1.
SAMPLE, SIDE, PADDING = 2, 3, 4

STEPS_OF_ONE_SIDE = 10  # YOLOX changes the size of its input every 10 iterations


class Composition(NamedTuple):
    """The records that a sample is made of, by their indices."""

    images: tuple[int, ...]  # one, or the four of a mosaic; the first is the record that the sample is counted for
    partner: int | None  # the record that is mixed in

    @property
    def all(self) -> tuple[int, ...]:
        """All of them, the partner last."""
        return self.images if self.partner is None else (*self.images, self.partner)


class SampleStream:
    """Makes the samples of a training run."""

    def __init__(
        self, cache: ImageCache, settings: Augmentation, order: SampleOrder, transform: UserTransform | None = None
    ):
        self.cache = cache
        self.settings = settings
        self.order = order
        self.seed = order.seed
        self.transform = transform

    def sample(self, position: int, canvas: np.ndarray) -> Example:
        """Make the sample at a position of the stream, counted from 0; its image is `canvas`, a square."""
        canvas.fill(GREY)
        rng = self._generator(position)
        composition, colours = self._draw_composition(rng, position), random_colours(self.settings, rng)
        with self.cache.examples(composition.all) as originals:
            examples = [self._transformed(*each, rng) for each in zip(composition.all, originals, strict=True)]
            partner = examples.pop() if composition.partner is not None else None
            if len(examples) == 1:
                example = random_view(examples[0], self.settings, rng, canvas, colours)
            else:
                example = mosaic(examples, self.settings, rng, canvas, colours)
            return example if partner is None else mix_up(example, partner, self.settings, rng, colours)

    def composition(self, position: int) -> Composition:
        """Return the records that the sample at a position is made of."""
        return self._draw_composition(self._generator(position), position)

    def image_paths(self, position: int) -> tuple[Path, ...]:
        """Return the image files that the sample at a position is made of."""
        return tuple(self.cache.image_path(index) for index in self.composition(position).all)

    def record_index(self, position: int) -> int:
        """Return the record that the sample at a position is counted for."""
        return self.order.record(position)

    def shown_record(self, position: int) -> int:
        """Return the record that the sample at a position shows: `record_index`, or a stand-in, once it was made."""
        return self.cache.unreadable.stand_in(self.record_index(position))

    def seed_of(self, use: int, position: int) -> tuple[int, ...]:
        """Return the seed of one use of randomness for the sample at a position: (use, seed, epoch, record).

        Where an epoch may have several samples of a record, its place in the epoch tells them from each other.
        """
        epoch, place = divmod(position, self.order.length)
        seed = use, self.seed, epoch, self.record_index(position)
        return seed if self.order.ends is None else (*seed, place)

    def _generator(self, position: int) -> np.random.Generator:
        return np.random.default_rng(self.seed_of(SAMPLE, position))

    def _draw_composition(self, rng: np.random.Generator, position: int) -> Composition:
        """Draw the records of a sample.

        The other images of a mosaic or a mix-up are those of the last `WINDOW` positions: they are likely to be in the
        cache, even if it does not hold all images. Near the start of the stream, they are those of positions to come.
        Of a dataset that is not labelled completely, only those are taken in which all classes of the first image were
        looked for, so that none of its classes is lost to the sample; where there are none, it is shown alone.
        """
        in_mosaic, in_mixup = rng.random(2) < (self.settings.mosaic, self.settings.mixup)
        index = self.record_index(position)
        steps = self._steps_back(index, position)
        if not steps:
            return Composition((index,), None)
        drawn = rng.integers(len(steps), size=MOSAIC_IMAGES).tolist()
        *others, partner = (self.record_index(abs(position - steps[number])) for number in drawn)
        return Composition((index, *others) if in_mosaic else (index,), partner if in_mixup else None)

    def _steps_back(self, index: int, position: int) -> Sequence[int]:
        """Return how far back from `position` the images are that may be combined with record `index`."""
        steps = range(1, min(WINDOW, len(self.cache.records)) + 1)
        looked_for = self.cache.records.looked_for
        if looked_for is None:
            return steps
        others = np.array([self.record_index(abs(position - step)) for step in steps])
        alike = looked_for.sets[looked_for.rows[others]][:, looked_for.of(index)].all(axis=1)
        return [step for step, other, is_alike in zip(steps, others, alike, strict=True) if is_alike and other != index]

    def _transformed(self, index: int, example: Example, rng: np.random.Generator) -> Example:
        if self.transform is None:
            return example
        return self.transform(example, rng, where=self.cache.image_path(index))


def side_of_step(sides: tuple[int, ...], seed: int, step: int) -> int:
    """Return the side of the images of a step: one of `sides`, drawn anew for every ten steps."""
    if len(sides) == 1:
        return sides[0]
    return sides[np.random.default_rng([SIDE, seed, step // STEPS_OF_ONE_SIDE]).integers(len(sides))]
