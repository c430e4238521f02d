"""The training data of every replica, step by step, and the names of the files behind it."""

from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from detect.data.pipeline import Batches, training_batches, training_pictures
from detect.data.records import Records
from detect.structures import Batch
from detect.training.settings import TrainingSettings


class Stream:
    """Batches from any step on. What it gives depends on the settings and the step alone."""

    def __init__(self, settings: TrainingSettings, records: Records):
        self.settings = settings
        self.records = records
        self.strategy = tf.distribute.get_strategy()
        self.pictures = training_pictures(records, settings.pipeline, settings.sides)
        self.shards: list[Batches] = []  # those of this process
        self.shard_count = 1  # of all processes

    @property
    def images_per_step(self) -> int:
        """Images of one update, all replicas together."""
        return self.settings.batch_size * self.settings.accumulate * self.strategy.num_replicas_in_sync

    @property
    def steps_per_epoch(self) -> float:
        """Updates in which every image is seen once; not whole as a rule."""
        return len(self.records) / self.images_per_step

    def overflow(self) -> str:
        """A sentence about boxes that did not fit into the batches so far; empty where all did."""
        return " ".join(summary for shard in self.shards if (summary := shard.overflow.summary()))

    def start(self, step: int, strong: bool) -> Iterator[Batch]:
        """The batches from `step` on, `accumulate` of them for a step; with several replicas, one of each at a time."""
        self.shards.clear()
        if self.strategy.num_replicas_in_sync == 1:
            return iter(self._shard(step, strong, 0, 1))
        return self._distributed(step, strong)

    def sample(self) -> Batch:
        """The first batch of the run, to look at."""
        return next(iter(self._shard(0, True, 0, 1, workers=1)))  # not worth a process

    def image_paths(self, step: int) -> list[Path]:
        """The images that the samples of `step` were made of, those of this process."""
        count = self._batches_a_step(self.shard_count)
        batches = range(step * count, (step + 1) * count)
        rows = [row for shard in self.shards for batch in batches for row in shard.image_paths(batch)]
        return list(dict.fromkeys(path for row in rows for path in row))

    def _distributed(self, step: int, strong: bool) -> Iterator[Batch]:
        def shard(context: tf.distribute.InputContext) -> tf.data.Dataset:
            return self._shard(step, strong, context.input_pipeline_id, context.num_input_pipelines).dataset

        batches = self.strategy.distribute_datasets_from_function(shard)
        with self.shards[0].explained():
            yield from batches

    def _shard(self, step: int, strong: bool, index: int, count: int, workers: int | None = None) -> Batches:
        self.shard_count = count
        pipeline = self.settings.pipeline
        batches = training_batches(
            self.records,
            pipeline.model_copy(update={"workers": workers or pipeline.workers}),
            sizes=self.settings.sides,
            batch_size=self.settings.batch_size,
            seed=self.settings.seed,
            first_batch=step * self._batches_a_step(count),
            strong=strong,
            shard=(index, count),
            pictures=self.pictures,
        )
        self.shards.append(batches)
        return batches

    def _batches_a_step(self, shards: int) -> int:
        return self.settings.accumulate * self.strategy.num_replicas_in_sync // shards
