"""Make a `tf.data.Dataset` of `Batch` from `Records`, for training and for evaluation.

A stream of batch numbers goes through one `map` that makes whole batches in Python, a few at a time, and is prefetched.
`detect.data.batches` says how a batch is made: in training by worker processes, in evaluation by threads. The number of
workers does not change the result.
"""

import atexit
import math
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from detect.data.batches.making import BatchMaker, SampleSource, ThreadPool, WorkerPool
from detect.data.batches.padding import Overflow, enough_boxes
from detect.data.batches.pipeline_settings import PipelineSettings
from detect.data.batches.process_pool import ProcessPool, pack
from detect.data.batches.sources import EvaluationSource, TrainingSource
from detect.data.pixels.resizing import Placing, letterbox
from detect.data.records import Records
from detect.data.samples.augmentation import Augmentation, closing_augmentation
from detect.data.samples.checked_images import UnreadableImages
from detect.data.samples.image_cache import ImageCache, default_budget
from detect.data.samples.sample_order import sample_order
from detect.data.samples.sample_stream import SampleStream
from detect.data.samples.training_tiles import TrainingTiles
from detect.data.samples.user_transform import UserTransform, load_transform
from detect.errors import BadInput
from detect.machine import GIGABYTE
from detect.structures import Batch, Targets

PREFETCHED_BATCHES = 2


@dataclass(frozen=True)
class Batches:
    """A `tf.data.Dataset` of `Batch`, with what Python knows about it.

    Iterate over it, or give `dataset` to a `tf.distribute` strategy or to Keras' `fit`. TensorFlow hides an error that
    a sample raised behind one of its own, whose message is a stack dump; inside `explained` the sample's own is raised.
    """

    dataset: tf.data.Dataset
    maker: BatchMaker
    image_paths: Callable[[int], list[tuple[Path, ...]]]  # number of a batch -> for each slot, the images of its sample
    unreadable: UnreadableImages  # records that are left out, so far, because their images cannot be read

    @property
    def overflow(self) -> Overflow:
        """The count of boxes for which there was no room, so far."""
        return self.maker.overflow

    def __iter__(self) -> Iterator[Batch]:
        stream = self._stream()
        _streams.add(stream)
        return stream

    def _stream(self) -> Generator[Batch, None, None]:
        with self.maker.in_use(), self.explained():
            yield from self.dataset

    @contextmanager
    def explained(self):
        """Raise the sample's own error where TensorFlow reports that a sample could not be made."""
        try:
            yield
        except tf.errors.OpError:
            if self.maker.failures:
                failure = self.maker.failures[0]
                raise failure from failure.__cause__
            raise


_streams: weakref.WeakSet[Generator[Batch, None, None]] = weakref.WeakSet()


@atexit.register
def _end_streams() -> None:
    """End all streams that are still iterated over while Python can run.

    Otherwise a program that ends in the middle of a stream would hang: TensorFlow waits for its last batches, and
    Python can no longer make them.
    """
    for stream in list(_streams):
        with suppress(ValueError):  # another thread is executing it
            stream.close()


def training_cache(
    records: Records,
    settings: PipelineSettings,
    sizes: tuple[int, ...],
    transform=None,
    tiles: TrainingTiles | None = None,
) -> ImageCache:
    """Return a cache of decoded images for all `training_batches` of a run.

    Args:
        records: the training images.
        settings: the memory to use, and the augmentation, which says how large the images must be.
        sizes: as for `training_batches`.
        transform: as for `training_batches`.
        tiles: what the records are tiles of; None where they are whole images.
    """
    gigabytes = settings.cache_gigabytes
    budget = default_budget() if gigabytes is None else int(gigabytes * GIGABYTE)
    # A user's crop is in pixels of the file, and may be enlarged by any factor.
    scale_is_known = transform is None and settings.augmentation.transform is None
    scale = settings.augmentation.largest_scale() if scale_is_known else None
    return ImageCache(records, max(sizes), scale, budget, tiles)


def training_batches(
    records: Records,
    settings: PipelineSettings,
    *,
    sizes: tuple[int, ...],
    batch_size: int,
    seed: int,
    batches_per_step: int = 1,
    first_batch: int = 0,
    closing: bool = False,
    shard: tuple[int, int] = (0, 1),
    transform=None,
    cache: ImageCache | None = None,
) -> Batches:
    """Return endless augmented batches. The same arguments give the same batches, whatever `first_batch` is.

    Another record stands in for one whose image cannot be read, see `detect.data.samples.checked_images`.

    Args:
        records: the training images and their boxes.
        settings: how samples are made.
        sizes: sides of the square images; where there are several, one is drawn for every ten steps.
        batch_size: images per batch of this shard.
        seed: decides all that is random.
        batches_per_step: batches of this shard that belong to one step.
        first_batch: number of the first batch.
        closing: whether they are for the closing phase of a run, with flips and changes of colour only.
        shard: (number of this process, number of processes); together they see all samples of an epoch.
        transform: an albumentations transform, in place of the file that the settings may name.
        cache: what `training_cache` returned for the same arguments, to decode images once for several calls.

    Raises:
        BadInput: there are no records.
    """
    if not len(records):
        raise BadInput("The training split has no images.")
    augmentation = closing_augmentation(settings.augmentation) if closing else settings.augmentation
    cache = cache or training_cache(records, settings, sizes, transform)
    order = sample_order(records, seed, settings.repeat_factor, balanced=cache.tiles is not None)
    samples = SampleStream(cache, augmentation, order, _user_transform(settings.augmentation, transform))
    source = TrainingSource(samples, sizes, batch_size, shard, batches_per_step)
    overflow = Overflow(settings.max_boxes or enough_boxes(records, settings.augmentation))
    workers = settings.worker_count()
    pool: WorkerPool
    if workers > 1 and (packed := pack(source)):
        pool = ProcessPool(source, packed, overflow.max_boxes, workers, (max(sizes), max(sizes)), cache.descriptors)
    else:
        pool = ThreadPool(source, overflow.max_boxes, workers)
    maker = BatchMaker(pool, overflow)
    side = sizes[0] if len(sizes) == 1 else None
    return _batches(tf.data.Dataset.counter(first_batch), maker, source, (side, side), workers, cache.unreadable)


