"""The batches of a run, whole and in parts."""

import itertools

import numpy as np
import tensorflow as tf

from detect.data.dataset import split
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.training.settings import TrainingSettings
from detect.training.updates.batch_stream import Stream


def test_the_parts_of_a_step_have_the_images_of_its_batch(tmp_path):
    records = split(open_dataset(write_shapes(tmp_path, train=5, val=1, image_size=32)), "train")
    settings = TrainingSettings(data="d", batch_size=6, sizes=(32, 64), accumulate=2, pipeline={"workers": 1})
    stream = Stream(settings, records, tf.distribute.get_strategy())
    whole = images_of_steps(stream, 3)
    steps_per_epoch = stream.steps_per_epoch
    for parts in (2, 6):
        stream.parts = parts
        assert (stream.batch_size, stream.accumulate) == (6 // parts, 2 * parts)
        assert (stream.images_per_step, stream.steps_per_epoch) == (12, steps_per_epoch)
        for step, images in enumerate(images_of_steps(stream, 3)):
            np.testing.assert_array_equal(images, whole[step])


def test_boxes_that_did_not_fit_are_told_after_the_closing_phase_has_begun(tmp_path):
    records = split(open_dataset(write_shapes(tmp_path, train=5, val=1, image_size=32)), "train")
    pipeline = {"workers": 1, "max_boxes": 1, "augmentation": {"mosaic": 1}}
    settings = TrainingSettings(data="d", batch_size=4, image_size=32, pipeline=pipeline)
    stream = Stream(settings, records, tf.distribute.get_strategy())
    next(stream.samples())  # a look at them does not count
    assert stream.overflow() == ""
    next(stream.start(0, closing=False))
    stream.start(1, closing=True)
    assert "samples had more than max_boxes, which is 1." in stream.overflow()


def images_of_steps(stream: Stream, first: int) -> list[np.ndarray]:
    """The images of two steps, [12, side, side, 3] each."""
    batches = [batch.images.numpy() for batch in itertools.islice(stream.start(first, False), 2 * stream.accumulate)]
    return [np.concatenate(part) for part in (batches[: stream.accumulate], batches[stream.accumulate :])]
