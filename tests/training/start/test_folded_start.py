"""A run that starts from a file whose normalisations are folded."""

from types import SimpleNamespace

import keras
import numpy as np
import tensorflow as tf

from detect.layers.convolution import ConvolutionBlock
from detect.layers.folded_normalization import fold, is_folded
from detect.training.assembly import MEASURED_IMAGES, restore_folded

BATCH = 24


def test_the_first_samples_give_the_statistics_once():
    """64 samples are wanted, which are three batches of 24; a run that has them uses none."""
    model = keras.Sequential([ConvolutionBlock(2)])
    model.build([None, 4, 4, 3])
    (block,) = model.layers
    fold(block.normalization, np.float32([1, 2]))
    used, said = [], []

    def samples():
        while True:
            used.append(len(used))
            yield SimpleNamespace(images=tf.random.stateless_normal([BATCH, 4, 4, 3], [0, len(used)]))

    stream = SimpleNamespace(settings=SimpleNamespace(images_per_batch=BATCH), samples=samples)
    display = SimpleNamespace(say=said.append)
    for _ in range(2):
        restore_folded(model, stream, display)
    assert MEASURED_IMAGES == 64
    assert len(used) == 3
    assert said == ["Weights: 1 normalisation had no statistics, which were measured on 72 samples."]
    assert not is_folded(block.normalization)