def evaluation_batches(
    records: Records,
    placing: int | Placing,
    batch_size: int,
    settings: PipelineSettings | None = None,
    unreadable: UnreadableImages | None = None,
    shard: tuple[int, int] = (0, 1),
) -> Batches:
    """Return batches with every record once, not augmented.

    All images of a batch have the same shape. Where canvases differ, the records of one canvas come together, and
    otherwise in their order. The last batch of a canvas is filled up with blank images without boxes, whose index is
    -1; such a blank also takes the place of an image that cannot be read. The boxes are for the loss: scoring takes the
    truth from the records.

    Args:
        records: the images and their boxes.
        placing: where an image lies on its canvas, or the side of a square that all images are fitted into.
        batch_size: images per batch.
        settings: the number of workers, and of boxes per image.
        unreadable: images that are known to be unreadable; those that are found out are added.
        shard: (number of this process, number of processes): they take batches in turns.
    """
    settings = settings or PipelineSettings()
    placing = letterbox(placing) if isinstance(placing, int) else placing
    unreadable = unreadable or UnreadableImages(len(records))
    source = EvaluationSource(records, placing, batch_size, unreadable)
    overflow = Overflow(settings.max_boxes or enough_boxes(records, Augmentation(mosaic=0, mixup=0)))
    # Most of the work is decoding, for which threads are enough, and they start at once.
    workers = settings.worker_count()
    maker = BatchMaker(ThreadPool(source, overflow.max_boxes, workers), overflow)
    size = next(iter(source.canvases)) if len(source.canvases) == 1 else (None, None)
    return _batches(tf.data.Dataset.range(shard[0], source.batches, shard[1]), maker, source, size, workers, unreadable)


def _user_transform(settings: Augmentation, transform) -> UserTransform | None:
    if transform is None and settings.transform is not None:
        transform = load_transform(settings.transform)
    return None if transform is None else UserTransform(transform)


def _batches(
    numbers: tf.data.Dataset,
    maker: BatchMaker,
    source: SampleSource,
    size: tuple[int | None, int | None],
    workers: int,
    unreadable: UnreadableImages,
) -> Batches:
    """Return the batches with some numbers; `size` is height and width of all images, None where they differ."""
    count, max_boxes = source.batch_size, maker.overflow.max_boxes
    specs = [
        tf.TensorSpec([count, *size, 3], source.dtype),
        tf.TensorSpec([count, max_boxes, 4], tf.float32),
        tf.TensorSpec([count, max_boxes], tf.int32),
        tf.TensorSpec([count, max_boxes], tf.bool),
        tf.TensorSpec([count], tf.int64),
        *([tf.TensorSpec([count, source.stated_classes], tf.bool)] if source.stated_classes else []),
    ]

    # TensorFlow never forgets a function that a dataset calls: it must not keep the maker, with its files and memory.
    batch_of = weakref.WeakMethod(maker.batch)

    def made(number: np.int64) -> Sequence[np.ndarray]:
        make = batch_of()
        if make is None:
            raise RuntimeError("keep the `Batches` or its `dataset` as long as batches are needed")
        return make(int(number))[: len(specs)]

    def mapped(number: tf.Tensor) -> Batch:
        parts = tf.numpy_function(made, [number], [spec.dtype for spec in specs])
        for part, spec in zip(parts, specs, strict=True):
            part.set_shape(spec.shape)
        images, boxes, labels, ignore, indices, *looked_for = parts
        return Batch(images, Targets(boxes, labels, ignore, *looked_for), indices)

    cv2.setNumThreads(0)  # samples are made in parallel, so threads within one would compete with each other
    at_a_time = 1 + math.ceil(workers / count)  # workers that find no free slot in a batch go on with the next
    dataset = numbers.map(mapped, num_parallel_calls=at_a_time, deterministic=True).prefetch(PREFETCHED_BATCHES)
    dataset = dataset.with_options(_options(at_a_time))
    dataset.maker = maker  # which exists as long as one of them
    return Batches(dataset, maker, source.image_paths, unreadable)


def _options(threads: int) -> tf.data.Options:
    options = tf.data.Options()
    # Batches wait for files and for Python's lock; in TensorFlow's own pool they would delay the training step.
    options.threading.private_threadpool_size = threads
    # There is nothing to tune, and the thread that would do it may miss that the stream is closed: closing it then
    # takes until that thread looks again, up to a minute in a long run.
    options.autotune.enabled = False
    # Each process already makes its own shard.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
