"""Every family learns four images by heart."""

import pytest
import tensorflow as tf
from light_models import EACH_FAMILY_BESIDE_SMALL
from measuring.first_models import create_light

from detect.data.pipeline import evaluation_batches
from detect.data.readers.description import open_dataset
from detect.data.shapes import write_shapes
from detect.evaluation.evaluation_run import score_batches
from detect.layers.batch_normalization import BatchNormalization
from detect.training.settings import OptimizerSettings
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer
from detect.training.updates.step import TrainingStep

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", EACH_FAMILY_BESIDE_SMALL)
def test_it_overfits_a_handful_of_pictures(name, tmp_path):
    """Four images are detected with an AP50 above 0.95 after at most 400 steps."""
    detector = create_light(name)
    for layer in detector._flatten_layers():
        if isinstance(layer, BatchNormalization):
            layer.momentum = 0.8  # so that the statistics keep up in such short training
    side = max(96, detector.smallest_side)
    data = open_dataset(write_shapes(tmp_path, train=4, val=1, image_size=side))
    records = data.splits["train"]
    (batch,) = evaluation_batches(records, side, 4)
    variables = [variable.value for variable in detector.trainable_variables]
    optimizer = Optimizer(OptimizerSettings(name="adamw", weight_decay=0.0), variables)
    step = TrainingStep(detector, optimizer, WeightAverage(detector), (side,), tf.distribute.get_strategy())

    def detect(images, extents):
        return detector.decode(detector(images, extents=extents))

    for _ in range(20):
        for _ in range(20):
            step((batch,), side, learning_rate=1e-3, decay=0.9, closing=False)
        scores = score_batches(detect, records, side, data.classes, data.category_ids, 4)
        if scores.AP50 > 0.95:
            return
    pytest.fail(f"AP50 is {scores.AP50:.3f} after 400 steps")
