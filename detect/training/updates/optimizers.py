"""SGD and AdamW over all trainable weights of a model at once.

A detector has hundreds of small tensors, and updating each on its own takes thousands of tiny operations. Here all of
them are one vector: one sum over replicas, one norm, one update, whose parts are then added to the weights.
"""

import math
from collections.abc import Collection, Iterable

import numpy as np
import tensorflow as tf

from detect.models.detector import Detector
from detect.ops.compiling import fused
from detect.training.settings import OptimizerSettings


def peak_learning_rate(settings: OptimizerSettings, images_per_step: int) -> float:
    """Return the full learning rate for steps of `images_per_step` images.

    It is proportional to the batch for SGD (Goyal et al., arXiv 1706.02677), and to its square root for Adam (Malladi
    et al., arXiv 2205.10287).
    """
    ratio = images_per_step / settings.reference_batch
    return settings.learning_rate * (ratio if settings.name == "sgd" else ratio**0.5)


def decays(variable) -> bool:
    """Return whether weight decay applies to a variable: to kernels, not to biases and normalization."""
    return len(variable.shape) > 1


def replica_variable(value: tf.Tensor, name: str) -> tf.Variable:
    """Return a variable of which every replica updates its own copy; all compute the same, so nothing is sent."""
    return tf.Variable(
        value,
        trainable=False,
        name=name,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def flatten(tensors: Iterable[tf.Tensor]) -> tf.Tensor:
    """Return all numbers of some tensors as one vector."""
    return tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0)


class Optimizer:
    """Turns the gradients of variables, P numbers in all, into changes of the variables.

    Attributes:
        variables: the trainable variables of the model.
        factors: of the learning rate, [P] or, where it is the same for all, a scalar.
        state: variables of the optimizer, which checkpoints must keep.
    """

    def __init__(
        self, settings: OptimizerSettings, variables: list[tf.Variable], backbone: Collection[tf.Variable] = ()
    ):
        """Create the optimizer of `variables`, of which those of `backbone` may have a learning rate of their own."""
        self.settings = settings
        self.variables = variables
        self.sizes = [math.prod(variable.shape) for variable in variables]
        self.shapes = [variable.shape for variable in variables]
        decayed = [np.full(size, decays(variable)) for variable, size in zip(variables, self.sizes, strict=True)]
        # [P], 0 where weight decay does not apply. A tensor, because an array would become a constant in the graph.
        self.decay = tf.constant(settings.weight_decay * np.concatenate(decayed), tf.float32)
        self.factors = tf.constant(self._factors(backbone), tf.float32)
        self.iterations = replica_variable(tf.constant(0.0), "iterations")
        names = ("velocity",) if settings.name == "sgd" else ("first_moment", "second_moment")
        self.moments = [replica_variable(tf.zeros(sum(self.sizes)), name) for name in names]
        self.state = [self.iterations, *self.moments]

    def changes(self, gradients: list[tf.Tensor], learning_rate: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Return what to add to each variable, and whether the gradient of all replicas is finite, a scalar.

        Called in a replica, within the compiled step. Gradients are summed over replicas before they are clipped: the
        norm is that of the gradient of the whole batch. Where it is not finite, the changes are 0 and the state stays
        as it is, on all replicas.

        Args:
            gradients: of this replica, one for each variable.
            learning_rate: scalar.
        """
        gradient = flatten(gradients)
        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync > 1:
            gradient = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradient)
        rates, weights = self.factors * learning_rate, flatten(self.variables)
        is_finite, change, *state = _updated(self.settings, gradient, weights, self.decay, rates, *self.state)
        for variable, value in zip(self.state, state, strict=True):
            variable.assign(value)
        parts = tf.split(change, self.sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, self.shapes, strict=True)], is_finite

    def _factors(self, backbone: Collection[tf.Variable]) -> np.ndarray | float:
        if self.settings.backbone_factor == 1:
            return 1.0
        slow = {id(variable) for variable in backbone}
        of_variables = [self.settings.backbone_factor if id(each) in slow else 1.0 for each in self.variables]
        return np.repeat(of_variables, self.sizes)


def create_optimizer(settings: OptimizerSettings, detector: Detector) -> Optimizer:
    """Return the optimizer of all trainable weights of a detector."""
    backbone = getattr(detector, "backbone", None)
    slow = [] if backbone is None else [variable.value for variable in backbone.trainable_variables]
    return Optimizer(settings, [variable.value for variable in detector.trainable_variables], slow)


# Fused: each rule is one pass over P numbers; as separate operations it would be a dozen. The 34 million weights of SSD
# take 68 ms instead of 113 ms on two cores.
@fused
def _updated(settings: OptimizerSettings, gradient, weights, decay, learning_rate, iterations, *moments):
    """Return whether the gradient is finite, the changes, and the new state; the same state and no changes if not."""
    is_finite = tf.math.is_finite(tf.reduce_sum(gradient * gradient))  # the norm, which clipping needs too
    rule = _sgd if settings.name == "sgd" else _adamw
    change, *new = rule(settings, gradient, weights, decay, learning_rate, iterations + 1, *moments)
    kept = zip((iterations + 1, *new), (iterations, *moments), strict=True)
    return is_finite, tf.where(is_finite, change, 0.0), *(tf.where(is_finite, each, old) for each, old in kept)


def _sgd(settings: OptimizerSettings, gradient, weights, decay, learning_rate, _iterations, velocity):
    """Nesterov momentum (Sutskever et al., ICML 2013, as PyTorch writes it); the decay is part of the gradient."""
    gradient = _clipped(gradient, settings.clip_norm) + decay * weights
    velocity = settings.momentum * velocity + gradient
    return -learning_rate * (gradient + settings.momentum * velocity), velocity


def _adamw(settings: OptimizerSettings, gradient, weights, decay, learning_rate, iterations, first, second):
    """Loshchilov and Hutter, Decoupled weight decay regularization, arXiv 1711.05101, algorithm 2."""
    gradient, beta_1, beta_2 = _clipped(gradient, settings.clip_norm), settings.momentum, settings.beta_2
    first = beta_1 * first + (1 - beta_1) * gradient
    second = beta_2 * second + (1 - beta_2) * tf.square(gradient)
    mean = first / (1 - beta_1**iterations)
    deviation = tf.sqrt(second / (1 - beta_2**iterations))
    return -learning_rate * (mean / (deviation + 1e-8) + decay * weights), first, second


def _clipped(gradient: tf.Tensor, norm: float | None) -> tf.Tensor:
    return gradient if norm is None else tf.clip_by_norm(gradient, norm)
