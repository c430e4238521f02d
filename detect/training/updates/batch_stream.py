"""The training batches of every replica, step by step, and the files that they are made of."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from detect.data.batches.padding import Overflow
from detect.data.pipeline import Batches, training_batches, training_cache
from detect.data.records import Records
from detect.data.samples.checked_images import UnreadableImages
from detect.data.samples.sample_order import sample_order
from detect.data.samples.training_tiles import cut
from detect.structures import Batch
from detect.training.settings import TrainingSettings


class Stream:
    """Batches from any step on; they depend on the settings, the records and the step only.

    Attributes:
        records: that samples are counted for: images, or the tiles of `tiles`.
    """

    def __init__(self, settings: TrainingSettings, records: Records, strategy: tf.distribute.Strategy):
        self.settings = settings
        self.tiles = cut(records, settings.tiling) if settings.tiling else None
        self.records = records if self.tiles is None else self.tiles.records
        self.strategy = strategy
        self.samples_per_epoch = samples_per_epoch(settings, self.records)
        self.cache = training_cache(self.records, settings.pipeline, settings.sides, tiles=self.tiles)
        self.parts = 1  # that each batch is divided into
        self.shards: list[Batches] = []  # those of this process
        self.overflows: list[Overflow] = []  # of them, and of those before the last start
        self.shard_count = 1  # of all processes

    @property
    def batch_size(self) -> int:
        """Images per replica and forward pass."""
        return self.settings.images_per_batch // self.parts

    @property
    def accumulate(self) -> int:
        """Forward passes per update."""
        return self.settings.accumulate * self.parts

    @property
    def images_per_step(self) -> int:
        """Images of one update, all replicas together."""
        return self.settings.images_per_batch * self.settings.accumulate * self.strategy.num_replicas_in_sync

    @property
    def steps_per_epoch(self) -> float:
        """Updates of an epoch, in which every image is seen once or, with `repeat_factor`, more often."""
        return self.samples_per_epoch / self.images_per_step

    @property
    def unreadable(self) -> UnreadableImages:
        """The images that cannot be read, so far; of tiles, those that they are of."""
        found = self.cache.unreadable
        return self.tiles.unreadable_images(found) if self.tiles else found

    def overflow(self) -> str:
        """Return a sentence about the boxes that did not fit into the batches so far; empty where all did."""
        return " ".join(summary for overflow in self.overflows if (summary := overflow.summary()))

    def start(self, step: int, closing: bool) -> Iterator[Batch]:
        """Return the batches from `step` on, `accumulate` per step.

        With several replicas, each item holds one batch per replica.

        Args:
            step: number of the first step.
            closing: whether they are for the closing phase of the run.
        """
        self.shards.clear()
        if self.strategy.num_replicas_in_sync == 1:
            return iter(self._trained_on(self._shard(step, closing, 0, 1)))
        return self._distributed(step, closing)

    def samples(self) -> Iterator[Batch]:
        """Return the first batches of the run, the same on every process, for a look at them before it begins."""
        return iter(self._shard(0, False, 0, 1, workers=1))  # not worth a process

    def image_paths(self, step: int) -> list[Path]:
        """Return the images that the samples of `step` were made of, on this process."""
        count = self._batches_per_step(self.shard_count)
        batches = range(step * count, (step + 1) * count)
        rows = [row for shard in self.shards for batch in batches for row in shard.image_paths(batch)]
        return list(dict.fromkeys(path for row in rows for path in row))

    def _distributed(self, step: int, closing: bool) -> Iterator[Batch]:
        def shard(context: tf.distribute.InputContext) -> tf.data.Dataset:
            index, count = context.input_pipeline_id, context.num_input_pipelines
            return self._trained_on(self._shard(step, closing, index, count)).dataset

        batches = self.strategy.distribute_datasets_from_function(shard)
        with self.shards[0].explained():
            yield from batches

    def _trained_on(self, shard: Batches) -> Batches:
        self.shards.append(shard)
        self.overflows.append(shard.overflow)
        return shard

    def _shard(self, step: int, closing: bool, index: int, count: int, workers: int | None = None) -> Batches:
        self.shard_count = count
        pipeline = self.settings.pipeline
        return training_batches(
            self.records,
            pipeline.model_copy(update={"workers": workers or pipeline.workers}),
            sizes=self.settings.sides,
            batch_size=self.batch_size,
            batches_per_step=self._batches_per_step(count),
            seed=self.settings.seed,
            first_batch=step * self._batches_per_step(count),
            closing=closing,
            shard=(index, count),
            cache=self.cache,
        )

    def _batches_per_step(self, shards: int) -> int:
        return self.accumulate * self.strategy.num_replicas_in_sync // shards


def samples_per_epoch(settings: TrainingSettings, records: Records) -> int:
    """Return the samples of an epoch in which each of the records, images or tiles, is seen once.

    With `repeat_factor` some are seen more often, and of tiles without objects there are no more than of others.
    """
    balanced = settings.tiling is not None
    return sample_order(records, settings.seed, settings.pipeline.repeat_factor, balanced).length
