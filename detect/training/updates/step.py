"""One update of the weights, compiled: forward, loss, gradient, update, average."""

import tensorflow as tf

from detect.models.detector import Detector, losses_and_gradients
from detect.ops.compiling import on_accelerator
from detect.structures import Batch
from detect.training.updates.average import WeightAverage
from detect.training.updates.optimizers import Optimizer


class TrainingStep:
    """A callable that trains on the batches of one step, on every replica of a strategy.

    It is compiled once for each image size of the run; a batch of another size is an error, not a silent retrace. On
    one accelerator it is a single XLA computation, from the images to the new weights.
    """

    def __init__(
        self,
        detector: Detector,
        optimizer: Optimizer,
        average: WeightAverage,
        sizes: tuple[int, ...],
        strategy: tf.distribute.Strategy,
    ):
        """Create the step for images of the given sizes; their variables belong to `strategy`.

        Args:
            detector: the model.
            optimizer: of the trainable variables of the model.
            average: of all weights of the model.
            sizes: sides of the images, pixels.
            strategy: the devices of the run.
        """
        self.detector = detector
        self.optimizer = optimizer
        self.average = average
        self.strategy = strategy
        self._prepared: set[tuple[int, int]] = set()
        # What a forward pass changes: the statistics of normalisations. Frozen kernels, which it does not, are large.
        self.statistics = [weight for weight in detector.non_trainable_weights if len(weight.shape) < 2]
        # Several replicas add up numbers within the step. TensorFlow refuses to do so within XLA on CPUs, and on GPUs
        # training may hang (tensorflow/tensorflow issue 61314): with them, XLA compiles only what is `fused`.
        xla = on_accelerator() and self.strategy.num_replicas_in_sync == 1
        self.compiled = {size: tf.function(self._update, autograph=False, jit_compile=xla) for size in sizes}

    def __call__(
        self, batches: tuple[Batch, ...], size: int, learning_rate: float, decay: float, closing: bool
    ) -> dict[str, tf.Tensor]:
        """Update the weights once and return the losses by name, summed over replicas.

        Where the loss or its gradient is not finite, no variable changes but those that random numbers are drawn from,
        and at least one of the losses that are returned is not finite.

        Args:
            batches: one for each forward pass of the step; their gradients are averaged.
            size: side of the images, pixels.
            learning_rate: of this step.
            decay: of the moving average.
            closing: whether the run is in its closing phase.

        Raises:
            ValueError: `size` is not a size of the run.
        """
        return self._compiled(size)(batches, *_scalars(learning_rate, decay, closing))

    def prepare(self, batches: tuple[Batch, ...], size: int) -> None:
        """Trace the step for as many batches of this size, if it has not been: it takes seconds and changes nothing."""
        if (size, len(batches)) not in self._prepared:
            self._compiled(size).get_concrete_function(batches, *_scalars(0, 0, 0))
            self._prepared.add((size, len(batches)))

    def _compiled(self, size: int):
        if size not in self.compiled:
            raise ValueError(f"expected images of side {sorted(self.compiled)}, got {size}")
        return self.compiled[size]

    def _update(
        self, batches: tuple[Batch, ...], learning_rate: tf.Tensor, decay: tf.Tensor, closing: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        losses, changes, is_finite = self.strategy.run(self._changes, args=(batches, learning_rate, closing))
        for variable, change in zip(self.optimizer.variables, changes, strict=True):
            self.strategy.extended.update(variable, _add, args=(change,), group=False)
        self.strategy.run(self._update_average, args=(decay, is_finite))
        return {name: self.strategy.reduce("sum", loss, axis=None) for name, loss in losses.items()}

    def _changes(self, batches: tuple[Batch, ...], learning_rate: tf.Tensor, closing: tf.Tensor):
        before = [tf.identity(statistic) for statistic in self.statistics]
        parts = [losses_and_gradients(self.detector, batch.images, batch.targets, closing) for batch in batches]
        share = 1 / len(batches)
        losses = {name: share * tf.add_n([losses[name] for losses, _ in parts]) for name in parts[0][0]}
        gradients = [share * tf.add_n(list(each)) for each in zip(*(part[1] for part in parts), strict=True)]
        # A gradient may be finite where the loss is not. The smallest one tells the other replicas of it.
        smallest = self.optimizer.sizes.index(min(self.optimizer.sizes))
        gradients[smallest] += _zero_or_nan(tf.math.is_finite(tf.add_n(list(losses.values()))))
        changes, is_finite = self.optimizer.changes(gradients, learning_rate)
        for statistic, old in zip(self.statistics, before, strict=True):
            statistic.assign(tf.where(is_finite, statistic, old))
        # The first loss also tells of a gradient that is not finite.
        first = next(iter(losses))
        losses[first] += _zero_or_nan(is_finite)
        return losses, changes, is_finite

    def _update_average(self, decay: tf.Tensor, is_finite: tf.Tensor) -> None:
        self.average.update(tf.where(is_finite, decay, 1.0))  # with a decay of 1, it stays as it is


def _zero_or_nan(is_finite: tf.Tensor) -> tf.Tensor:
    return tf.where(is_finite, 0.0, float("nan"))


def _scalars(*numbers: float) -> list[tf.Tensor]:
    """Return tensors: a number would be traced anew for each value."""
    return [tf.constant(number, tf.float32) for number in numbers]


def _add(variable: tf.Variable, change: tf.Tensor) -> None:
    variable.assign_add(change)
