"""One update of the weights, compiled: forward, loss, gradient, update, average."""

from typing import Any

import keras
import tensorflow as tf

from detect.models.detector import Detector, losses_and_gradients
from detect.structures import Batch
from detect.training.average import WeightAverage
from detect.training.optimizers import prepare_gradients
from detect.training.settings import TrainingSettings


class TrainingStep:
    """A callable that trains on one step's batches, on every replica of the running strategy.

    It is compiled once for each image size of the run; a batch of another size is an error, not a silent retrace.
    """

    def __init__(
        self,
        detector: Detector,
        optimizer: keras.optimizers.Optimizer,
        average: WeightAverage,
        settings: TrainingSettings,
        sizes: tuple[int, ...],
    ):
        self.detector = detector
        self.optimizer = optimizer
        self.average = average
        self.settings = settings
        self.strategy = tf.distribute.get_strategy()
        self.compiled = {size: tf.function(self._update, autograph=False) for size in sizes}

    def __call__(self, batches: tuple[Batch, ...], size: int, learning_rate: float, decay: float) -> dict[str, Any]:
        """The losses of the step, summed over replicas, after one update of the weights.

        Args:
            batches: as many as gradients are accumulated over.
            size: side of the images, pixels.
            learning_rate: of this step.
            decay: of the moving average.
        """
        if size not in self.compiled:
            raise ValueError(f"expected images of side {sorted(self.compiled)}, got {size}")
        rate, decay = tf.constant(learning_rate, tf.float32), tf.constant(decay, tf.float32)
        return self.compiled[size](batches, rate, decay)

    def _update(self, batches: tuple[Batch, ...], learning_rate: tf.Tensor, decay: tf.Tensor) -> dict[str, tf.Tensor]:
        losses, gradients = self.strategy.run(self._replica_gradients, args=(batches,))
        self.optimizer.learning_rate.assign(learning_rate)
        self.optimizer.apply_gradients(zip(gradients, self.detector.trainable_variables, strict=True))
        self.average.update(decay)
        return {name: self.strategy.reduce("sum", loss, axis=None) for name, loss in losses.items()}

    def _replica_gradients(self, batches: tuple[Batch, ...]) -> tuple[dict[str, tf.Tensor], list[tf.Tensor]]:
        parts = [losses_and_gradients(self.detector, batch.images, batch.targets) for batch in batches]
        share = 1 / len(batches)
        losses = {name: share * tf.add_n([losses[name] for losses, _ in parts]) for name in parts[0][0]}
        gradients = [share * tf.add_n(list(each)) for each in zip(*(part[1] for part in parts), strict=True)]
        return losses, prepare_gradients(gradients, self.detector.trainable_variables, self.settings.optimizer)
