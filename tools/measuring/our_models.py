"""Tasks of `workers.py`: `NAME one`, `NAME many`, `NAME train` and `NAME size` for each model of this project.

The first three may be followed by the side of the images; the default is that of the model.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from measuring.batches import CLASSES, PREDICTED, TRAINED, TRANSFORMERS, made_up_batch
from measuring.operations import multiply_adds, published_side
from measuring.serving import Task, serve

from detect import models
from detect.inference.backends.tensorflow_backend import TensorFlowBackEnd
from detect.inference.predictor import Model
from detect.models.card import ModelCard
from detect.structures import Batch, Targets
from detect.training.settings import OptimizerSettings
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer
from detect.training.updates.step import TrainingStep


def prepare(task: str) -> Task:
    name, what, *side = task.split()
    images, boxes, labels = made_up_batch(int(side[0]) if side else models.variant(name).image_size, PREDICTED)
    if what == "size":
        return lambda: size_of(name)
    if what == "train":
        return training(name, images[:TRAINED], boxes[:TRAINED], labels[:TRAINED])
    return predicting(model_of(name, images.shape[1]), images[:1] if what == "one" else images)


@functools.lru_cache(maxsize=1)
def model_of(name: str, side: int) -> Model:
    """Return the model with random weights, ready to predict."""
    classes, ids = tuple(f"class {number}" for number in range(CLASSES)), tuple(range(CLASSES))
    card = ModelCard(model=name, config={}, classes=classes, category_ids=ids, image_size=side)
    return Model(TensorFlowBackEnd(models.create(name, CLASSES)), card)


def predicting(model: Model, images: np.ndarray) -> Callable[[], Any]:
    """Return a call from pixels to boxes after suppression, with the threshold that the model is scored with."""
    return lambda: model.detect(images, confidence=model.backend.confidence)


def training(name: str, images: np.ndarray, boxes: np.ndarray, labels: np.ndarray) -> Callable[[], Any]:
    """Return a step as in a training run: forward, loss, gradients, update, average."""
    detector, side = models.create(name, CLASSES), images.shape[1]
    targets = Targets(tf.constant(boxes), tf.constant(labels), tf.zeros(labels.shape, bool))
    batch = Batch(tf.constant(images), targets, tf.range(len(images), dtype=tf.int64))
    variables = [variable.value for variable in detector.trainable_variables]
    rule = "adamw" if name.partition("-")[0] in TRANSFORMERS else "sgd"  # as the side of PyTorch
    optimizer = Optimizer(OptimizerSettings(name=rule), variables)
    step = TrainingStep(detector, optimizer, WeightAverage(detector), (side,), tf.distribute.get_strategy())
    return lambda: sum(float(loss) for loss in step((batch,), side, 1e-5, 0.99, closing=False).values())


def size_of(name: str) -> dict[str, Any]:
    """Return millions of trainable parameters, and billions of multiply-adds for an image of the authors' size."""
    weights = models.create(name, CLASSES).trainable_weights
    parameters = sum(math.prod(weight.shape) for weight in weights)
    return {
        "parameters": parameters / 1e6,
        "multiply_adds": multiply_adds(name) / 1e9,
        "side": published_side(name),
    }


if __name__ == "__main__":
    serve(prepare)
