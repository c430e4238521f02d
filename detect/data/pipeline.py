"""Records -> tf.data.Dataset of `Batch`, for training and for evaluation.

A stream of numbers goes through one `map` that makes whole batches in Python, a few at a time, and is prefetched. The
rows of each are made by a crew: in training of processes, in evaluation of threads. What they make does not depend on
how many there are.
"""

import atexit
import math
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import pydantic
import tensorflow as tf

from detect.config import Settings
from detect.data.batches.making import BatchMaker, Crew, Rows, Threads
from detect.data.batches.padding import Overflow, enough_boxes
from detect.data.batches.processes import Processes, pack
from detect.data.batches.rows import EvaluationRows, TrainingRows
from detect.data.pixels.resizing import Placing, letterbox
from detect.data.records import Records
from detect.data.samples.augmentation import Augmentation, closing_augmentation
from detect.data.samples.image_cache import Pictures, default_budget
from detect.data.samples.sample_stream import Samples
from detect.data.samples.user_transform import UserTransform, load_transform
from detect.errors import BadInput
from detect.machine import GIGABYTE, cores
from detect.structures import Batch, Targets

PREFETCHED_BATCHES = 2
MOST_WORKERS = 16  # that are started where the user says nothing


class PipelineSettings(Settings):
    """How training samples are made, and with which resources.

    Only `augmentation` and `max_boxes` change the samples.
    """

    augmentation: Augmentation = Augmentation()
    max_boxes: int | None = pydantic.Field(None, ge=1)
    """Most boxes per image (N); null: enough for nearly every sample of the data, at most 500."""
    workers: int | None = pydantic.Field(None, ge=1)
    """Processes that make samples; null: one per CPU core, at most 16."""
    cache_gigabytes: float | None = pydantic.Field(None, ge=0)
    """Memory for decoded images; null: a quarter of the free memory, at most 2."""

    def crew_size(self) -> int:
        """Samples made at a time; 1 needs no process."""
        return self.workers or min(cores(), MOST_WORKERS)


@dataclass(frozen=True)
class Batches:
    """A dataset of `Batch`, and what only Python knows about the making of it.

    Iterate over it, or give `dataset` to a `tf.distribute` strategy or to Keras' `fit`. TensorFlow hides an error that
    a sample raised behind one of its own, with a stack dump for a message; inside `explained` the first one comes out.
    """

    dataset: tf.data.Dataset
    maker: BatchMaker
    image_paths: Callable[[int], list[tuple[Path, ...]]]  # number of a batch -> for each row, the images it is made of

    @property
    def overflow(self) -> Overflow:
        """Counts the boxes for which there was no room, so far."""
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
        """Where TensorFlow reports that a sample could not be made, raise the sample's own error instead."""
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
    """End what is still iterated over while Python can run.

    A program that is over in the middle of a batch would hang otherwise: TensorFlow waits for its last batches, and
    Python no longer lets them be made.
    """
    for stream in list(_streams):
        with suppress(ValueError):  # another thread is in it
            stream.close()


def training_pictures(records: Records, settings: PipelineSettings, sizes: tuple[int, ...], transform=None) -> Pictures:
    """The decoded pictures of a run, to be given to every `training_batches` of it, so that each is decoded once."""
    gigabytes = settings.cache_gigabytes
    budget = default_budget() if gigabytes is None else int(gigabytes * GIGABYTE)
    # A user's crop counts in pixels of the file, and may be enlarged by any factor.
    foreseeable = transform is None and settings.augmentation.transform is None
    return Pictures(records, max(sizes), settings.augmentation.largest_scale() if foreseeable else None, budget)


