"""The exponential moving average of a model's weights."""

import contextlib
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from detect.ops.compiling import fused
from detect.training.updates.optimizers import flatten, replica_variable


class WeightAverage:
    """The moving average of all weights of a model, batch normalization statistics included, as one vector [P].

    Polyak and Juditsky (1992); as in YOLOX: average <- decay * average + (1 - decay) * weight after every step.
    """

    def __init__(self, model: keras.Model):
        self.trainable = [weight.value for weight in model.trainable_weights]
        self.statistics = [weight.value for weight in model.non_trainable_weights]
        self.weights = [*self.trainable, *self.statistics]
        self.average = replica_variable(flatten(self.weights), "average")

    def update(self, decay: tf.Tensor) -> None:
        """Move the average one step towards the current weights. Called in a replica, within the compiled step.

        Every replica has its own batch normalization statistics; their mean enters the average.
        """
        weights = [flatten(self.trainable), self._mean_statistics()] if self.statistics else [flatten(self.trainable)]
        self.average.assign(_moved(self.average, tf.concat(weights, axis=0), decay))

    def _mean_statistics(self) -> tf.Tensor:
        replica, statistics = tf.distribute.get_replica_context(), flatten(self.statistics)
        if replica.num_replicas_in_sync == 1:
            return statistics
        return replica.all_reduce(tf.distribute.ReduceOp.MEAN, statistics)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Within the `with` block the model has the averaged weights; afterwards its own again."""
        own = [weight.numpy() for weight in self.weights]
        ends = np.cumsum([weight.size for weight in own])
        self._assign(np.split(self.average.numpy(), ends[:-1]))
        try:
            yield
        finally:
            self._assign(own)

    def _assign(self, values: list[np.ndarray]) -> None:
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value.reshape(weight.shape))


@fused
def _moved(average: tf.Tensor, weights: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
    """Return the new average, computed so that that of a constant weight, a frozen one, does not change by a bit."""
    return average + (1 - decay) * (weights - average)
