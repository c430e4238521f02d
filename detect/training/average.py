"""The exponential moving average of a model's weights."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf


class WeightAverage:
    """Averages of all weights of a model, batch-norm statistics included.

    Polyak and Juditsky (1992); kept as in YOLOX: average <- decay * average + (1 - decay) * weight after every step.
    """

    def __init__(self, model: keras.Model):
        self.weights = [weight.value for weight in model.weights]
        self.averages = [tf.Variable(weight, trainable=False, dtype=weight.dtype) for weight in self.weights]

    def update(self, decay: tf.Tensor) -> None:
        """One step towards the current weights. Called outside replicas, inside the compiled training step."""
        extended = tf.distribute.get_strategy().extended
        for average, weight in zip(self.averages, self.weights, strict=True):
            extended.update(average, _move, args=(weight, decay), group=False)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within the `with` block the model has the averaged weights; afterwards its own again."""
        own = [weight.numpy() for weight in self.weights]
        _assign(self.weights, [average.numpy() for average in self.averages])
        try:
            yield
        finally:
            _assign(self.weights, own)


def _move(average: tf.Variable, weight: tf.Tensor, decay: tf.Tensor) -> None:
    if average.dtype.is_floating:
        average.assign_sub((1 - tf.cast(decay, average.dtype)) * (average - weight))
    else:
        average.assign(weight)


def _assign(variables, values) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