def training_batches(
    records: Records,
    settings: PipelineSettings,
    *,
    sizes: tuple[int, ...],
    batch_size: int,
    seed: int,
    first_batch: int = 0,
    closing: bool = False,
    shard: tuple[int, int] = (0, 1),
    transform=None,
    pictures: Pictures | None = None,
) -> Batches:
    """Endless augmented batches; the same for the same arguments, and from any `first_batch` on as if from the start.

    Args:
        sizes: sides of the square images; where there are several, one is drawn for every ten batches.
        batch_size: images of a batch of this shard.
        closing: whether they are for the closing phase of a run, with flips and changes of colour only.
        shard: (number of this process, number of processes); together they see every record once an epoch.
        transform: an albumentations transform, in place of the file that the settings may name.
        pictures: what `training_pictures` gave for the same arguments, to share decoded pictures between calls.
    """
    if not len(records):
        raise BadInput("The training split has no images.")
    augmentation = closing_augmentation(settings.augmentation) if closing else settings.augmentation
    pictures = pictures or training_pictures(records, settings, sizes, transform)
    samples = Samples(pictures, augmentation, seed, _user_transform(settings.augmentation, transform))
    rows = TrainingRows(samples, sizes, batch_size, shard)
    overflow = Overflow(settings.max_boxes or enough_boxes(records, settings.augmentation))
    workers = settings.crew_size()
    crew: Crew
    if workers > 1 and (packed := pack(rows)):
        crew = Processes(rows, packed, overflow.max_boxes, workers, (max(sizes), max(sizes)), pictures.descriptors)
    else:
        crew = Threads(rows, overflow.max_boxes, workers)
    maker = BatchMaker(crew, overflow)
    side = sizes[0] if len(sizes) == 1 else None
    return _batches(tf.data.Dataset.counter(first_batch), maker, rows, (side, side), workers)


def evaluation_batches(
    records: Records, placing: int | Placing, batch_size: int, settings: PipelineSettings | None = None
) -> Batches:
    """Every record once, as evaluation sees it; `placing` says how, or is the side of a square to be fitted into.

    Batches are of one shape each. Where canvases differ, the records of one canvas come together, and otherwise in
    their order. The last batch of a canvas is filled up with blank images without boxes, whose index is -1. The boxes
    are for the loss: scoring takes the truth from the records.
    """
    settings = settings or PipelineSettings()
    rows = EvaluationRows(records, letterbox(placing) if isinstance(placing, int) else placing, batch_size)
    overflow = Overflow(settings.max_boxes or enough_boxes(records, Augmentation(mosaic=0, mixup=0)))
    # Decoding is most of it, and it is over soon: threads, which need not be started.
    workers = settings.crew_size()
    maker = BatchMaker(Threads(rows, overflow.max_boxes, workers), overflow)
    size = next(iter(rows.canvases)) if len(rows.canvases) == 1 else (None, None)
    return _batches(tf.data.Dataset.range(rows.batches), maker, rows, size, workers)


def _user_transform(settings: Augmentation, transform) -> UserTransform | None:
    if transform is None and settings.transform is not None:
        transform = load_transform(settings.transform)
    return None if transform is None else UserTransform(transform)


def _batches(
    numbers: tf.data.Dataset, maker: BatchMaker, rows: Rows, size: tuple[int | None, int | None], workers: int
) -> Batches:
    """The batches of these numbers; `size` is height and width of all images, None where they differ."""
    count, columns = rows.batch_size, maker.overflow.max_boxes
    specs = [
        tf.TensorSpec([count, *size, 3], rows.dtype),
        tf.TensorSpec([count, columns, 4], tf.float32),
        tf.TensorSpec([count, columns], tf.int32),
        tf.TensorSpec([count, columns], tf.bool),
        tf.TensorSpec([count], tf.int64),
    ]

    def mapped(number: tf.Tensor) -> Batch:
        parts = tf.numpy_function(lambda number: maker.batch(int(number))[:5], [number], [spec.dtype for spec in specs])
        for part, spec in zip(parts, specs, strict=True):
            part.set_shape(spec.shape)
        images, boxes, labels, ignore, indices = parts
        return Batch(images, Targets(boxes, labels, ignore), indices)

    cv2.setNumThreads(0)  # samples are made in parallel: threads within one would only get in each other's way
    at_a_time = 1 + math.ceil(workers / count)  # the last rows of one leave workers for the next
    dataset = numbers.map(mapped, num_parallel_calls=at_a_time, deterministic=True).prefetch(PREFETCHED_BATCHES)
    return Batches(dataset.with_options(_options(at_a_time)), maker, rows.image_paths)


def _options(threads: int) -> tf.data.Options:
    options = tf.data.Options()
    # Batches wait for files and for Python's lock; in TensorFlow's own pool they would hold up the training step.
    options.threading.private_threadpool_size = threads
    # Nothing is left to be tuned, and the thread that would do it may miss that the stream is closed: whoever closes it
    # then waits until that thread looks again, which is a minute in a long run.
    options.autotune.enabled = False
    # Each process already makes its own shard.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return options
